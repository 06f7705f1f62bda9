//! Tests of the ledger's rules.
//!
//! Owns: `books.rs`, which keeps records as the store does; tables whose lines are a command and its outcome; a naive
//! model, written independently of the rules, and histories that are run against both.
//! Must not know: the store.
//! Begin with `tables.rs`.
#![expect(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "an overflow fails the test")]

mod books;
mod histories;
mod language;
mod model;
mod openings;
mod proofs;
mod tables;
