//! The handle of a store.

use std::{
    convert::Infallible,
    future::Future,
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use super::{
    commit_target::CommitTarget,
    decision::{Decision, Stop, Verdict},
    keyring::Keyring,
    reader::TxFault,
    report,
    shared::Shared,
    snapshot::SnapshotError,
    tx::Tx,
    upkeep::Upkeep,
    view::View,
    writer::{Write, group::ReplayCheck, job::Closure, step::StoreWriter},
};
use crate::{
    telemetry::store::StoreReport,
    types::{Clock, Entropy, Failure, Fault, limits},
};

/// The one store of the process; clones are handles of the same. Closed when `close` is called or the last is dropped.
#[derive(Clone)]
pub struct Store {
    closer: Arc<QueueCloser>,
}

/// Closes the queue with the last handle.
struct QueueCloser {
    shared: Arc<Shared>,
    /// Snapshots and room on the disk; `None`: in memory.
    upkeep: Option<Upkeep>,
}

impl Drop for QueueCloser {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl Store {
    /// A store in memory whose closures are each run twice and compared, for tests of flows. Its writer is a task of
    /// the current runtime, so that it lives under tokio's paused time.
    #[allow(clippy::disallowed_methods, reason = "the task belongs to the store: it ends with the last handle")]
    pub fn in_memory(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let (store, writer) = Self::in_hand(clock, entropy);
        tokio::spawn(writer.drive_as_task());
        store
    }

    /// A store in memory whose writer does nothing but what the caller lets it do, for tests of the writer.
    pub fn in_hand(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> (Self, StoreWriter) {
        let ring = Keyring::generate(entropy, clock.now());
        let (target, replay_check) = (CommitTarget::memory(), ReplayCheck::Twice);
        match Self::assemble(clock, Arc::new(ring), target, replay_check) {
            Ok((shared, writer)) => (Self::over(shared, None), writer),
            Err(fault) => unreachable!("an empty tree in memory can be read: {fault}"),
        }
    }

    pub(super) fn over(shared: Arc<Shared>, upkeep: Option<Upkeep>) -> Self {
        Self { closer: Arc::new(QueueCloser { shared, upkeep }) }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.closer.shared.clock)
    }

    pub(super) fn assemble(
        clock: Arc<dyn Clock>,
        ring: Arc<Keyring>,
        target: CommitTarget,
        replay_check: ReplayCheck,
    ) -> Result<(Arc<Shared>, StoreWriter), TxFault> {
        let shared = Arc::new(Shared::new(clock, Arc::clone(target.engine()), ring));
        let writer = StoreWriter::new(Arc::clone(&shared), target, replay_check)?;
        Ok((shared, writer))
    }

    /// Runs a transaction that may refuse, and answers when it is durable. `f` is pure and may be run more than once.
    ///
    /// Fails with the refusal of `f`; with `Overloaded` if the queue stays full until the deadline, `Expired` if the
    /// deadline passes or the caller leaves before it is begun, `StorageFull` by the room that `write` asks for, `Bug`
    /// if it panics or passes a bound (nothing is kept then), `Unknown` if the disk fails under it, `Unavailable` if the
    /// store is closed or lost.
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
        let shared = Arc::clone(&self.closer.shared);
        async move {
            shared.check_space(write.room)?;
            let work = write.work.clone();
            let place = shared.queue.place(write.lane, work.deadline).await?;
            let (reply, answer) = oneshot::channel();
            let ticket = shared.tickets.fetch_add(1, Ordering::Relaxed);
            let job = Closure { write, ticket, f, answer: None, reply };
            if !shared.queue.push(Box::new(job), place) {
                return Err(Fault::Unavailable.into());
            }
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

    /// As `decide`, in the terms that are being replaced.
    pub fn old_write<T, F>(&self, write: Write, f: F) -> impl Future<Output = Result<T, Fault>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<Verdict<T>, TxFault> + Send + 'static,
    {
        let decided = self.decide(write, move |tx| match f(tx)? {
            Verdict::Commit(answer) => Ok(answer),
            Verdict::Discard(answer) => Err(Stop::Refuse(answer)),
        });
        async move {
            match decided.await {
                Ok(answer) | Err(Failure::Refused(answer)) => Ok(answer),
                Err(Failure::Fault(fault)) => Err(fault),
            }
        }
    }

    /// Reads durable state. Runs on the caller's thread: gets, and scans within `limits::SCAN_MAX`; more in pages.
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T, TxFault>) -> Result<T, Fault> {
        self.closer.shared.read(f)
    }

    /// The sequence of the last event that can be read; 0 if there never was one.
    pub fn head(&self) -> u64 {
        *self.closer.shared.head.borrow()
    }

    /// Changes whenever `head` does.
    pub fn events_changed(&self) -> watch::Receiver<u64> {
        self.closer.shared.head.subscribe()
    }

    /// Becomes `Some` with a reason when the store cannot go on and the process has to end: a sync or the engine
    /// failed, or the writer hangs.
    pub fn lost(&self) -> watch::Receiver<Option<String>> {
        self.closer.shared.lost.subscribe()
    }

    /// Keys for `purpose` outside of tables (MACs, cursors), newest first: make with the first, check with all.
    pub fn subkeys(&self, purpose: &str) -> Vec<Zeroizing<[u8; 32]>> {
        self.closer.shared.ring().subkeys(purpose)
    }

    /// Whether the store came out of a snapshot and nobody has said since that it may send: its original may have sent
    /// everything already.
    pub fn is_restored(&self) -> bool {
        self.closer.shared.restored.load(Ordering::Acquire)
    }

    /// Says that a restored store may send; durable when this returns. Blocks, as the functions of `upkeep` do.
    pub fn allow_sending(&self) -> Result<(), SnapshotError> {
        if let Some(upkeep) = &self.closer.upkeep {
            upkeep.allow_sending()?;
        }
        self.closer.shared.restored.store(false, Ordering::Release);
        Ok(())
    }

    /// To be called about once a second: measures free space, and gives the process up when the writer hangs.
    pub fn tend(&self) {
        let shared = &self.closer.shared;
        if let Some(Ok(free)) = self.closer.upkeep.as_ref().map(Upkeep::free_bytes) {
            shared.free_bytes.store(free, Ordering::Relaxed);
        }
        if shared.busy_for() >= limits::WRITER_LOST {
            shared.lose(format!("the writer is busy with one step for more than {:?}", limits::WRITER_LOST));
        }
    }

    /// Snapshots, retention of the journal, giving room back; `None` for a store in memory. Its functions block, so
    /// they are called from a thread that may.
    pub fn upkeep(&self) -> Option<&Upkeep> {
        self.closer.upkeep.as_ref()
    }

    /// What operators see.
    pub fn report(&self) -> StoreReport {
        report::of(&self.closer.shared)
    }

    /// Takes no more writes, finishes those that wait, closes the directory cleanly.
    pub async fn close(&self) {
        let mut ended = self.closer.shared.ended.subscribe();
        self.closer.shared.queue.close();
        // The sender lives in `shared`, which is held here.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}
