//! Building a tree from a snapshot and the journal.

use super::{
    Batch, Lsn, Operation,
    engine::{Engine, EngineError},
    journal::{
        Frame,
        recover::{self, Span},
    },
    open::{Inspection, OpenContext},
    snapshot::{
        self, Summary,
        read::{self, SnapshotPart},
    },
    trust::{DistrustReason, OpenError},
};
use crate::{
    telemetry::starting::StartPhase,
    types::{Timestamp, limits},
};

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
}

/// Finds the source of a new tree: the newest valid snapshot from which the journal continues, or the journal alone.
/// Changes nothing.
pub(super) fn origin(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    reason: &DistrustReason,
) -> Result<TreeOrigin, OpenError> {
    let first = inspection.survey.segments.first().map_or(Lsn::ZERO, |name| name.0);
    let mut found = vec![format!("the journal begins with commit {first}")];
    for exact in inspection.snapshots.iter().rev() {
        let name = snapshot::file_name(*exact);
        if first > exact.next() {
            found.push(format!("snapshots/{name} would bring back commits up to {exact}, with `snapshot restore`"));
            continue;
        }
        context.watch.report(StartPhase::Rebuilding { percent: 0 });
        match read::read(context.snapshots(), &context.layout.snapshots.join(&name), |_| context.watch.check()) {
            Ok(summary) if summary.exact == *exact => return Ok(TreeOrigin::Snapshot(Box::new(summary))),
            Ok(_) => found.push(format!("snapshots/{name} holds another commit than its name says")),
            Err(OpenError::Stopped) => return Err(OpenError::Stopped),
            Err(error) => found.push(error.to_string()),
        }
    }
    if first <= Lsn(1) {
        return Ok(TreeOrigin::Journal);
    }
    Err(OpenError::NothingToRebuild { reason: reason.clone(), found: found.join("; ") })
}

/// The keys that a commit of the journal changes, as an estimate for the progress of a rebuild.
const COMMIT_KEYS: u64 = 8;

impl TreeOrigin {
    /// The keys to write until the tree has commit `upto`, as an estimate.
    pub(super) fn work(&self, upto: Lsn) -> u64 {
        let (keys, frames) = match self {
            Self::Journal => (0, 0),
            Self::Snapshot(summary) => (summary.pairs, summary.frames),
        };
        keys + (frames + upto.0.saturating_sub(self.exact().0)) * COMMIT_KEYS
    }
}

/// The result of a load.
pub(super) struct LoadedTree {
    pub(super) keys: u64,
    pub(super) time: Timestamp,
}

/// Loads `origin` into the empty tree of `engine`, and records the last applied commit in it.
pub(super) fn load(
    context: &OpenContext<'_>,
    engine: &dyn Engine,
    origin: &TreeOrigin,
) -> Result<LoadedTree, OpenError> {
    let TreeOrigin::Snapshot(summary) = origin else {
        engine.apply(&Batch::default(), Lsn::ZERO)?;
        return Ok(LoadedTree { keys: 0, time: Timestamp::ZERO });
    };
    let file = context.layout.snapshots.join(snapshot::file_name(summary.exact));
    let mut gathered = Gathered::new(engine, Lsn(summary.head.from));
    read::read(context.snapshots(), &file, |part| -> Result<(), OpenError> {
        match part {
            SnapshotPart::Pairs(pairs) => {
                context.watch.advance(pairs.len() as u64)?;
                for (key, value) in pairs {
                    gathered.operations.0.push(Operation::Put { key, value });
                }
                gathered.apply_if_large()?;
            }
            SnapshotPart::Frame(frame) => {
                context.watch.advance(COMMIT_KEYS)?;
                gathered.add(frame)?;
            }
        }
        Ok(())
    })?;
    gathered.apply()?;
    Ok(LoadedTree { keys: summary.pairs, time: summary.time })
}

/// Applies the commits of the journal after `from` up to `upto`; returns their number.
pub(super) fn catch_up(context: &OpenContext<'_>, engine: &dyn Engine, from: Lsn, upto: Lsn) -> Result<u64, OpenError> {
    let span = Span { after: from, upto };
    let mut count = 0;
    let mut gathered = Gathered::new(engine, from);
    recover::replay(context.fs(), &context.layout.journal, span, |frame| -> Result<(), OpenError> {
        count += 1;
        context.watch.advance(COMMIT_KEYS)?;
        Ok(gathered.add(frame)?)
    })?;
    if count > 0 {
        gathered.apply()?;
    }
    Ok(count)
}

/// Commits that are applied together, as the writer applies a group.
struct Gathered<'a> {
    engine: &'a dyn Engine,
    operations: Batch,
    bytes: usize,
    last: Lsn,
}

impl<'a> Gathered<'a> {
    fn new(engine: &'a dyn Engine, last: Lsn) -> Self {
        Self { engine, operations: Batch::default(), bytes: 0, last }
    }

    fn add(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.last = frame.lsn;
        self.bytes += frame.batch.size();
        self.operations.0.extend(frame.batch.0);
        self.apply_if_large()
    }

    fn apply_if_large(&mut self) -> Result<(), EngineError> {
        if self.operations.0.len() >= limits::TX_OPERATIONS_MAX || self.bytes >= limits::TX_BYTES_MAX {
            self.apply()?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), EngineError> {
        self.engine.apply(&std::mem::take(&mut self.operations), self.last)?;
        self.bytes = 0;
        Ok(())
    }
}
