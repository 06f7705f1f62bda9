//! The services: one folder per service, one file per command.
//!
//! Owns: the actors, their handles and their commands up to the commit. Must not know: HTTP, the engine of the store.
//! Begin with a service's `mod.rs`; `relay` hands events from one service to another.

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
