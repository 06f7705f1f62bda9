//! The API as its clients meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod audit;
#[allow(dead_code, reason = "what tests of the API leave to those of races")]
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
mod invitations;
mod operations;
mod recovery;
mod reference;
mod sockets;
mod unproven;
mod users;
