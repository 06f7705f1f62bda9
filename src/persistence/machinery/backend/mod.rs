//! Runs transactions: the interface below the handle of a store.
//!
//! Owns: the four requests to a store. Must not know: what a closure is about. The unit is the whole transaction, never
//! a single get or put: a backend may run a job again, on another state, before it answers it, and the rules for
//! closures follow from that (`docs/decisions/0030-the-seam-is-the-transaction.md`). Begin with `Backend`.
//!
//! ```text
//!   transact(job)   runs the job, once or more often, makes it durable, answers it
//!   read(f)         a view of durable state, never half a commit
//!   log_head(log)   the head of a log that readers see
//!   lease(name)     the right to do work that may run only once at a time, with its epoch
//! ```

mod embedded;

use std::sync::Arc;

use tokio::sync::watch;

pub(super) use embedded::Embedded;

use super::{
    lease::Lease,
    log::{Log, LogHead},
    reader::TxFault,
    view::View,
    writer::job::Job,
};
use crate::types::Fault;

/// Runs a store's transactions; clones are handles of the same backend.
#[derive(Clone)]
pub(super) enum Backend {
    /// The backend in this process, over a data directory or in memory.
    Embedded(Embedded),
}

impl Backend {
    /// Runs `job`, which may run more than once, and answers it; answers with a fault if the job cannot run.
    pub(super) async fn transact(&self, job: Box<dyn Job>) {
        match self {
            Self::Embedded(embedded) => embedded.transact(job).await,
        }
    }

    /// Runs `f` over durable state.
    pub(super) async fn read<T, F>(&self, f: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> Result<T, TxFault> + Send + 'static,
    {
        match self {
            Self::Embedded(embedded) => embedded.read(f),
        }
    }

    /// The head of a log that readers see.
    pub(super) fn log_head(&self, log: &Log) -> LogHead {
        match self {
            Self::Embedded(embedded) => embedded.log_head(log),
        }
    }

    /// Changes whenever the head of the log does.
    pub(super) fn log_changed(&self, log: &Log) -> watch::Receiver<LogHead> {
        match self {
            Self::Embedded(embedded) => embedded.log_changed(log),
        }
    }

    /// Waits until no other holds the lease `name`, and takes it. Fails with `Unavailable` once the backend has
    /// stopped.
    pub(super) async fn lease(&self, name: Arc<str>) -> Result<Lease, Fault> {
        match self {
            Self::Embedded(embedded) => embedded.lease(name).await,
        }
    }

    /// Accepts no more transactions; the waiting ones are still run.
    pub(super) fn stop(&self) {
        match self {
            Self::Embedded(embedded) => embedded.stop(),
        }
    }
}
