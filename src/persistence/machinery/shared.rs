//! What the handles of a store share with its writer.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::watch;

use super::{
    base::BaseError,
    catalog::StoreCatalog,
    checksum::DamagedValue,
    engine::{Engine, EngineError, EngineStats, verified::VerifiedView},
    keyring::Keyring,
    known_damage::KnownDamage,
    log::{Log, LogHead},
    open_reads::OpenReads,
    reader::TxFault,
    settings::WatchLimits,
    snapshot::SnapshotError,
    tree_mark::{MarkedValue, TreeMarker},
    view::View,
    writer::{job::WriteRoom, queue::WriterQueue, steps::WriterSteps},
};
use crate::{
    telemetry::metrics::groups::GroupMetrics,
    types::{Clock, Fault, Timestamp, limits},
};

/// Counts of the commits so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) commits: u64,
    pub(super) groups: u64,
    pub(super) largest_group: usize,
    pub(super) last_lsn: u64,
    pub(super) last_commit_at: Option<Timestamp>,
    pub(super) last_group_us: u64,
    pub(super) last_checkpoint_at: Option<Timestamp>,
}

/// Shared by `Store` and `Writer`.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: WriterQueue,
    /// The tree; `None` after the store is closed or lost. Its lock is the group lock: no reader runs while a group is
    /// applied, so no reader sees half a commit.
    pub(super) tree: RwLock<Option<Arc<dyn Engine>>>,
    pub(super) ring: RwLock<Arc<Keyring>>,
    /// The head of each log that readers see, in the order of the catalog.
    heads: Vec<watch::Sender<LogHead>>,
    pub(super) catalog: &'static StoreCatalog,
    /// Why the process has to end.
    pub(super) lost: watch::Sender<Option<String>>,
    /// Whether the writer has ended.
    pub(super) ended: watch::Sender<bool>,
    pub(super) free_bytes: AtomicU64,
    /// Whether the store was restored from a snapshot and sending was not allowed since.
    pub(super) restored: AtomicBool,
    /// Reads that are open now.
    pub(super) readers: OpenReads,
    /// The measurements of the groups.
    pub(super) groups: GroupMetrics,
    /// Marks the tree when it fails; `None`: the tree is in memory.
    marker: Option<Arc<TreeMarker>>,
    /// What is known to be wrong in the tree.
    pub(super) damage: KnownDamage,
    /// The step that the writer is at.
    pub(super) steps: Arc<WriterSteps>,
    tally: Mutex<Tally>,
    last_stats: Mutex<EngineStats>,
}

fn stats_of(tree: Option<&Arc<dyn Engine>>) -> EngineStats {
    tree.map_or(EngineStats { name: "none", disk_bytes: 0 }, |tree| tree.stats())
}

impl Shared {
    pub(super) fn new(
        catalog: &'static StoreCatalog,
        clock: Arc<dyn Clock>,
        tree: Arc<dyn Engine>,
        ring: Arc<Keyring>,
    ) -> Self {
        ring.prepare(catalog);
        let last_stats = Mutex::new(EngineStats { name: "none", disk_bytes: 0 });
        Self {
            catalog,
            queue: WriterQueue::new(),
            tree: RwLock::new(Some(tree)),
            ring: RwLock::new(ring),
            heads: catalog.logs.iter().map(|_| watch::Sender::new(LogHead::default())).collect(),
            lost: watch::Sender::new(None),
            ended: watch::Sender::new(false),
            free_bytes: AtomicU64::new(u64::MAX),
            restored: AtomicBool::new(false),
            readers: OpenReads::default(),
            groups: GroupMetrics::default(),
            marker: None,
            damage: KnownDamage::default(),
            steps: WriterSteps::new(Arc::clone(&clock), WatchLimits::default()),
            tally: Mutex::new(Tally::default()),
            last_stats,
            clock,
        }
    }

    /// The same with the steps of a target that enters its own.
    pub(super) fn watched_by(self, steps: &Arc<WriterSteps>) -> Self {
        Self { steps: Arc::clone(steps), ..self }
    }

    /// The same with a tree that is marked when it fails.
    pub(super) fn marked_by(self, marker: &Arc<TreeMarker>, damage: KnownDamage) -> Self {
        Self { marker: Some(Arc::clone(marker)), damage, ..self }
    }

    pub(super) fn ring(&self) -> Arc<Keyring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The head of a log that readers see. A log that the store was assembled without is always empty.
    pub(super) fn log_head(&self, log: &Log) -> LogHead {
        self.heads_of(log).map(|head| *head.borrow()).unwrap_or_default()
    }

    /// Changes whenever the head of the log does.
    pub(super) fn log_changed(&self, log: &Log) -> watch::Receiver<LogHead> {
        match self.heads_of(log) {
            Some(head) => head.subscribe(),
            None => watch::Sender::new(LogHead::default()).subscribe(),
        }
    }

    fn heads_of(&self, log: &Log) -> Option<&watch::Sender<LogHead>> {
        let mut heads = self.catalog.logs.iter().zip(&self.heads);
        heads.find(|(known, _)| known.tag == log.tag).map(|(_, head)| head)
    }

    /// Makes the rows up to `heads` visible.
    pub(super) fn publish(&self, heads: &[LogHead]) {
        for (published, head) in self.heads.iter().zip(heads) {
            published.send_if_modified(|published| std::mem::replace(published, *head) != *head);
        }
    }

    /// Runs `f` over durable state.
    pub(super) fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T, TxFault>) -> Result<T, Fault> {
        let _open = self.readers.enter();
        let ring = self.ring();
        // Readers hold this lock shared and change nothing: a panic in `f` leaves nothing inconsistent.
        let tree = self.tree()?;
        let engine = tree.as_ref().ok_or(Fault::Unavailable)?;
        let answer = match engine.view() {
            Ok(stored) => f(&View { engine: VerifiedView::over(stored), ring: &ring }),
            Err(error) => Err(error.into()),
        };
        drop(tree);
        answer.map_err(|fault| self.read_fault(&fault))
    }

    /// The tree, after the group that is being applied. `Unavailable` if that hangs: a thread of the runtime must not
    /// hang with it.
    #[expect(clippy::disallowed_methods, reason = "the lock of the standard library has no wait with a limit")]
    fn tree(&self) -> Result<RwLockReadGuard<'_, Option<Arc<dyn Engine>>>, Fault> {
        loop {
            match self.tree.try_read() {
                Ok(tree) => return Ok(tree),
                Err(TryLockError::Poisoned(tree)) => return Ok(tree.into_inner()),
                Err(TryLockError::WouldBlock) if self.steps.stuck().is_some() => return Err(Fault::Unavailable),
                Err(TryLockError::WouldBlock) => std::thread::sleep(limits::READ_LOOK_EVERY),
            }
        }
    }

    /// The figures of the tree; while a group is applied, the last ones. Waits for no lock that a hang holds.
    pub(super) fn engine_stats(&self) -> EngineStats {
        let found = match (self.steps.stuck(), self.tree.try_read()) {
            (Some(_), _) | (None, Err(TryLockError::WouldBlock)) => None,
            (None, Ok(tree)) => Some(stats_of(tree.as_ref())),
            (None, Err(TryLockError::Poisoned(tree))) => Some(stats_of(tree.into_inner().as_ref())),
        };
        let mut last = self.last_stats.lock().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().for_each(|found| *last = found);
        last.clone()
    }

    fn read_fault(&self, fault: &TxFault) -> Fault {
        match fault {
            TxFault::Damaged(value) if self.persists(value) => Fault::bug(fault.to_string()),
            TxFault::Engine(_) | TxFault::Damaged(_) => {
                self.lose_reading(fault);
                Fault::Unavailable
            }
            TxFault::Conflict | TxFault::TooLarge(_) | TxFault::Corrupt(_) | TxFault::Check(_) => {
                Fault::bug(fault.to_string())
            }
        }
    }

    /// Marks the store as lost: reports the reason to the code that ends the process, and accepts no more work.
    pub(super) fn lose(&self, reason: String) {
        let first = self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert_with(|| reason.clone());
            first
        });
        if first {
            tracing::error!(%reason, "the store is lost; the process has to end");
        }
        self.queue.close();
    }

    /// Marks the tree, so that the next start sets it aside, and marks the store as lost.
    pub(super) fn lose_tree(&self, reason: String) {
        if let Some(marker) = self.marker.as_ref().filter(|_| !self.is_lost()) {
            marker.mark(&reason);
        }
        self.lose(reason);
    }

    /// Whether a rebuild of the tree did not repair a damaged value, so that another one would not either.
    pub(super) fn persists(&self, value: &DamagedValue) -> bool {
        self.damage.persists(value, self.catalog.table_name(value.tag()))
    }

    /// After a read that failed because of the tree: marks it, and marks the store as lost.
    pub(super) fn lose_reading(&self, fault: &TxFault) {
        let TxFault::Damaged(value) = fault else { return self.lose_tree(format!("reading the tree: {fault}")) };
        let table = self.catalog.table_name(value.tag());
        let reason = format!("{table}: {value}");
        if let Some(marker) = self.marker.as_ref().filter(|_| !self.is_lost()) {
            let (at, lsn) = (self.clock.now(), self.tally().last_lsn);
            let marked = MarkedValue { table: table.to_owned(), key: value.name().to_string(), at, lsn };
            marker.mark_value(&reason, Some(marked));
        }
        self.lose(reason);
    }

    /// After a walk over the tree: a damaged value loses the store; rows that are missing or do not fit degrade it, and
    /// the next start rebuilds the tree.
    pub(super) fn note_walk<T>(&self, walked: &Result<T, SnapshotError>) {
        match walked {
            Ok(_) => {
                self.damage.set_inconsistent(None);
            }
            Err(SnapshotError::Engine(EngineError::Damaged(value))) if !self.persists(value) => {
                self.lose_reading(&TxFault::Damaged(value.clone()));
            }
            Err(SnapshotError::Inconsistent(text)) => {
                if self.damage.set_inconsistent(Some(text.clone()))
                    && let Some(marker) = &self.marker
                {
                    marker.mark(text);
                }
            }
            Err(_) => {}
        }
    }

    /// As a failed operation demands: with the tree's mark if the engine failed, unless the disk was full.
    pub(super) fn lose_by(&self, step: &str, error: &BaseError) {
        let reason = format!("{step}: {error}");
        match error {
            BaseError::Engine(engine) if !engine.is_full() => self.lose_tree(reason),
            BaseError::Engine(_)
            | BaseError::Io { .. }
            | BaseError::Frame(_)
            | BaseError::Full(_)
            | BaseError::Descriptors(_) => self.lose(reason),
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Closes the tree for readers.
    pub(super) fn drop_tree(&self) {
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Checks that the disk has enough free space for this kind of commit.
    pub(super) fn check_space(&self, room: WriteRoom) -> Result<(), Fault> {
        let free = self.free_bytes.load(Ordering::Relaxed);
        let least = match room {
            WriteRoom::Growth => limits::DISK_LOW,
            WriteRoom::Service => limits::DISK_FULL,
            WriteRoom::Reclaim => 0,
        };
        if free < least { Err(Fault::StorageFull) } else { Ok(()) }
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
