//! The kit: addresses, supervision, jobs, directories, figures, shutdown. Time is paused: what waits, waits for a
//! state.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod calls;
mod directory;
mod groups;
mod shutdown;
mod stats;
mod systems;
mod tasks;
mod test_service;
mod tree;
