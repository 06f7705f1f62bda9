//! The services: one folder each, one file a flow.
//!
//! Owns: the actors, their handles and their flows from command to commit. Must not know: HTTP, the engine of the
//! store. Begin with the service you look for; `relay` carries news from one to another.

pub mod audit;
pub mod auth;
pub mod edge;
pub mod hasher;
pub mod leased;
pub mod migrator;
pub mod notifier;
pub mod operations;
pub mod otp;
pub mod relay;
mod settings;
pub mod store_keeper;
pub mod upkeep;
pub mod user;
