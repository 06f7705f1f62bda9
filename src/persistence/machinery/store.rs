//! The handle of a store.

use std::{
    convert::Infallible,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use super::{
    backend::{Backend, Embedded},
    catalog::StoreCatalog,
    commit_target::CommitTarget,
    decision::{Decision, Stop},
    keyring::Keyring,
    lease::{InProcessLeases, Lease, LeaseSource},
    log::{Log, LogHead},
    reader::TxFault,
    report::StoreCondition,
    shared::Shared,
    slow::{TimedTransaction, name_of},
    snapshot::SnapshotError,
    tx::Tx,
    upkeep::Upkeep,
    view::View,
    writer::{Write, group::ReplayCheck, job::Closure, step::StoreWriter},
};
use crate::{
    telemetry::metrics::groups::GroupMetrics,
    types::{Clock, Entropy, Failure, Fault},
};

/// The store of the process; clones are handles of the same store. Closed by `close`, or when the last handle is
/// dropped.
#[derive(Clone)]
pub struct Store {
    closer: Arc<BackendCloser>,
}

/// Stops the backend with the last handle.
struct BackendCloser {
    backend: Backend,
    tickets: AtomicU64,
}

impl Drop for BackendCloser {
    fn drop(&mut self) {
        self.backend.stop();
    }
}

impl Store {
    /// A store in memory that runs each closure twice and compares the results, for tests of flows. Its writer is a
    /// task of the current runtime, so that it follows tokio's paused time.
    pub fn assemble_in_memory(catalog: &'static StoreCatalog, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        Self::assemble_in_memory_under(catalog, (clock, entropy), Arc::new(InProcessLeases::of_opening(1)))
    }

    /// As `assemble_in_memory`; `leases` grants its leases.
    #[expect(clippy::disallowed_methods, reason = "the task belongs to the store: it ends with the last handle")]
    pub fn assemble_in_memory_under(
        catalog: &'static StoreCatalog,
        (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
        leases: Arc<dyn LeaseSource>,
    ) -> Self {
        let (store, writer) = Self::over_memory(catalog, (clock, entropy), leases);
        tokio::spawn(writer.drive_as_task());
        store
    }

    /// A store in memory whose writer is driven by the caller, for tests of the writer.
    pub fn assemble_in_hand(
        catalog: &'static StoreCatalog,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> (Self, StoreWriter) {
        Self::over_memory(catalog, (clock, entropy), Arc::new(InProcessLeases::of_opening(1)))
    }

    fn over_memory(
        catalog: &'static StoreCatalog,
        (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
        leases: Arc<dyn LeaseSource>,
    ) -> (Self, StoreWriter) {
        let ring = Arc::new(Keyring::generate(entropy, clock.now()));
        let target = CommitTarget::memory();
        let shared = Arc::new(Shared::new(catalog, clock, Arc::clone(target.engine()), ring));
        match StoreWriter::new(Arc::clone(&shared), target, ReplayCheck::Twice) {
            Ok(writer) => (Self::over(Embedded::new(shared, None, leases)), writer),
            Err(fault) => unreachable!("an empty tree in memory can be read: {fault}"),
        }
    }

    pub(super) fn over(embedded: Embedded) -> Self {
        let backend = Backend::Embedded(embedded);
        Self { closer: Arc::new(BackendCloser { backend, tickets: AtomicU64::new(0) }) }
    }

    /// The backend in this process, which has a directory, a key ring and a writer that can hang.
    fn embedded(&self) -> &Embedded {
        match &self.closer.backend {
            Backend::Embedded(embedded) => embedded,
        }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.embedded().shared().clock)
    }

    /// Runs a transaction that may refuse, and returns after it is durable. `f` is pure and may be run more than once.
    ///
    /// Fails with the refusal of `f`; with `Overloaded` if the queue stays full until the deadline, `Expired` if the
    /// deadline passes or the caller leaves before the transaction begins, `StorageFull` if the disk has less free
    /// space than `write` requires, `Bug` if `f` panics, exceeds a bound or fails a registered check (nothing is
    /// committed then), `Unknown` if the disk fails during the commit, `Unavailable` if the store is closed or lost.
    pub fn decide<T, R, F>(
        &self,
        write: Write,
        f: F,
    ) -> impl Future<Output = Result<T, Failure<R>>> + Send + use<T, R, F>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Decision<T, R> + Send + 'static,
    {
        self.decide_as(name_of::<F>(), write, f)
    }

    /// As `decide`; the log calls it `name` if it is slow.
    fn decide_as<T, R, F>(
        &self,
        name: &'static str,
        write: Write,
        f: F,
    ) -> impl Future<Output = Result<T, Failure<R>>> + Send + use<T, R, F>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Decision<T, R> + Send + 'static,
    {
        let backend = self.closer.backend.clone();
        let ticket = self.closer.tickets.fetch_add(1, Ordering::Relaxed);
        let timed = TimedTransaction::begin(self.clock(), name, &write);
        async move {
            let work = write.work.clone();
            let (reply, answer) = oneshot::channel();
            backend.transact(Box::new(Closure { write, ticket, f, answer: None, reply })).await;
            let answered = answer.await;
            timed.end();
            match answered {
                Ok(answer) => answer,
                // The writer ended without an answer, because it panicked.
                Err(_) if work.has_started_writing() => Err(Fault::unknown("the writer ended").into()),
                Err(_) => Err(Fault::Unavailable.into()),
            }
        }
    }

    /// Runs a transaction without refusals; otherwise as `decide`.
    pub fn write<T, F>(&self, write: Write, f: F) -> impl Future<Output = Result<T, Fault>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, TxFault> + Send + 'static,
    {
        let decided = self.decide_as(name_of::<F>(), write, move |tx| f(tx).map_err(Stop::<Infallible>::Fault));
        async move { decided.await.map_err(Failure::into_fault) }
    }

    /// Reads durable state: gets, and scans of at most `limits::SCAN_MAX` rows; longer lists are read in pages. On the
    /// embedded store `f` runs on the caller's thread and the future is ready when it is first polled.
    pub fn read<T, F>(&self, f: F) -> impl Future<Output = Result<T, Fault>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> Result<T, TxFault> + Send + 'static,
    {
        let closer = Arc::clone(&self.closer);
        async move { closer.backend.read(f).await }
    }

    /// The head of a log that readers see. A log that the store was assembled without is always empty.
    pub fn log_head(&self, log: &Log) -> LogHead {
        self.closer.backend.log_head(log)
    }

    /// Changes whenever `log_head` does.
    pub fn log_changed(&self, log: &Log) -> watch::Receiver<LogHead> {
        self.closer.backend.log_changed(log)
    }

    /// Waits until no other holds the lease `name`, the right to do work that may run only once at a time, and takes
    /// it. Fails with `Unavailable` once the store is lost or closed.
    pub fn lease(&self, name: Arc<str>) -> impl Future<Output = Result<Lease, Fault>> + Send + use<> {
        let backend = self.closer.backend.clone();
        async move { backend.lease(name).await }
    }

    /// Becomes `Some` with a reason when the store cannot continue and the process has to end: a sync or the engine
    /// failed, or the writer hangs.
    pub fn lost(&self) -> watch::Receiver<Option<String>> {
        self.embedded().shared().lost.subscribe()
    }

    /// Keys for `purpose` outside of tables (MACs, cursors), newest first: sign with the first, check with all.
    pub fn subkeys(&self, purpose: &str) -> Vec<Zeroizing<[u8; 32]>> {
        self.embedded().shared().ring().subkeys(purpose)
    }

    /// Whether the store was restored from a snapshot and sending was not allowed since: the original store may have
    /// sent everything already.
    pub fn is_restored(&self) -> bool {
        self.embedded().shared().restored.load(Ordering::Acquire)
    }

    /// Allows a restored store to send; durable when this returns. Blocks, as the functions of `upkeep` do.
    pub fn allow_sending(&self) -> Result<(), SnapshotError> {
        self.embedded().allow_sending()
    }

    /// Measures free space, and looks whether other processes are still kept out of the directory and the files of the
    /// journal are there. To be called about once per second.
    pub fn tend(&self) {
        self.embedded().tend();
    }

    /// Snapshots, retention of the journal, and freeing space; `None` for a store in memory. Its functions block: call
    /// them from a blocking thread.
    pub fn upkeep(&self) -> Option<&Upkeep> {
        self.embedded().upkeep()
    }

    /// The measurements of the groups of transactions.
    pub fn groups(&self) -> GroupMetrics {
        self.embedded().shared().groups.clone()
    }

    /// The condition of the store.
    pub fn condition(&self) -> StoreCondition {
        self.embedded().condition()
    }

    /// Accepts no more writes, finishes the queued ones, and closes the directory cleanly.
    pub async fn close(&self) {
        self.embedded().close().await;
    }
}
