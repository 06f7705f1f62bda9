//! The domain: records and the pure functions that decide over them.
//!
//! Owns: the records of every service and the functions that decide over them. Must not know: the runtime, HTTP, the
//! store, a clock, or randomness: time and random bytes are arguments. Begin with `user/mod.rs` and `auth/mod.rs`.

pub mod access;
pub mod audit;
pub mod auth;
pub mod event;
pub mod ledger;
pub mod notification;
pub mod operations;
pub mod otp;
pub mod service;
pub mod user;
