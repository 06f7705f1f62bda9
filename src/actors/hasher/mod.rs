//! The hasher: threads that hash and compare passwords.
//!
//! - **Owns:** the places of the queue, the threads' scratch memory, the counts of hashes. No table.
//! - **Wakes on:** a job in a reserved place.
//! - **Promises:** the queue is bounded, in total and per network; logins precede registrations; a job whose caller has
//!   stopped waiting is not started; a panic in a job is answered with `Bug`, and its thread continues.
//! - **Loses on crash:** the waiting jobs, each answered with `Unavailable`; only their login attempts were written.
//!
//! Must not know: users, sessions, the store. Begin with `pool.rs`.

mod pool;
mod queue;
mod threads;

pub use pool::{HasherBounds, HasherPlace, HasherPool, HasherReport};
pub use queue::Priority;
