//! The store: a journal that makes a commit durable, and a tree that holds the state in key order.
//!
//! Owns: the data directory and its content. Must not know: HTTP, actors, any flow. Two folders, whose imports
//! `tests/tidy` checks:
//!
//! ```text
//!   machinery   how a commit is made, stored and read: engines, journal, snapshots, writer, transactions, sealing
//!   schema      the content: tables, the event log, the audit logs, keys of persons, the list of migrations
//! ```
//!
//! `schema` imports `machinery`, never the reverse. Begin with `machinery/store.rs` (the handle), `machinery/tx.rs`
//! (what a transaction may do) and `schema/tables/mod.rs` (the inventory of tables). Other folders import both through
//! the re-exports below.

pub mod machinery;
pub mod schema;

pub use machinery::{
    base,
    batch::{self, Batch, Lsn, Operation},
    catalog, change, check, checkpoint, checksum, codec,
    decision::{self, Decision, Stop, refuse, refuse_and_keep},
    engine, files, format, fs, journal,
    key::{self, TableKey},
    keyring, layout,
    lease::{self, Lease, LeaseFence, LeaseSource},
    lock, log, loss,
    opening::{self, KeyLoss, OpenFault, Options},
    opening_watch, progress,
    reader::{self, Reader, TxFault},
    record::{self, Record},
    scan::{self, Scan},
    sealing, settings, snapshot,
    store::{self, Store},
    swap,
    table::{self, Table},
    tree_mark, trees, trust,
    tx::{self, Tx},
    upkeep,
    view::{self, View},
    writer::{self, ReplayCheck, Write, WriteLane, WriteRoom},
};
pub use schema::{assembly, audit, content, events, migrations, persons, redating, tables};
