//! Building a tree from a snapshot and the journal: at a start, in a check, and beside a running store.
//!
//! Memory is bounded: a batch has at most `limits::REBUILD_BATCH_KEYS` keys, and the journal is read frame by frame.

use std::sync::Arc;

use super::{
    Batch, Lsn, Operation,
    engine::{Engine, EngineError, EngineKind},
    journal::{Frame, JournalProblem, recover::JournalFollower},
    layout::Layout,
    open::{Inspection, OpenContext},
    snapshot::{
        self, SnapshotDisk, SnapshotError, Summary,
        read::{self, SnapshotPart},
    },
    trees::{self, TreeName},
    trust::{DistrustReason, OpenError},
};
use crate::{
    telemetry::starting::StartPhase,
    types::{Timestamp, limits},
};

/// Why no tree was built. The unfinished one has no further use.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The snapshot could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalProblem),
    /// The engine of the new tree failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No snapshot can be used, and the journal does not begin with the first commit; the text is what was found.
    #[error("there is nothing to build a tree from: {0}")]
    NoOrigin(String),
    /// The caller stopped it.
    #[error("the work was stopped")]
    Stopped,
}

/// The keys that a commit of the journal changes, as an estimate for the progress of a rebuild.
const COMMIT_KEYS: u64 = 8;

/// Called after each batch with the number of keys that were read or written; an error stops the work.
pub(super) type BuildWatch<'a> = dyn FnMut(u64) -> Result<(), RebuildError> + 'a;

/// A watch for work that nothing stops.
pub(super) fn unwatched(_: u64) -> Result<(), RebuildError> {
    Ok(())
}

/// The files that a tree is built from.
#[derive(Clone, Copy)]
pub(super) struct TreeSources<'a> {
    /// The disk, and the key ring of the snapshots.
    pub(super) disk: SnapshotDisk<'a>,
    pub(super) layout: &'a Layout,
}

/// The source of a new tree.
pub(super) enum TreeOrigin {
    /// The journal, which begins with the first commit.
    Journal,
    /// A snapshot, which was verified.
    Snapshot(Box<Summary>),
}

impl TreeOrigin {
    /// The commit after which the journal is applied.
    pub(super) fn exact(&self) -> Lsn {
        match self {
            Self::Journal => Lsn::ZERO,
            Self::Snapshot(summary) => summary.exact,
        }
    }

    pub(super) fn snapshot(&self) -> Option<Lsn> {
        match self {
            Self::Journal => None,
            Self::Snapshot(summary) => Some(summary.exact),
        }
    }

    /// The keys to write until the tree has commit `upto`, as an estimate.
    pub(super) fn work(&self, upto: Lsn) -> u64 {
        let (keys, frames) = match self {
            Self::Journal => (0, 0),
            Self::Snapshot(summary) => (summary.pairs, summary.frames),
        };
        keys + (frames + upto.0.saturating_sub(self.exact().0)) * COMMIT_KEYS
    }
}

impl TreeSources<'_> {
    /// The newest valid snapshot from which the journal continues, or the journal alone, if it begins with the first
    /// commit; `first` is the number in the name of the first segment. Changes nothing.
    pub(super) fn origin(
        self,
        first: Lsn,
        snapshots: &[Lsn],
        watch: &mut BuildWatch<'_>,
    ) -> Result<TreeOrigin, RebuildError> {
        let mut found = vec![format!("the journal begins with commit {first}")];
        for exact in snapshots.iter().rev() {
            let name = snapshot::file_name(*exact);
            if first > exact.next() {
                found.push(format!("snapshots/{name} would bring back commits up to {exact}, with `snapshot restore`"));
                continue;
            }
            match read::read(self.disk, &self.layout.snapshots.join(&name), |_| watch(0)) {
                Ok(summary) if summary.exact == *exact => return Ok(TreeOrigin::Snapshot(Box::new(summary))),
                Ok(_) => found.push(format!("snapshots/{name} holds another commit than its name says")),
                Err(RebuildError::Stopped) => return Err(RebuildError::Stopped),
                Err(error) => found.push(error.to_string()),
            }
        }
        if first <= Lsn(1) { Ok(TreeOrigin::Journal) } else { Err(RebuildError::NoOrigin(found.join("; "))) }
    }
}

/// Finds the source of a new tree at a start.
pub(super) fn origin(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    reason: &DistrustReason,
) -> Result<TreeOrigin, OpenError> {
    let first = inspection.survey.segments.first().map_or(Lsn::ZERO, |name| name.0);
    let mut watch = |keys| {
        context.watch.report(StartPhase::Rebuilding { percent: 0 });
        context.advance(keys)
    };
    context.sources().origin(first, &inspection.snapshots, &mut watch).map_err(|error| match error {
        RebuildError::NoOrigin(found) => OpenError::NothingToRebuild { reason: reason.clone(), found },
        error => error.into(),
    })
}

/// A tree that is being built, or that lacks commits of the journal.
pub(super) struct GrowingTree {
    pub(super) name: TreeName,
    pub(super) engine: Arc<dyn Engine>,
    follower: JournalFollower,
    /// A time that is not earlier than any commit of the snapshot.
    pub(super) time: Timestamp,
    /// Number of keys from the snapshot.
    pub(super) keys: u64,
}

impl GrowingTree {
    /// A tree that has the commits up to `applied`.
    pub(super) fn of(name: TreeName, engine: Arc<dyn Engine>, applied: Lsn) -> Self {
        Self { name, engine, follower: JournalFollower::after(applied), time: Timestamp::ZERO, keys: 0 }
    }

    /// Creates the empty tree `name` in `layout`, to be loaded from `origin`.
    pub(super) fn create(
        layout: &Layout,
        kind: EngineKind,
        name: TreeName,
        origin: &TreeOrigin,
    ) -> Result<Self, EngineError> {
        let engine = trees::open(layout, kind, &name)?;
        Ok(Self::of(name, engine, origin.exact()))
    }

    /// Loads `origin`, for which the tree was created.
    pub(super) fn load(
        &mut self,
        sources: TreeSources<'_>,
        origin: &TreeOrigin,
        watch: &mut BuildWatch<'_>,
    ) -> Result<(), RebuildError> {
        let TreeOrigin::Snapshot(summary) = origin else {
            self.engine.apply(&Batch::default(), Lsn::ZERO)?;
            return Ok(());
        };
        let file = sources.layout.snapshots.join(snapshot::file_name(summary.exact));
        let mut gathered = Gathered::new(&*self.engine, Lsn(summary.head.from), watch);
        read::read(sources.disk, &file, |part| -> Result<(), RebuildError> {
            match part {
                SnapshotPart::Pairs(pairs) => {
                    for (key, value) in pairs {
                        gathered.put(key, value)?;
                    }
                    Ok(())
                }
                SnapshotPart::Frame(frame) => gathered.add(frame),
            }
        })?;
        gathered.apply()?;
        (self.time, self.keys) = (summary.time, summary.pairs);
        Ok(())
    }

    /// The last commit in the tree.
    pub(super) fn applied(&self) -> Lsn {
        self.follower.last()
    }

    /// Applies the commits of the journal up to `upto`, which are on disk; returns their number.
    pub(super) fn follow(
        &mut self,
        sources: TreeSources<'_>,
        upto: Lsn,
        watch: &mut BuildWatch<'_>,
    ) -> Result<u64, RebuildError> {
        let before = self.applied();
        if before >= upto {
            return Ok(0);
        }
        let mut gathered = Gathered::new(&*self.engine, before, watch);
        self.follower.follow(sources.disk.fs, &sources.layout.journal, upto, |frame| gathered.add(frame))?;
        gathered.apply()?;
        Ok(upto.0 - before.0)
    }
}

/// Changes that are applied together, as the writer applies a group.
struct Gathered<'a, 'w> {
    engine: &'a dyn Engine,
    watch: &'a mut BuildWatch<'w>,
    operations: Batch,
    bytes: usize,
    steps: u64,
    last: Lsn,
}

impl<'a, 'w> Gathered<'a, 'w> {
    fn new(engine: &'a dyn Engine, last: Lsn, watch: &'a mut BuildWatch<'w>) -> Self {
        Self { engine, watch, operations: Batch::default(), bytes: 0, steps: 0, last }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), RebuildError> {
        self.bytes += key.len() + value.len();
        self.operations.0.push(Operation::Put { key, value });
        self.steps += 1;
        self.apply_if_large()
    }

    fn add(&mut self, frame: Frame) -> Result<(), RebuildError> {
        self.last = frame.lsn;
        self.bytes += frame.batch.size();
        self.operations.0.extend(frame.batch.0);
        self.steps += COMMIT_KEYS;
        self.apply_if_large()
    }

    fn apply_if_large(&mut self) -> Result<(), RebuildError> {
        if self.operations.0.len() >= limits::REBUILD_BATCH_KEYS || self.bytes >= limits::GROUP_BYTES_MAX {
            self.apply()?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), RebuildError> {
        self.engine.apply(&std::mem::take(&mut self.operations), self.last)?;
        self.bytes = 0;
        (self.watch)(std::mem::take(&mut self.steps))
    }
}
