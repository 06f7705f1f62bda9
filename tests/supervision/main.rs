//! Supervision: addresses, restarts, jobs, directories, statistics, shutdown. Time is paused, and tests wait for
//! states.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests panic, and read the machine's time")]

mod calls;
mod directory;
mod groups;
mod shutdown;
mod stats;
mod systems;
mod tasks;
mod test_service;
mod tree;
