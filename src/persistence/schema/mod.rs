//! What the store keeps: tables, the event log, the audit trail, the keys of persons.
//!
//! Owns: the bytes in front of keys, the records, their indexes, what an event and an entry are stored as. Must not
//! know: how a commit is made, the rules of any service. Begin with `assembly.rs` (what the machinery is
//! handed) and `tables/mod.rs`.

pub mod assembly;
pub mod audit;
pub mod content;
mod emit;
pub mod events;
pub mod migrations;
pub mod persons;
mod records;
pub mod tables;
