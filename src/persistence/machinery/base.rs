//! An opened data directory: the engine, the journal, and the progress of both.
//!
//! The writer's order is `commit` (on disk when it returns), `apply`, answer; `checkpoint_if_due` after each group and
//! while the writer is idle; `close_clean` at the end. After an error that `BaseError::is_fatal` the directory is left
//! as it is and the process ends: the next open determines which unanswered commits are kept.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Batch, Lsn,
    ballast::Ballast,
    checkpoint::{self, Checkpoint, StoredHeads},
    checksum,
    engine::{Engine, EngineError},
    format::{self, Format, Seal},
    fs::{is_full, lacks_descriptors},
    heads_proof::{self, ProofError},
    journal::{
        frame::{FrameError, FrameTime},
        writer::{AppendError, JournalWriter},
    },
    layout::Layout,
    lock::DirectoryLock,
    log::{Log, LogHead},
    open::{self, Opened},
    opening_watch::OpeningWatch,
    settings::{StoreEnvironment, StoreSettings, Tuning},
    snapshot::SnapshotError,
    tree_mark::TreeMarker,
    trees::{self, TreeName},
    upkeep::Upkeep,
    writer::steps::{WriterStep, WriterSteps},
};
pub use super::{
    progress::StoreProgress,
    trust::{DistrustReason, OpenError, Opening, TreeState},
};
use crate::types::{JournalEnd, Timestamp, limits};

/// The interval at which a close checks whether readers have released the engine.
const CLOSE_LOOK_EVERY: Duration = Duration::from_millis(5);
/// The number of these checks: 2 s in total.
const CLOSE_LOOKS: usize = 400;

/// A transaction that is to be made durable; its values have no checksums yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The time of the decision.
    pub time: Timestamp,
    pub step: FrameTime,
    pub batch: Batch,
}

/// A group that is on disk and not yet applied to the tree.
#[derive(Debug)]
#[must_use = "a durable group has to be applied before it is answered"]
pub struct DurableGroup {
    operations: Batch,
    last: Lsn,
    synced_in: Duration,
}

impl DurableGroup {
    /// The time of its sync.
    pub fn synced_in(&self) -> Duration {
        self.synced_in
    }

    /// The number of its last commit; the others have the numbers directly before it.
    pub fn last(&self) -> Lsn {
        self.last
    }
}

/// Why an operation of the base failed.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A commit cannot be written; nothing of its group was written, and the base can continue.
    #[error("{0}")]
    Frame(FrameError),
    /// The disk is full; nothing of the group was written, and the base can continue.
    #[error("the disk is full: {0}")]
    Full(io::Error),
    /// There is no free file descriptor; nothing was changed, and the base can continue.
    #[error("no file descriptor is free: {0}")]
    Descriptors(io::Error),
    /// The disk failed. Waiting callers get `Fault::Unknown`, and the process ends.
    #[error("{step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The engine failed. Waiting callers get `Fault::Unknown`, and the process ends.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl BaseError {
    /// The error of a step that replaces a small file: the file is the old one or the new one.
    fn of_file(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            if lacks_descriptors(&source) {
                Self::Descriptors(source)
            } else if is_full(&source) {
                Self::Full(source)
            } else {
                Self::Io { step, source }
            }
        }
    }

    /// Whether the base cannot be used any more.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Frame(_) | Self::Full(_) | Self::Descriptors(_) => false,
            Self::Io { .. } | Self::Engine(_) => true,
        }
    }
}

impl From<AppendError> for BaseError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Frame(error) => Self::Frame(error),
            AppendError::Full(error) => Self::Full(error),
            AppendError::Descriptors(error) => Self::Descriptors(error),
            AppendError::Io { step, source } => Self::Io { step, source },
        }
    }
}

/// An opened data directory.
pub struct Base {
    // Before the lock, so that the lock is released last.
    engine: Arc<dyn Engine>,
    writer: JournalWriter,
    environment: StoreEnvironment,
    tuning: Tuning,
    layout: Layout,
    format: Format,
    progress: Arc<StoreProgress>,
    upkeep: Upkeep,
    ballast: Arc<Ballast>,
    /// When the files of the journal were looked at.
    looked: Instant,
    opening: Opening,
    checkpoint: Checkpoint,
    since_checkpoint: SinceCheckpoint,
    steps: Arc<WriterSteps>,
    /// The heads of the logs for the next checkpoint; `None`: those of the checkpoint before.
    heads: Option<NotedHeads>,
    marker: Arc<TreeMarker>,
    /// Whether trees of earlier openings may be left, which the next checkpoint removes.
    old_trees: bool,
    held: Arc<DirectoryLock>,
}

/// The heads of the logs after a commit, in the order of `logs`.
struct NotedHeads {
    lsn: Lsn,
    logs: &'static [&'static Log],
    heads: Vec<LogHead>,
}

impl NotedHeads {
    fn stored(&self) -> StoredHeads {
        StoredHeads::of(self.lsn, self.logs, &self.heads)
    }
}

struct SinceCheckpoint {
    written: u64,
    taken: Instant,
}

impl Base {
    /// Opens the directory, or creates it. `seal` is called after the directory is locked and before anything is
    /// written: with the store's format, or with `None` for a new store. It returns the next content of `store.json`,
    /// or why the keys do not fit.
    pub fn open(
        settings: &StoreSettings,
        environment: StoreEnvironment,
        seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
    ) -> Result<Self, OpenError> {
        Self::open_watched(settings, environment, &OpeningWatch::default(), seal)
    }

    /// As `open`; `watch` gets the progress and can stop it.
    pub fn open_watched(
        settings: &StoreSettings,
        environment: StoreEnvironment,
        watch: &OpeningWatch,
        seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
    ) -> Result<Self, OpenError> {
        let opened = open::open(settings, &environment, watch, seal)?;
        let Opened { held, layout, format, engine, writer, checkpoint, last_time, opening } = opened;
        if !opening.created {
            environment.clock.begin(JournalEnd { time: last_time, restored: format.restored });
        }
        let progress = Arc::new(StoreProgress::default());
        progress.starts(opening.last, last_time, checkpoint.lsn());
        let upkeep = Upkeep::new(&environment, &layout, &settings.tuning, &engine, &progress, format.created)?;
        let held = Arc::new(held);
        let ballast = upkeep.guard(&held);
        let steps = WriterSteps::new(Arc::clone(&environment.clock), settings.tuning.watch);
        let looked = environment.clock.instant();
        let since_checkpoint = SinceCheckpoint { written: 0, taken: looked };
        let tree = TreeName(checkpoint.tree.clone());
        let marker = Arc::new(TreeMarker::new(Arc::clone(&environment.fs), layout.clone(), tree));
        Ok(Self {
            engine,
            writer,
            environment,
            tuning: settings.tuning.clone(),
            layout,
            format,
            progress,
            upkeep,
            ballast,
            looked,
            opening,
            checkpoint,
            since_checkpoint,
            steps,
            heads: None,
            marker,
            old_trees: true,
            held,
        })
    }

    /// The tree. A clean close waits up to 2 s until all clones of this are dropped.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The progress of the store.
    pub fn progress(&self) -> &Arc<StoreProgress> {
        &self.progress
    }

    /// Snapshots, retention and free space, for other threads.
    pub fn upkeep(&self) -> &Upkeep {
        &self.upkeep
    }

    /// The step that the writer is at.
    pub fn steps(&self) -> &Arc<WriterSteps> {
        &self.steps
    }

    /// Marks the tree when it fails.
    pub fn marker(&self) -> &Arc<TreeMarker> {
        &self.marker
    }

    /// What was found and done when the directory was opened.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The epoch of this opening, higher than that of any before.
    pub fn epoch(&self) -> u64 {
        self.checkpoint.epoch
    }

    /// The keys for which the tree was rebuilt, because their values were damaged.
    pub(super) fn rebuilt_for(&self) -> &[String] {
        &self.checkpoint.rebuilt_for
    }

    /// The content of `store.json`.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Replaces `store.json`; durable when this returns.
    pub fn set_format(&mut self, format: Format) -> Result<(), BaseError> {
        format::write(&*self.environment.fs, &self.layout, &format)
            .map_err(BaseError::of_file("writing store.json"))?;
        self.format = format;
        Ok(())
    }

    /// The time of the last commit.
    pub fn last_time(&self) -> Timestamp {
        self.progress.last_time()
    }

    /// Adds the checksums to the values, appends a frame for each commit, and returns when all are on disk, by one
    /// `fdatasync`. An empty group needs no write.
    pub fn commit(&mut self, mut group: Vec<Commit>) -> Result<DurableGroup, BaseError> {
        if group.is_empty() {
            let (operations, last, synced_in) = (Batch::default(), self.writer.last(), Duration::ZERO);
            return Ok(DurableGroup { operations, last, synced_in });
        }
        group.iter_mut().for_each(|commit| checksum::append_all(&mut commit.batch));
        self.steps.enter(WriterStep::JournalWrite);
        self.ballast.give_up_if_needed();
        let is_full = |error: &AppendError| matches!(error, AppendError::Full(_));
        let bytes = self.ballast.relieve(is_full, || self.writer.append(&group))?;
        self.steps.enter(WriterStep::Sync);
        let clock = Arc::clone(&self.environment.clock);
        let began = clock.instant();
        self.writer.sync()?;
        let synced_in = clock.instant().saturating_duration_since(began);
        let last = self.writer.synced();
        let mut operations = Batch(Vec::with_capacity(group.iter().map(|commit| commit.batch.0.len()).sum()));
        let mut time = self.progress.last_time();
        for commit in group {
            time = commit.time;
            operations.0.extend(commit.batch.0);
        }
        self.progress.commits(last, time, bytes);
        self.since_checkpoint.written += bytes;
        Ok(DurableGroup { operations, last, synced_in })
    }

    /// Applies a durable group to the tree. On a full disk the ballast is given up and the group applied again, which
    /// has no further effect on what was applied of it. An engine that refuses every call after an error of the disk
    /// fails again: that is fatal, and the next start, which has the space of the ballast, replays the group.
    pub fn apply(&mut self, group: DurableGroup) -> Result<(), BaseError> {
        self.ballast.relieve(EngineError::is_full, || self.engine.apply(&group.operations, group.last))?;
        self.progress.applies(group.last);
        Ok(())
    }

    /// Takes a checkpoint if enough bytes were written or enough time has passed; returns whether it did.
    pub fn checkpoint_if_due(&mut self) -> Result<bool, BaseError> {
        self.look_at_journal()?;
        if self.progress.applied() <= self.checkpoint.lsn() {
            return Ok(false);
        }
        let age = self.environment.clock.instant().saturating_duration_since(self.since_checkpoint.taken);
        let due = self.since_checkpoint.written >= self.tuning.checkpoint_bytes || age >= self.tuning.checkpoint_every;
        if due {
            self.take_checkpoint()?;
        }
        Ok(due)
    }

    /// Every second: copies the journal's last segment back if its file was removed, and continues in a new one if that
    /// was asked for.
    fn look_at_journal(&mut self) -> Result<(), BaseError> {
        let now = self.environment.clock.instant();
        if now.saturating_duration_since(self.looked) < limits::JOURNAL_LOOK_EVERY {
            return Ok(());
        }
        self.looked = now;
        let is_full = |error: &AppendError| matches!(error, AppendError::Full(_));
        let restored = self.ballast.relieve(is_full, || self.writer.restore_if_unlinked());
        self.upkeep.note_restored(&restored);
        restored?;
        if self.progress.take_wanted_segment() {
            self.writer.begin_segment().inspect_err(|_| self.progress.want_segment())?;
        }
        Ok(())
    }

    fn take_checkpoint(&mut self) -> Result<(), BaseError> {
        // The file may record only what was applied before the engine's checkpoint was requested.
        let lsn = self.progress.applied();
        self.steps.enter(WriterStep::Checkpoint);
        self.ballast.relieve(EngineError::is_full, || self.engine.checkpoint())?;
        let heads = self.heads.as_ref().map_or_else(|| self.checkpoint.heads.clone(), NotedHeads::stored);
        let time = self.progress.last_time();
        let next = Checkpoint { lsn: lsn.0, time, heads, ..self.checkpoint.clone() };
        self.write_checkpoint(next)?;
        self.since_checkpoint = SinceCheckpoint { written: 0, taken: self.environment.clock.instant() };
        self.retire_old_trees();
        Ok(())
    }

    /// Compares the heads of `logs` in the tree with those that checkpoint and journal prove; returns the first
    /// difference.
    pub(super) fn heads_difference(&self, logs: &[&Log], heads: &[LogHead]) -> Result<Option<String>, ProofError> {
        let journal = (&*self.environment.fs, self.layout.journal.as_path());
        heads_proof::difference(journal, &self.checkpoint.heads, self.progress.committed(), (logs, heads))
    }

    /// The heads of `logs` after the last applied commit; the next checkpoint records them.
    pub(super) fn note_heads(&mut self, logs: &'static [&'static Log], heads: &[LogHead]) {
        self.heads = Some(NotedHeads { lsn: self.progress.applied(), logs, heads: heads.to_vec() });
    }

    /// Removes the trees that this opening replaced or found: the current one has proved to be usable.
    fn retire_old_trees(&mut self) {
        if std::mem::take(&mut self.old_trees)
            && let Err(error) = trees::retire_others(&self.layout, &TreeName(self.checkpoint.tree.clone()))
        {
            tracing::warn!(%error, "an old tree could not be removed; the next start tries again");
        }
    }

    fn write_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), BaseError> {
        let write = || checkpoint::write(&*self.environment.fs, &self.layout, &checkpoint);
        self.ballast.relieve(is_full, write).map_err(BaseError::of_file("writing the checkpoint"))?;
        self.progress.checkpoints(checkpoint.lsn());
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Takes a last checkpoint, closes the tree, and writes the mark of a clean close. If a reader still holds the tree
    /// after 2 s, everything is durable, but the mark is not written.
    pub fn close_clean(mut self) -> Result<Closed, BaseError> {
        if self.progress.applied() != self.progress.committed() {
            let source = io::Error::other("a group is on disk and was not applied");
            return Err(BaseError::Io { step: "closing", source });
        }
        self.upkeep.end();
        self.take_checkpoint()?;
        self.steps.enter(WriterStep::Close);
        let Self { engine, environment, layout, checkpoint, upkeep, ballast, held, .. } = self;
        if !close_engine(engine, &upkeep) {
            // The tree stays open until the process ends, so the lock on the directory is kept until then.
            std::mem::forget(held);
            return Ok(Closed::StillRead);
        }
        // From here on nothing writes to the tree's files any more, not even the engine.
        let failed = |step| move |source| BaseError::Io { step, source };
        trees::sync_files(&layout, &TreeName(checkpoint.tree.clone())).map_err(failed("syncing the tree"))?;
        let closed = Checkpoint { closed: true, ..checkpoint };
        let write = || checkpoint::write(&*environment.fs, &layout, &closed);
        ballast.relieve(is_full, write).map_err(failed("writing the checkpoint"))?;
        drop(held);
        Ok(Closed::Clean)
    }
}

/// The result of a close; everything is durable in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The mark of a clean close was written.
    Clean,
    /// A reader still held the tree: the directory stays locked until the process ends, and the next open treats this
    /// as a process that ended without a close.
    StillRead,
}

/// Waits until nothing else holds the engine, and closes it; returns whether it was closed.
#[expect(
    clippy::disallowed_methods,
    reason = "a close runs on the writer's own thread, and no event reports the end of a reader"
)]
fn close_engine(engine: Arc<dyn Engine>, upkeep: &Upkeep) -> bool {
    // Counted, not timed: a paused clock in a test must not keep a close waiting forever.
    for _ in 0..CLOSE_LOOKS {
        // During the pause no snapshot can take the engine, so the count stays valid.
        if let Some(_pause) = upkeep.try_pause()
            && Arc::strong_count(&engine) == 1
        {
            drop(engine);
            return true;
        }
        std::thread::sleep(CLOSE_LOOK_EVERY);
    }
    false
}

impl From<SnapshotError> for BaseError {
    fn from(error: SnapshotError) -> Self {
        Self::Io { step: "taking a snapshot", source: io::Error::other(error) }
    }
}
