//! The store from outside: groups, promises, bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod bytes;
mod crashes;
mod engines;
mod group;
mod house;
mod keys;
mod log;
mod migrations;
mod promises;
mod samples;
mod tools;
mod yard;
