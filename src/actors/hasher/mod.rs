//! The hasher: threads that hash and compare passwords, and nothing else.
//!
//! - **Owns:** the waiting places, the threads' scratch memory, the count of hashes. No table.
//! - **Wakes on:** a job put into a reserved place.
//! - **Promises:** at most so many wait, at most so many of those from one network, logins before registrations; a job
//!   whose caller has gone is not begun; a panic in a job is answered with `Bug` and its thread goes on.
//! - **Loses on crash:** the jobs that wait, each answered `Unavailable`; nothing was written for them but a counted
//!   attempt.
//!
//! Must not know: users, sessions, the store. Begin with `pool.rs`.

mod pool;
mod queue;
mod threads;

pub use pool::{HasherBounds, HasherPlace, HasherPool, HasherReport};
pub use queue::Priority;
