//! The one place that keeps things: a journal that makes a commit durable, and a tree that holds the state in order.
//!
//! Owns: the data directory, the journal, the engines, checkpoints, snapshots, transactions, tables, sealing, the event
//! log and the audit trail. Must not know: HTTP, actors, any flow. Begin with `store.rs` (the handle), `tx.rs` (what a
//! transaction may do) and `tables/mod.rs` (what there is); below them with `base.rs` (an opened directory), then
//! `journal/mod.rs`, `open.rs` and `trust.rs` (what is believed after a crash).

pub mod audit;
pub mod base;
pub mod batch;
pub mod check;
pub mod checkpoint;
pub mod codec;
mod commit_target;
pub mod content;
pub mod decision;
pub mod engine;
pub mod events;
pub mod files;
pub mod format;
pub mod fs;
pub mod journal;
pub mod key;
pub mod keyring;
pub mod layout;
pub mod lock;
pub mod loss;
pub mod migrations;
mod open;
pub mod opening;
mod overlay;
pub mod persons;
pub mod progress;
pub mod reader;
mod rebuild;
pub mod record;
mod report;
pub mod scan;
pub mod sealing;
pub mod settings;
mod shared;
pub mod snapshot;
pub mod store;
pub mod table;
pub mod tables;
pub mod trees;
pub mod trust;
pub mod tx;
pub mod upkeep;
pub mod view;
pub mod writer;

pub use batch::{Batch, Lsn, Operation};
pub use decision::{Decision, Stop, Verdict, refuse, refuse_and_keep};
pub use key::TableKey;
pub use opening::{KeyLoss, OpenFault, Options};
pub use reader::{Reader, TxFault};
pub use record::Record;
pub use scan::Scan;
pub use store::Store;
pub use table::Table;
pub use tx::Tx;
pub use view::View;
pub use writer::{ReplayCheck, Write, WriteLane, WriteRoom};
