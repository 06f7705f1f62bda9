//! An opened data directory: the engine, the journal, and how far both have come.
//!
//! The writer's order is `commit` (on disk when it returns), `apply`, answer; `checkpoint_if_due` after each group and
//! whenever the writer idles; `close_clean` at the end. After an error that `BaseError::is_fatal` the directory is left
//! as it is and the process ends: what was not answered is settled by the next open.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Batch, Lsn,
    checkpoint::{self, Checkpoint},
    engine::{Engine, EngineError},
    format::{self, Format, Seal},
    fs::Held,
    journal::{
        frame::FrameError,
        writer::{AppendError, JournalWriter},
    },
    layout::Layout,
    open::{self, Opened},
    settings::{StoreEnvironment, StoreSettings, Tuning},
    snapshot::SnapshotError,
    trees::{self, TreeName},
    upkeep::Upkeep,
};
pub use super::{
    progress::StoreProgress,
    trust::{DistrustReason, OpenError, Opening, TreeState},
};
use crate::types::Timestamp;

/// How often a close looks whether readers have let go of the engine.
const CLOSE_LOOK_EVERY: Duration = Duration::from_millis(5);
/// How many times it does: for two seconds.
const CLOSE_LOOKS: usize = 400;

/// One transaction that is to be made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// When it was decided.
    pub time: Timestamp,
    /// What it changes.
    pub batch: Batch,
}

/// A group that is on disk and waits to be applied to the tree.
#[derive(Debug)]
#[must_use = "a durable group has to be applied before anybody is answered"]
pub struct DurableGroup {
    operations: Batch,
    last: Lsn,
}

impl DurableGroup {
    /// The number of its last commit; the others count down from it.
    pub fn last(&self) -> Lsn {
        self.last
    }
}

/// The base could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A commit cannot be written as it is; nothing of its group was, and the base can go on.
    #[error("{0}")]
    Frame(FrameError),
    /// The disk has no room; nothing of the group was written, and the base can go on.
    #[error("the disk is full: {0}")]
    Full(io::Error),
    /// The disk failed; whoever waits is told `Unknown` and the process ends.
    #[error("{step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The engine failed; whoever waits is told `Unknown` and the process ends.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl BaseError {
    /// Whether nothing can be done with this base any more.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Frame(_) | Self::Full(_) => false,
            Self::Io { .. } | Self::Engine(_) => true,
        }
    }
}

impl From<AppendError> for BaseError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Frame(error) => Self::Frame(error),
            AppendError::Full(error) => Self::Full(error),
            AppendError::Io { step, source } => Self::Io { step, source },
        }
    }
}

/// An opened data directory.
pub struct Base {
    // Before the lock, so that the lock is let go of last.
    engine: Arc<dyn Engine>,
    writer: JournalWriter,
    environment: StoreEnvironment,
    tuning: Tuning,
    layout: Layout,
    format: Format,
    progress: Arc<StoreProgress>,
    upkeep: Upkeep,
    opening: Opening,
    checkpoint: Checkpoint,
    since_checkpoint: SinceCheckpoint,
    held: Box<dyn Held>,
}

struct SinceCheckpoint {
    written: u64,
    taken: Instant,
}

impl Base {
    /// Opens the directory, or makes it. `seal` is called once the directory is locked and before anything is
    /// written: with the store's format, or with none for a new store; it gives what `store.json` shall hold, or says
    /// why the keys do not fit.
    pub fn open(
        settings: &StoreSettings,
        environment: StoreEnvironment,
        seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
    ) -> Result<Self, OpenError> {
        let opened = open::open(settings, &environment, seal)?;
        let Opened { held, layout, format, engine, writer, checkpoint, last_time, opening } = opened;
        let progress = Arc::new(StoreProgress::default());
        progress.starts(opening.last, last_time, checkpoint.lsn());
        let upkeep = Upkeep::new(&environment, &layout, &settings.tuning, &engine, &progress, format.created)?;
        let since_checkpoint = SinceCheckpoint { written: 0, taken: environment.clock.instant() };
        Ok(Self {
            engine,
            writer,
            environment,
            tuning: settings.tuning.clone(),
            layout,
            format,
            progress,
            upkeep,
            opening,
            checkpoint,
            since_checkpoint,
            held,
        })
    }

    /// The tree. A clean close waits a little for all clones of this to be gone.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// How far the store has come.
    pub fn progress(&self) -> &Arc<StoreProgress> {
        &self.progress
    }

    /// Snapshots, retention, free room: for other threads.
    pub fn upkeep(&self) -> &Upkeep {
        &self.upkeep
    }

    /// What was found and done when the directory was opened.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The epoch of this opening, higher than that of any before.
    pub fn epoch(&self) -> u64 {
        self.checkpoint.epoch
    }

    /// The content of `store.json`.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Writes `store.json` anew; it is durable when this returns.
    pub fn set_format(&mut self, format: Format) -> Result<(), BaseError> {
        format::write(&*self.environment.fs, &self.layout, &format)
            .map_err(|source| BaseError::Io { step: "writing store.json", source })?;
        self.format = format;
        Ok(())
    }

    /// The latest time of any commit; later ones should not be earlier.
    pub fn last_time(&self) -> Timestamp {
        self.progress.last_time()
    }

    /// Appends a frame for each commit and returns when all are on disk, by one `fdatasync`. An empty group is on disk.
    pub fn commit(&mut self, group: Vec<Commit>) -> Result<DurableGroup, BaseError> {
        if group.is_empty() {
            return Ok(DurableGroup { operations: Batch::default(), last: self.writer.last() });
        }
        let bytes = self.writer.append(&group)?;
        self.writer.sync()?;
        let last = self.writer.synced();
        let mut operations = Batch(Vec::with_capacity(group.iter().map(|commit| commit.batch.0.len()).sum()));
        let mut time = self.progress.last_time();
        for commit in group {
            time = time.max(commit.time);
            operations.0.extend(commit.batch.0);
        }
        self.progress.commits(last, time, bytes);
        self.since_checkpoint.written += bytes;
        Ok(DurableGroup { operations, last })
    }

    /// Makes a durable group's changes in the tree.
    pub fn apply(&mut self, group: DurableGroup) -> Result<(), BaseError> {
        self.engine.apply(&group.operations, group.last)?;
        self.progress.applies(group.last);
        Ok(())
    }

    /// Takes a checkpoint if enough was written or enough time has passed; says whether it did.
    pub fn checkpoint_if_due(&mut self) -> Result<bool, BaseError> {
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

    fn take_checkpoint(&mut self) -> Result<(), BaseError> {
        // What the engine is asked for first is all that the file may promise.
        let lsn = self.progress.applied();
        self.engine.checkpoint()?;
        let next = Checkpoint { lsn: lsn.0, time: self.progress.last_time(), ..self.checkpoint.clone() };
        self.write_checkpoint(next)?;
        self.since_checkpoint = SinceCheckpoint { written: 0, taken: self.environment.clock.instant() };
        Ok(())
    }

    fn write_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), BaseError> {
        checkpoint::write(&*self.environment.fs, &self.layout, &checkpoint)
            .map_err(|source| BaseError::Io { step: "writing the checkpoint", source })?;
        self.progress.checkpoints(checkpoint.lsn());
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Takes a last checkpoint, closes the tree, and leaves the mark of a clean close. If somebody still reads from
    /// the tree after two seconds, all is durable, but the mark is not left.
    pub fn close_clean(mut self) -> Result<Closed, BaseError> {
        if self.progress.applied() != self.progress.committed() {
            let source = io::Error::other("a group is on disk and was not applied");
            return Err(BaseError::Io { step: "closing", source });
        }
        self.take_checkpoint()?;
        let Self { engine, environment, layout, checkpoint, upkeep, held, .. } = self;
        if !close_engine(engine, &upkeep) {
            // The tree is open until the process ends, so nobody else may have the directory before that.
            std::mem::forget(held);
            return Ok(Closed::StillRead);
        }
        // Only now nobody writes to the tree's files any more, not even the engine itself.
        let failed = |step| move |source| BaseError::Io { step, source };
        trees::sync_files(&layout, &TreeName(checkpoint.tree.clone())).map_err(failed("syncing the tree"))?;
        let closed = Checkpoint { closed: true, ..checkpoint };
        checkpoint::write(&*environment.fs, &layout, &closed).map_err(failed("writing the checkpoint"))?;
        drop(held);
        Ok(Closed::Clean)
    }
}

/// How a close went; all is durable in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The mark of a clean close is there.
    Clean,
    /// Somebody kept reading: the directory stays locked until the process ends, and the next open treats this as a
    /// process that ended without closing.
    StillRead,
}

/// Waits until nobody else holds the engine, and closes it; says whether it could.
#[expect(
    clippy::disallowed_methods,
    reason = "a close runs on the writer's own thread, and readers tell nobody when they are done"
)]
fn close_engine(engine: Arc<dyn Engine>, upkeep: &Upkeep) -> bool {
    // Counted rather than timed: a clock that stands still in a test must not keep a close waiting for ever.
    for _ in 0..CLOSE_LOOKS {
        // While the pause lasts no snapshot can take hold of the engine, so what is counted stays true.
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
