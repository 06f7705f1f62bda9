//! The API as its clients meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod contract;
mod form;
mod guards;
mod harness;
mod house;
mod inbox;
mod operations;
mod reference;
mod sockets;
