//! Reports for operators, and logs.
//!
//! Owns: the plain types of the reports on the system. Must not know: the domain, the actors, the store, which fill the
//! types in. Begin with `log`.

pub mod actors;
pub mod events;
pub mod health;
pub mod log;
pub mod metrics;
pub mod starting;
pub mod store;
