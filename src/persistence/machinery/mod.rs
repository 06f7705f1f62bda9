//! How a commit is made, stored and read, independent of its content.
//!
//! Owns: the data directory, the journal, the engines, checkpoints, snapshots, the writer, transactions, typed tables,
//! sealing. Must not know: any table, event or audit entry, the domain. Begin with `store.rs` (the handle) and `tx.rs`
//! (what a transaction may do); below them with `base.rs` (an opened directory), then `journal/mod.rs`, `open.rs` and
//! `trust.rs` (what is trusted after a crash).

mod backend;
mod ballast;
pub mod base;
mod base_error;
pub mod batch;
pub mod catalog;
pub mod change;
pub mod check;
pub mod checkpoint;
pub mod checksum;
pub mod codec;
mod commit_target;
pub mod decision;
pub mod engine;
pub mod files;
pub mod format;
pub mod fs;
mod heads_proof;
pub mod journal;
pub mod key;
pub mod keyring;
mod known_damage;
pub mod layout;
pub mod lease;
pub mod links;
mod live_bytes;
pub mod lock;
pub mod log;
pub mod loss;
pub mod migrations;
mod no_room;
mod open;
mod open_reads;
pub mod opening;
pub mod opening_watch;
mod overlay;
pub mod progress;
pub mod reader;
pub mod rebuild;
pub mod record;
pub mod report;
pub mod scan;
mod scrub;
pub mod sealing;
pub mod settings;
mod shared;
mod slow;
pub mod snapshot;
pub mod store;
pub mod swap;
pub mod table;
mod tending;
#[cfg(test)]
mod test_sources;
pub mod tree_mark;
pub mod trees;
mod troubles;
pub mod trust;
pub mod tx;
pub mod upkeep;
pub mod view;
pub mod writer;

pub use batch::{Batch, Lsn, Operation};
