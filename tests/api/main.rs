//! The API as its clients meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[allow(dead_code, reason = "what some binaries of tests use and others do not")]
mod audit;
mod awake;
mod clock;
mod contract;
mod door;
mod events;
mod form;
mod guards;
mod harness;
mod health;
mod house;
mod inbox;
mod operations;
mod recovery;
mod reference;
mod sockets;
mod users;
