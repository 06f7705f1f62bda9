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
    backend::{Backend, Embedded, Lease},
    catalog::StoreCatalog,
    commit_target::CommitTarget,
    decision::{Decision, Stop},
    keyring::Keyring,
    log::{Log, LogHead},
    reader::TxFault,
    report::StoreCondition,
    shared::Shared,
    snapshot::SnapshotError,
    tx::Tx,
    upkeep::Upkeep,
    view::View,
    writer::{Write, group::ReplayCheck, job::Closure, step::StoreWriter},
};
use crate::types::{Clock, Entropy, Failure, Fault};

/// The one store of the process; clones are handles of the same. Closed when `close` is called or the last is dropped.
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
    /// A store in memory whose closures are each run twice and compared, for tests of flows. Its writer is a task of
    /// the current runtime, so that it lives under tokio's paused time.
    #[expect(clippy::disallowed_methods, reason = "the task belongs to the store: it ends with the last handle")]
    pub fn assemble_in_memory(catalog: &'static StoreCatalog, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let (store, writer) = Self::assemble_in_hand(catalog, clock, entropy);
        tokio::spawn(writer.drive_as_task());
        store
    }

    /// A store in memory whose writer does nothing but what the caller lets it do, for tests of the writer.
    pub fn assemble_in_hand(
        catalog: &'static StoreCatalog,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> (Self, StoreWriter) {
        let ring = Arc::new(Keyring::generate(entropy, clock.now()));
        let target = CommitTarget::memory();
        let shared = Arc::new(Shared::new(catalog, clock, Arc::clone(target.engine()), ring));
        match StoreWriter::new(Arc::clone(&shared), target, ReplayCheck::Twice) {
            Ok(writer) => (Self::over(Embedded::new(shared, None, 1)), writer),
            Err(fault) => unreachable!("an empty tree in memory can be read: {fault}"),
        }
    }

    pub(super) fn over(embedded: Embedded) -> Self {
        let backend = Backend::Embedded(embedded);
        Self { closer: Arc::new(BackendCloser { backend, tickets: AtomicU64::new(0) }) }
    }

    /// What only the store in this process has: a directory, a key ring, a writer that can hang.
    fn embedded(&self) -> &Embedded {
        match &self.closer.backend {
            Backend::Embedded(embedded) => embedded,
        }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.embedded().shared().clock)
    }

    /// Runs a transaction that may refuse, and answers when it is durable. `f` is pure and may be run more than once.
    ///
    /// Fails with the refusal of `f`; with `Overloaded` if the queue stays full until the deadline, `Expired` if the
    /// deadline passes or the caller leaves before it is begun, `StorageFull` by the room that `write` asks for, `Bug`
    /// if it panics, passes a bound or fails a registered check (nothing is kept then), `Unknown` if the disk fails
    /// under it, `Unavailable` if the store is closed or lost.
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
        let backend = self.closer.backend.clone();
        let ticket = self.closer.tickets.fetch_add(1, Ordering::Relaxed);
        async move {
            let work = write.work.clone();
            let (reply, answer) = oneshot::channel();
            backend.transact(Box::new(Closure { write, ticket, f, answer: None, reply })).await;
            match answer.await {
                Ok(answer) => answer,
                // The writer ended without an answer: by a panic of its own.
                Err(_) if work.has_started_writing() => Err(Fault::unknown("the writer ended").into()),
                Err(_) => Err(Fault::Unavailable.into()),
            }
        }
    }

    /// Runs a transaction that refuses nothing; otherwise as `decide`.
    pub fn write<T, F>(&self, write: Write, f: F) -> impl Future<Output = Result<T, Fault>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, TxFault> + Send + 'static,
    {
        let decided = self.decide(write, move |tx| f(tx).map_err(Stop::<Infallible>::Fault));
        async move { decided.await.map_err(Failure::into_fault) }
    }

    /// Reads durable state. Runs on the caller's thread: gets, and scans within `limits::SCAN_MAX`; more in pages.
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T, TxFault>) -> Result<T, Fault> {
        self.closer.backend.read(f)
    }

    /// The end of a log as it can be read. One that the store was assembled without is empty and stays so.
    pub fn log_head(&self, log: &Log) -> LogHead {
        self.closer.backend.log_head(log)
    }

    /// Changes whenever `log_head` does.
    pub fn log_changed(&self, log: &Log) -> watch::Receiver<LogHead> {
        self.closer.backend.log_changed(log)
    }

    /// Takes the lease of that name: the right to do what must be done once at a time. Fails with `Unavailable` while
    /// another holds it, and once the store is lost.
    pub fn lease(&self, name: &'static str) -> impl Future<Output = Result<Lease, Fault>> + Send + use<> {
        let backend = self.closer.backend.clone();
        async move { backend.lease(name).await }
    }

    /// Becomes `Some` with a reason when the store cannot go on and the process has to end: a sync or the engine
    /// failed, or the writer hangs.
    pub fn lost(&self) -> watch::Receiver<Option<String>> {
        self.embedded().shared().lost.subscribe()
    }

    /// Keys for `purpose` outside of tables (MACs, cursors), newest first: make with the first, check with all.
    pub fn subkeys(&self, purpose: &str) -> Vec<Zeroizing<[u8; 32]>> {
        self.embedded().shared().ring().subkeys(purpose)
    }

    /// Whether the store came out of a snapshot and nobody has said since that it may send: its original may have sent
    /// everything already.
    pub fn is_restored(&self) -> bool {
        self.embedded().shared().restored.load(Ordering::Acquire)
    }

    /// Says that a restored store may send; durable when this returns. Blocks, as the functions of `upkeep` do.
    pub fn allow_sending(&self) -> Result<(), SnapshotError> {
        self.embedded().allow_sending()
    }

    /// To be called about once a second: measures free space, and gives the process up when the writer hangs.
    pub fn tend(&self) {
        self.embedded().tend();
    }

    /// Snapshots, retention of the journal, giving room back; `None` for a store in memory. Its functions block, so
    /// they are called from a thread that may.
    pub fn upkeep(&self) -> Option<&Upkeep> {
        self.embedded().upkeep()
    }

    /// How the store is doing.
    pub fn condition(&self) -> StoreCondition {
        self.embedded().condition()
    }

    /// Takes no more writes, finishes those that wait, closes the directory cleanly.
    pub async fn close(&self) {
        self.embedded().close().await;
    }
}
