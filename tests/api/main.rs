//! The API as clients use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::print_stdout)]

mod answers;
mod audit;
mod auth;
mod challenges;
mod clock;
mod contract;
mod events;
mod form;
mod guards;
mod harness;
mod heads;
mod health;
mod home;
mod idle_services;
mod inbox;
mod invitations;
mod metrics;
mod operations;
mod origins;
#[path = "../peers/mod.rs"]
mod peers;
mod proxies;
mod recovery;
mod reference;
mod resets;
mod slow;
mod sockets;
#[allow(dead_code, reason = "what tests of the API leave to those of races")]
mod test_app;
mod unproven;
mod user_sessions;
mod users;
