//! The content of the store: tables, the event log, the audit log, the keys of persons.
//!
//! Owns: the first bytes of keys, the records, their indexes, the stored form of an event and of an audit entry. Must
//! not know: how a commit is made, the rules of any service. Begin with `assembly.rs` (the catalog for the machinery)
//! and `tables/mod.rs`.

pub mod assembly;
pub mod audit;
pub mod content;
mod emit;
pub mod events;
pub mod migrations;
pub mod persons;
mod records;
pub mod redating;
pub mod tables;
