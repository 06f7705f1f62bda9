//! The store from outside: groups, promises, bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod group;
mod log;
mod tools;
