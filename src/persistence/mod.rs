//! The one place that keeps things: a journal that makes a commit durable, and a tree that holds the state in order.
//!
//! Owns: the data directory, and what is stored in it. Must not know: HTTP, actors, any flow. Two folders that
//! `tests/tidy` keeps apart:
//!
//! ```text
//!   machinery   how a commit is made, kept and read: engines, journal, snapshots, writer, transactions, sealing
//!   schema      what is kept: tables, the event log, the audit logs, keys of persons, the list of migrations
//! ```
//!
//! `schema` imports `machinery`, never the reverse. Begin with `machinery/store.rs` (the handle), `machinery/tx.rs`
//! (what a transaction may do) and `schema/tables/mod.rs` (what there is). Other folders name both through the
//! re-exports below.

pub mod machinery;
pub mod schema;

pub use machinery::{
    Lease, base,
    batch::{self, Batch, Lsn, Operation},
    catalog, change, check, checkpoint, codec,
    decision::{self, Decision, Stop, refuse, refuse_and_keep},
    engine, files, format, fs, journal,
    key::{self, TableKey},
    keyring, layout, lock, log, loss,
    opening::{self, KeyLoss, OpenFault, Options},
    progress,
    reader::{self, Reader, TxFault},
    record::{self, Record},
    scan::{self, Scan},
    sealing, settings, snapshot,
    store::{self, Store},
    table::{self, Table},
    trees, trust,
    tx::{self, Tx},
    upkeep,
    view::{self, View},
    writer::{self, ReplayCheck, Write, WriteLane, WriteRoom},
};
pub use schema::{assembly, audit, content, events, migrations, persons, tables};
