//! An opened data directory: the engine, the journal, and how far both have come.
//!
//! The writer's order is `commit` (on disk when it returns), `apply`, answer; `checkpoint_if_due` now and then, and
//! `close_clean` at the end. After any error of these the directory is left as it is and the process ends: what was
//! not answered is settled by the next open.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Batch, Lsn,
    engine::{Engine, EngineError, mem::MemEngine},
    format::{Format, Seal},
    settings::{Seams, Settings},
};
use crate::types::Timestamp;

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
pub struct Durable {
    operations: Batch,
    last: Lsn,
}

impl Durable {
    /// The number of its last commit; the others count down from it.
    pub fn last(&self) -> Lsn {
        self.last
    }
}

/// The base cannot go on; whoever waits is told `Unknown` and the process ends.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The disk refused, or failed.
    #[error("{step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A commit is larger than a frame may be; nothing was written and the base can go on.
    #[error("a commit of {bytes} bytes does not fit into a frame of the journal")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// How far the store has come; shared with those who only watch.
#[derive(Debug, Default)]
pub struct Progress {
    committed: AtomicU64,
    applied: AtomicU64,
}

impl Progress {
    /// The last commit on disk.
    pub fn committed(&self) -> Lsn {
        Lsn(self.committed.load(Ordering::Acquire))
    }

    /// The last commit in the tree.
    pub fn applied(&self) -> Lsn {
        Lsn(self.applied.load(Ordering::Acquire))
    }
}

/// Why a directory was not opened. (More variants follow.)
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The keys do not fit the store, in the words of the sealing.
    #[error("{0}")]
    Seal(String),
}

/// An opened data directory.
pub struct Base {
    engine: Arc<dyn Engine>,
    progress: Arc<Progress>,
    last_time: Timestamp,
}

impl Base {
    /// Opens the directory, or makes it. `seal` is called once the directory is locked and before anything is
    /// written: with the store's format, or with none for a new store; it gives what `store.json` shall hold, or says
    /// why the keys do not fit.
    pub fn open(
        settings: &Settings,
        seams: Seams,
        seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
    ) -> Result<Self, OpenError> {
        let _ = (settings, seams);
        seal(None).map_err(OpenError::Seal)?;
        Ok(Self { engine: Arc::new(MemEngine::new()), progress: Arc::default(), last_time: Timestamp::ZERO })
    }

    /// The tree.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// How far the store has come.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// The time of the last commit; later ones should not be earlier.
    pub fn last_time(&self) -> Timestamp {
        self.last_time
    }

    /// Appends a frame for each commit and returns when all are on disk, by one `fdatasync`.
    pub fn commit(&mut self, group: Vec<Commit>) -> Result<Durable, BaseError> {
        let mut operations = Batch::default();
        let mut last = self.progress.committed();
        for commit in group {
            last = last.next();
            self.last_time = commit.time;
            operations.0.extend(commit.batch.0);
        }
        self.progress.committed.store(last.0, Ordering::Release);
        Ok(Durable { operations, last })
    }

    /// Makes a durable group's changes in the tree.
    pub fn apply(&mut self, group: Durable) -> Result<(), BaseError> {
        self.engine.apply(&group.operations, group.last)?;
        self.progress.applied.store(group.last.0, Ordering::Release);
        Ok(())
    }

    /// Takes a checkpoint if enough was written or enough time has passed; says whether it did.
    pub fn checkpoint_if_due(&mut self) -> Result<bool, BaseError> {
        Ok(false)
    }

    /// Takes a last checkpoint and leaves the mark of a clean close.
    pub fn close_clean(self) -> Result<(), BaseError> {
        Ok(())
    }
}
