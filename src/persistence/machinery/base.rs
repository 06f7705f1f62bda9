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
    fs::is_full,
    heads_proof::{self, ProofError},
    journal::{
        frame::FrameTime,
        writer::{AppendError, JournalWriter},
    },
    layout::Layout,
    lock::DirectoryLock,
    log::{Log, LogHead},
    open::{self, Opened},
    opening_watch::OpeningWatch,
    rebuild::{GrowingTree, RebuildError, TreeSources, unwatched},
    settings::{StoreEnvironment, StoreSettings, Tuning},
    snapshot::SnapshotDisk,
    swap::handover::{Handover, OldTree},
    tree_mark::TreeMarker,
    trees::{self, TreeName},
    upkeep::Upkeep,
    writer::steps::{WriterStep, WriterSteps},
};
pub use super::{
    base_error::BaseError,
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
    end_of_swaps: EndOfSwaps,
    opening: Opening,
    checkpoint: Checkpoint,
    since_checkpoint: SinceCheckpoint,
    steps: Arc<WriterSteps>,
    /// The heads of the logs for the next checkpoint; `None`: those of the checkpoint before.
    heads: Option<NotedHeads>,
    marker: Arc<TreeMarker>,
    /// The trees that this opening replaced or found, which the next checkpoint removes.
    old_trees: Vec<TreeName>,
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
    /// A replaced tree is removed after the next checkpoint, which is due even without commits.
    owed: bool,
}

/// Stops a running swap when the base is closed or dropped.
struct EndOfSwaps(Upkeep);

impl Drop for EndOfSwaps {
    fn drop(&mut self) {
        self.0.inner.swaps.handover.end();
    }
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
        let upkeep = Upkeep::new(&environment, &layout, settings, &engine, &progress, format.created)?;
        let held = Arc::new(held);
        let ballast = upkeep.guard(&held);
        let steps = WriterSteps::new(Arc::clone(&environment.clock), settings.tuning.watch);
        let looked = environment.clock.instant();
        let since_checkpoint = SinceCheckpoint { written: 0, taken: looked, owed: false };
        let end_of_swaps = EndOfSwaps(upkeep.clone());
        let tree = TreeName(checkpoint.tree.clone());
        let old_trees = trees::others(&layout, &tree).unwrap_or_default();
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
            end_of_swaps,
            opening,
            checkpoint,
            since_checkpoint,
            steps,
            heads: None,
            marker,
            old_trees,
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

    /// Puts another engine in the place of the tree's, for tests of its errors.
    #[cfg(test)]
    pub(super) fn set_engine(&mut self, engine: Arc<dyn Engine>) {
        self.engine = engine;
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
    /// fails again: then the writer has the tree rebuilt, in the space of the ballast.
    pub fn apply(&mut self, group: DurableGroup) -> Result<(), BaseError> {
        self.ballast.relieve(EngineError::is_full, || self.engine.apply(&group.operations, group.last))?;
        self.progress.applies(group.last);
        Ok(())
    }

    /// Takes a checkpoint if enough bytes were written or enough time has passed; returns whether it did.
    pub fn checkpoint_if_due(&mut self) -> Result<bool, BaseError> {
        self.look_at_journal()?;
        if self.progress.applied() <= self.checkpoint.lsn() && !self.since_checkpoint.owed {
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
        self.write_checkpoint(self.checkpoint_at(lsn))?;
        self.since_checkpoint = SinceCheckpoint { written: 0, taken: self.environment.clock.instant(), owed: false };
        self.retire_old_trees();
        Ok(())
    }

    /// The next checkpoint: all commits up to `lsn` are durable in the tree.
    fn checkpoint_at(&self, lsn: Lsn) -> Checkpoint {
        let heads = self.heads.as_ref().map_or_else(|| self.checkpoint.heads.clone(), NotedHeads::stored);
        Checkpoint { lsn: lsn.0, time: self.progress.last_time(), heads, ..self.checkpoint.clone() }
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
        for name in std::mem::take(&mut self.old_trees) {
            if let Err(error) = trees::remove_tree(&self.layout, &name) {
                tracing::warn!(%error, "an old tree could not be removed; the next start tries again");
            }
        }
    }

    fn write_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), BaseError> {
        let write = || checkpoint::write(&*self.environment.fs, &self.layout, &checkpoint);
        self.ballast.relieve(is_full, write).map_err(BaseError::of_file("writing the checkpoint"))?;
        self.progress.checkpoints(checkpoint.lsn());
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// The rebuilt tree that waits to replace this one, if there is one. It has to be passed to `finish_tree` and
    /// `install`, or back to the handover.
    pub(super) fn offered_tree(&self) -> Option<GrowingTree> {
        self.upkeep.inner.swaps.handover.take()
    }

    /// The exchange with the thread that rebuilds the tree.
    pub(super) fn handover(&self) -> &Handover {
        &self.upkeep.inner.swaps.handover
    }

    /// Brings a rebuilt tree to the last commit, and makes it durable. Errors are those of the new tree: the present
    /// one stays as it is.
    pub(super) fn finish_tree(&self, tree: &mut GrowingTree) -> Result<(), RebuildError> {
        let sources = TreeSources { disk: SnapshotDisk::of(&self.environment), layout: &self.layout };
        tree.follow(sources, self.progress.committed(), &mut unwatched)?;
        tree.engine.checkpoint()?;
        let synced = trees::sync_names(&self.layout, &tree.name);
        synced.map_err(|error| EngineError::new(tree.engine.stats().name, error).into())
    }

    /// Makes a finished tree the current one: the checkpoint names it when this returns. After an error that is not
    /// fatal it is tried again with the same tree, which the checkpoint may name already.
    pub(super) fn install(&mut self, tree: &GrowingTree) -> Result<OldTree, BaseError> {
        let lsn = tree.applied();
        let old = TreeName(self.checkpoint.tree.clone());
        self.write_checkpoint(Checkpoint { tree: tree.name.0.clone(), ..self.checkpoint_at(lsn) })?;
        self.marker.follow(&tree.name);
        let engine = std::mem::replace(&mut self.engine, Arc::clone(&tree.engine));
        self.upkeep.set_engine(&tree.engine);
        self.progress.applies(lsn);
        self.since_checkpoint = SinceCheckpoint { written: 0, taken: self.environment.clock.instant(), owed: true };
        Ok(OldTree { name: old, engine, checkpoints: self.progress.checkpoints_taken() })
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
        let Self { engine, environment, layout, checkpoint, upkeep, end_of_swaps, ballast, held, .. } = self;
        drop(end_of_swaps);
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
            && !upkeep.inner.swaps.is_running()
            && Arc::strong_count(&engine) == 1
        {
            drop(engine);
            return true;
        }
        std::thread::sleep(CLOSE_LOOK_EVERY);
    }
    false
}
