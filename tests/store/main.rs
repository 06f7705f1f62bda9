//! The store from outside: groups, promises, bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod crashes;
mod engines;
mod group;
mod log;
mod tools;
mod yard;
