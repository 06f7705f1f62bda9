//! What the store keeps: tables, the event log, the audit trail, the keys of persons.
//!
//! Owns: the bytes in front of keys, the records, their indexes, what an event and an entry are stored as. Must not
//! know: how a commit is made, the rules of any service. Begin with `tables/mod.rs`.

pub mod audit;
pub mod content;
pub mod events;
pub mod persons;
pub mod tables;
