//! What operators see: reports and logs.
//!
//! Owns: the plain types in which the state of the system is shown. Must not know: the domain, the actors, the store;
//! those fill the types in. Begin with `log`.

pub mod actors;
pub mod events;
pub mod health;
pub mod log;
pub mod metrics;
pub mod migration;
pub mod store;
