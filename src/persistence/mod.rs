//! The one place that keeps things: a journal that makes a commit durable, and a tree that holds the state in order.
//!
//! Owns: the data directory, the journal, the engines, checkpoints, snapshots, and what is read from them. Must not
//! know: HTTP, actors, any flow. Begin with `base.rs` (an opened directory), then `journal/mod.rs` and `open.rs`
//! (what is believed after a crash).

pub mod base;
pub mod batch;
pub mod engine;
pub mod format;
pub mod fs;
pub mod settings;

pub use batch::{Batch, Lsn, Operation};
