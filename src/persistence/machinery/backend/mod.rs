//! What runs transactions: the seam below the handle of a store.
//!
//! Owns: the four things that a store is asked for. Must not know: what a closure is about. The seam is the whole
//! transaction, never a single get or put: a backend may run a job again, on another state, before it answers it, and
//! what a closure may do rests on that (`docs/decisions/0030-the-seam-is-the-transaction.md`). Begin with `Backend`.
//!
//! ```text
//!   transact(job)   runs it, once or again, makes it durable, answers it
//!   read(f)         a view of durable state, never half a commit
//!   log_head(log)   the end of a log as it can be read
//!   lease(name)     the right to do what must be done once at a time, with its epoch
//! ```

mod embedded;

use tokio::sync::watch;

pub(super) use embedded::Embedded;

use super::{
    log::{Log, LogHead},
    reader::TxFault,
    view::View,
    writer::job::Job,
};
use crate::types::Fault;

/// Where a store's transactions run; clones are the same.
#[derive(Clone)]
pub(super) enum Backend {
    /// In this process, over a data directory or in memory.
    Embedded(Embedded),
}

/// The right to do what must be done once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: &'static str,
    /// Rises with each time that it is granted to another holder. What a holder of a lower epoch has begun is over.
    pub epoch: u64,
}

impl Backend {
    /// Runs `job`, which may be run more than once, and answers it, with a fault if it cannot be run.
    pub(super) async fn transact(&self, job: Box<dyn Job>) {
        match self {
            Self::Embedded(embedded) => embedded.transact(job).await,
        }
    }

    /// Runs `f` over durable state.
    pub(super) fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T, TxFault>) -> Result<T, Fault> {
        match self {
            Self::Embedded(embedded) => embedded.read(f),
        }
    }

    /// The end of a log as it can be read.
    pub(super) fn log_head(&self, log: &Log) -> LogHead {
        match self {
            Self::Embedded(embedded) => embedded.log_head(log),
        }
    }

    /// Changes whenever the end of a log does.
    pub(super) fn log_changed(&self, log: &Log) -> watch::Receiver<LogHead> {
        match self {
            Self::Embedded(embedded) => embedded.log_changed(log),
        }
    }

    /// Takes the lease of that name. Fails with `Unavailable` while another holds it, and once the backend has stopped.
    pub(super) async fn lease(&self, name: &'static str) -> Result<Lease, Fault> {
        match self {
            Self::Embedded(embedded) => embedded.lease(name),
        }
    }

    /// Takes no more transactions; those that wait are still done.
    pub(super) fn stop(&self) {
        match self {
            Self::Embedded(embedded) => embedded.stop(),
        }
    }
}
