//! Replacing the tree while the store runs.
//!
//! Owns: a rebuild in the background, its pace, the exchange with the writer, the removal of the replaced tree. Must
//! not know: why a caller wants another tree. Begin with `Upkeep::swap_tree`.
//!
//! ```text
//!   newest good snapshot -> new tree -> journal, until it lags by less than a group -> offered to the writer
//!   writer, between two groups: last frames, checkpoint of the new tree, data/checkpoint names it, readers use it
//!   after the writer's next checkpoint: the old tree is closed and its directory removed
//! ```
//!
//! Until `data/checkpoint` names the new tree, the old one is the tree of the store, and the next open removes what is
//! there of the new one; from then on it is the other way round. What the rebuild reads (a snapshot, the journal after
//! it) is kept meanwhile. A damaged old tree does no harm: nothing is read from it.

mod compaction;
pub(super) mod handover;
mod pace;
mod report;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use handover::{Answer, OldTree};
use pace::SwapPace;
pub(super) use report::SwapState;
pub use report::{LastSwap, RunningSwap, SwapReport};

use super::{
    Lsn, checkpoint,
    journal::{JournalProblem, segment},
    live_bytes,
    rebuild::{GrowingTree, RebuildError, TreeOrigin, TreeSources},
    snapshot::SnapshotError,
    tree_mark::TreeMark,
    trees::{self, TreeName},
    upkeep::{Upkeep, UpkeepInner},
};
use crate::types::limits;

/// Why a tree is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapReason {
    /// Its file is much larger than its content.
    Compaction,
    /// It holds something that was not written. Nothing is read from it.
    Damage,
    /// The disk was full while a commit was applied to it. Nothing is read from it.
    DiskFull,
}

impl SwapReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Compaction, Self::Damage, Self::DiskFull];

    /// Its word in metrics, reports and audit entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compaction => "compaction",
            Self::Damage => "damage",
            Self::DiskFull => "disk_full",
        }
    }

    /// Whether the present tree is not to be used any longer than necessary, and nothing is read from it.
    pub(super) fn is_trouble(self) -> bool {
        match self {
            Self::Compaction => false,
            Self::Damage | Self::DiskFull => true,
        }
    }
}

/// Why the tree was not replaced. The store goes on with the tree that it has.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// One at a time.
    #[error("the tree is being rebuilt already")]
    Running,
    /// The caller stopped, or the store is being closed.
    #[error("the rebuild of the tree was stopped")]
    Stopped,
    /// The new tree could not be built.
    #[error("the tree was not rebuilt: {0}")]
    Rebuild(#[source] RebuildError),
    /// There is no snapshot, and none could be taken.
    #[error("the tree was not rebuilt: {0}")]
    Snapshot(#[source] SnapshotError),
    /// The writer did not accept the new tree.
    #[error("the rebuilt tree was not accepted: {0}")]
    Refused(String),
    /// The disk has less free space than a compaction may need.
    #[error("{free} bytes are free on the disk, and a second tree may need {needed}")]
    NoSpace {
        free: u64,
        /// Bytes of a second tree, with what other writes need.
        needed: u64,
    },
    /// Commits came faster than they could be applied to the new tree.
    #[error("commits come faster than the tree can be rebuilt")]
    Behind,
}

impl From<SnapshotError> for SwapError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Closing => Self::Stopped,
            error => Self::Snapshot(error),
        }
    }
}

impl From<RebuildError> for SwapError {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Stopped => Self::Stopped,
            error @ (RebuildError::Snapshot(_)
            | RebuildError::Journal(_)
            | RebuildError::Engine(_)
            | RebuildError::NoOrigin(_)) => Self::Rebuild(error),
        }
    }
}

/// A finished swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swapped {
    pub reason: SwapReason,
    /// Bytes of the replaced tree's files.
    pub bytes_before: u64,
    /// Bytes of the new tree's files.
    pub bytes_after: u64,
    /// From the beginning of the rebuild until the old tree was removed.
    pub took: Duration,
}

/// What a rebuild reads is kept until this is dropped.
struct KeptHistory<'a>(&'a Upkeep);

impl Drop for KeptHistory<'_> {
    fn drop(&mut self) {
        self.0.keep_history(None);
    }
}

impl Upkeep {
    /// Rebuilds the tree beside the present one, and replaces it. Blocks until the old one is removed; `stop` is read
    /// several times a second, and ends the work before the new tree is current.
    pub fn swap_tree(&self, reason: SwapReason, stop: &dyn Fn() -> bool) -> Result<Swapped, SwapError> {
        let UpkeepInner { swaps, clock, .. } = &*self.inner;
        let running = swaps.begin(reason, clock.now()).ok_or(SwapError::Running)?;
        let began = clock.instant();
        tracing::info!(reason = reason.as_str(), "the tree is rebuilt beside the running store");
        let bytes_before = self.tree_bytes();
        let swapped = self.swap_now(reason, stop).map(|()| Swapped {
            reason,
            bytes_before,
            bytes_after: self.tree_bytes(),
            took: clock.instant().saturating_duration_since(began),
        });
        match &swapped {
            Ok(done) => tracing::info!(swap = ?done, "the tree was replaced by a rebuilt one"),
            Err(error) => tracing::warn!(reason = reason.as_str(), %error, "the tree was not replaced"),
        }
        running.end(&swapped, clock.now());
        swapped
    }

    /// Running and finished swaps.
    pub fn swaps(&self) -> SwapReport {
        self.inner.swaps.report()
    }

    /// Bytes of all keys and values when they were last counted; `None` before the first count.
    pub fn live_bytes(&self) -> Option<u64> {
        self.inner.live.last()
    }

    /// Counts the bytes of all keys and values, at the pace of a compaction. Blocks; `stop` ends it.
    pub fn count_live_bytes(&self, stop: &dyn Fn() -> bool) -> Result<u64, SwapError> {
        let counted = std::sync::atomic::AtomicU64::new(0);
        let mut pace = self.pace(SwapReason::Compaction, stop, &counted);
        let engine = self.engine().ok_or(SwapError::Stopped)?;
        let bytes = live_bytes::count(&*engine, &mut |keys| pace.rest(keys))?;
        self.inner.live.set(bytes);
        Ok(bytes)
    }

    /// Whether the tree has files.
    pub fn keeps_tree(&self) -> bool {
        self.inner.engine_kind.keeps()
    }

    /// Bytes of the tree's files; 0 after a close.
    pub fn tree_bytes(&self) -> u64 {
        self.engine().map_or(0, |engine| engine.stats().disk_bytes)
    }

    fn pace<'a>(
        &'a self,
        reason: SwapReason,
        stop: &'a dyn Fn() -> bool,
        done: &'a std::sync::atomic::AtomicU64,
    ) -> SwapPace<'a> {
        let UpkeepInner { clock, swaps, tuning, .. } = &*self.inner;
        let share = if reason.is_trouble() { 100 } else { tuning.compaction.share_percent };
        SwapPace::new(&**clock, &swaps.handover, stop, done, share)
    }

    fn sources(&self) -> TreeSources<'_> {
        TreeSources { disk: self.disk(), layout: &self.inner.layout }
    }

    fn swap_now(&self, reason: SwapReason, stop: &dyn Fn() -> bool) -> Result<(), SwapError> {
        if !reason.is_trouble() {
            self.check_space()?;
        }
        let mut pace = self.pace(reason, stop, &self.inner.swaps.done);
        // Nothing is removed from now on, so that what is found stays there.
        self.keep_history(Some(Lsn::ZERO));
        let kept = KeptHistory(self);
        let origin = self.origin(reason, &mut pace)?;
        self.keep_history(Some(origin.exact()));
        self.inner.swaps.work.store(origin.work(self.inner.progress.committed()), Ordering::Relaxed);
        self.inner.swaps.done.store(0, Ordering::Relaxed);
        let name = self.fresh_name()?;
        let built = self.build(&name, &origin, &mut pace);
        let answer = built.map(|tree| self.inner.swaps.handover.offer(tree, stop));
        let failed = match answer {
            Ok(Answer::Installed(old)) => {
                drop(kept);
                self.clear_mark(&name);
                self.remove_old(old);
                return Ok(());
            }
            Ok(Answer::Refused(tree, reason)) => {
                drop(tree);
                SwapError::Refused(reason)
            }
            Ok(Answer::Stopped(tree)) => {
                drop(tree);
                SwapError::Stopped
            }
            Err(error) => error,
        };
        if let Err(error) = trees::remove_tree(&self.inner.layout, &name) {
            tracing::warn!(tree = name.0, %error, "an unfinished tree was not removed; the next start removes it");
        }
        Err(failed)
    }

    /// Refuses a compaction that could fill the disk.
    fn check_space(&self) -> Result<(), SwapError> {
        let content = self.live_bytes().unwrap_or_else(|| self.tree_bytes());
        let needed = content.saturating_mul(limits::COMPACT_RATIO) + limits::DISK_FULL;
        match self.free_bytes() {
            Ok(free) if free < needed => Err(SwapError::NoSpace { free, needed }),
            // The rebuild reports an error of the disk.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The source of the new tree. A compaction takes a snapshot first; otherwise the tree is not trusted, and no
    /// snapshot of it is taken.
    fn origin(&self, reason: SwapReason, pace: &mut SwapPace<'_>) -> Result<TreeOrigin, SwapError> {
        let UpkeepInner { fs, layout, .. } = &*self.inner;
        for attempt in 0.. {
            let segments = segment::list(&**fs, &layout.journal).map_err(JournalProblem::io("listing the segments"));
            let first = segments.map_err(RebuildError::from)?.first().map_or(Lsn::ZERO, |name| name.0);
            let snapshots = self.snapshots()?;
            // A replay of puts and deletes would fill the new tree's file as it filled the old one's.
            let is_newest = snapshots.last().is_some_and(|exact| *exact >= self.inner.progress.committed());
            let takes_first = attempt == 0 && !reason.is_trouble() && !is_newest;
            if !takes_first {
                match self.sources().origin(first, &snapshots, &mut |keys| pace.rest(keys)) {
                    Err(RebuildError::NoOrigin(_)) if attempt == 0 && !reason.is_trouble() => {}
                    found => return Ok(found?),
                }
            }
            self.take()?;
        }
        Err(SwapError::Stopped)
    }

    fn fresh_name(&self) -> Result<TreeName, SwapError> {
        let UpkeepInner { fs, layout, engine_kind, .. } = &*self.inner;
        let current = match checkpoint::read(&**fs, layout) {
            Ok(checkpoint::CheckpointFound::Good(found)) => Some(found.tree),
            Ok(checkpoint::CheckpointFound::Absent | checkpoint::CheckpointFound::Damaged) => None,
            Err(error) => return Err(SnapshotError::io("reading the checkpoint")(error).into()),
        };
        let name = trees::fresh(layout, *engine_kind, current.as_deref());
        Ok(name.map_err(SnapshotError::io("naming a tree"))?)
    }

    /// Builds the tree until it lags by less than a group.
    fn build(&self, name: &TreeName, origin: &TreeOrigin, pace: &mut SwapPace<'_>) -> Result<GrowingTree, SwapError> {
        let UpkeepInner { layout, progress, engine_kind, .. } = &*self.inner;
        let created = GrowingTree::create(layout, *engine_kind, name.clone(), origin);
        let mut tree = created.map_err(RebuildError::from)?;
        let engine = Arc::clone(&tree.engine);
        tree.load(self.sources(), origin, &mut |keys| pace.rest_after(keys, &*engine))?;
        let lag = |tree: &GrowingTree| progress.committed().0.saturating_sub(tree.applied().0);
        let (mut behind, mut settled) = (0, false);
        loop {
            let before = lag(&tree);
            // Most of the new tree is on disk before the writer has to wait for the rest.
            if !settled && before <= limits::SWAP_LAG_MAX * 8 {
                engine.checkpoint().map_err(RebuildError::from)?;
                settled = true;
            } else if before <= limits::SWAP_LAG_MAX {
                return Ok(tree);
            }
            tree.follow(self.sources(), progress.committed(), &mut |keys| pace.rest_after(keys, &*engine))?;
            let after = lag(&tree).saturating_sub(limits::SWAP_LAG_MAX);
            if after * 2 > before && pace.hurry() && after > before {
                behind += 1;
                if behind > limits::SWAP_ROUNDS_BEHIND {
                    return Err(SwapError::Behind);
                }
            }
        }
    }

    /// Removes the mark of a tree that was replaced: the one of the name `current` is good.
    fn clear_mark(&self, current: &TreeName) {
        let UpkeepInner { fs, layout, .. } = &*self.inner;
        let cleared = TreeMark::read(&**fs, layout).and_then(|mark| match mark {
            Some(mark) if mark.tree.is_some() && !mark.is_on(current) => TreeMark::clear(&**fs, layout),
            Some(_) | None => Ok(()),
        });
        if let Err(error) = cleared {
            tracing::warn!(%error, "the mark of a replaced tree was not removed; the next start does");
        }
    }

    /// Closes the replaced tree and removes its files, after the writer's next checkpoint and the end of a snapshot
    /// that still reads it. If the store is closed before that, the next open removes them.
    fn remove_old(&self, old: OldTree) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let UpkeepInner { progress, swaps, layout, .. } = &*self.inner;
        let OldTree { name, engine, checkpoints } = old;
        let is_needed = || progress.checkpoints_taken() <= checkpoints || Arc::strong_count(&engine) > 1;
        while is_needed() && !swaps.handover.has_ended() {
            swaps.handover.rest(LOOK_EVERY);
        }
        if Arc::strong_count(&engine) > 1 {
            return;
        }
        drop(engine);
        if let Err(error) = trees::remove_tree(layout, &name) {
            tracing::warn!(tree = name.0, %error, "a replaced tree was not removed; the next start removes it");
        }
    }
}
