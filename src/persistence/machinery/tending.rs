//! What an open data directory needs every second and every round: its lock, the files of its journal, the ballast, a
//! snapshot that is not too old.
//!
//! Owns: the troubles of an open data directory. Must not know: how snapshots are taken and segments removed
//! (`upkeep.rs`). Begin with `Upkeep::tend` and `Upkeep::round`.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    ballast::Ballast,
    journal::{
        segment::{self, SegmentName},
        writer::AppendError,
    },
    lock::{DirectoryLock, LockFound},
    snapshot::SnapshotError,
    troubles::Troubles,
    upkeep::{DiskSpace, Done, Upkeep},
};
use crate::{telemetry::health::HealthReason, types::Timestamp};

/// What is watched in an open data directory.
pub(super) struct Tended {
    ballast: Arc<Ballast>,
    troubles: Troubles,
    /// Held by the directory's owner; weak, so that a close releases it.
    lock: OnceLock<Weak<DirectoryLock>>,
    /// The segments that were seen and not removed by the store.
    known: Mutex<BTreeSet<SegmentName>>,
    /// The last segment that was removed by others; a snapshot is needed.
    gap: Mutex<Option<SegmentName>>,
    /// Whether a snapshot is needed at once.
    urgent: AtomicBool,
    /// When the last good snapshot was taken.
    good: Mutex<Option<Timestamp>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder makes one change: a panic leaves nothing half changed.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tended {
    pub(super) fn new(ballast: Ballast, known: BTreeSet<SegmentName>, good: Option<Timestamp>) -> Self {
        Self {
            ballast: Arc::new(ballast),
            troubles: Troubles::default(),
            lock: OnceLock::new(),
            known: Mutex::new(known),
            gap: Mutex::default(),
            urgent: AtomicBool::new(false),
            good: Mutex::new(good),
        }
    }

    /// Whether a snapshot is needed at once.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire)
    }

    /// A snapshot was taken and read back.
    pub(super) fn note_good(&self, taken: Timestamp) {
        *held(&self.good) = Some(taken);
        self.urgent.store(false, Ordering::Release);
        self.troubles.set(HealthReason::SnapshotOld, None);
    }

    /// The store removes this segment.
    pub(super) fn forget(&self, name: SegmentName) {
        held(&self.known).remove(&name);
    }
}

impl Upkeep {
    /// Watches the lock of the directory from now on; returns the ballast, which is made if there is room.
    pub(super) fn guard(&self, lock: &Arc<DirectoryLock>) -> Arc<Ballast> {
        let tended = &self.inner.tended;
        // The first owner of this upkeep is the only one.
        tended.lock.get_or_init(|| Arc::downgrade(lock));
        self.make_ballast();
        Arc::clone(&tended.ballast)
    }

    fn make_ballast(&self) {
        if let Err(error) = self.inner.tended.ballast.make_if_room() {
            tracing::warn!(%error, "the ballast could not be made; it is tried again");
        }
    }

    /// Looks at the lock and at the files of the journal. `Err`: another process can enter the directory, so this one
    /// has to end.
    pub(super) fn tend(&self) -> Result<(), String> {
        self.look_at_segments();
        let inner = &self.inner;
        let Some(lock) = inner.tended.lock.get().and_then(Weak::upgrade) else { return Ok(()) };
        let trouble = match lock.inspect(&*inner.fs, &inner.layout) {
            LockFound::Good => None,
            LockFound::Remade => {
                let dir = inner.layout.root.display();
                tracing::error!("the file lock in {dir} was removed or replaced, and is made again; leave it there");
                None
            }
            LockFound::Weak(text) => Some(text),
            LockFound::Lost(text) => return Err(text),
        };
        if inner.tended.troubles.set(HealthReason::LockWeak, trouble.clone())
            && let Some(text) = trouble
        {
            tracing::error!(reason = %text, "the lock of the data directory is in doubt");
        }
        Ok(())
    }

    /// Notes segments that were removed by others. The last one is the writer's, which copies it back.
    fn look_at_segments(&self) {
        let inner = &self.inner;
        let mut known = held(&inner.tended.known);
        // A directory that cannot be listed is found by the writer.
        let Ok(found) = segment::list(&*inner.fs, &inner.layout.journal) else { return };
        let found: BTreeSet<_> = found.into_iter().collect();
        let last = known.last().max(found.last()).copied();
        let lost: Vec<_> = known.difference(&found).copied().filter(|name| Some(*name) != last).collect();
        *known = found.into_iter().chain(last).collect();
        drop(known);
        let Some(newest) = lost.last() else { return };
        *held(&inner.tended.gap) = Some(*newest);
        inner.tended.urgent.store(true, Ordering::Release);
        inner.progress.want_segment();
        let names = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        tracing::error!(segments = %names, "segments of the journal were removed by others; a snapshot is taken");
        inner.tended.troubles.set(HealthReason::SegmentLost, Some(names));
    }

    /// Notes the result of looking at the writer's segment.
    pub(super) fn note_restored(&self, restored: &Result<bool, AppendError>) {
        let trouble = match restored {
            Ok(false) => return,
            Ok(true) => {
                tracing::error!("the last segment of the journal was removed by others, and is copied back");
                None
            }
            Err(error) => Some(format!("the last one, which cannot be copied back: {error}")),
        };
        if trouble.is_some() || held(&self.inner.tended.gap).is_none() {
            self.inner.tended.troubles.set(HealthReason::SegmentLost, trouble);
        }
    }

    /// Whether a round is needed at once.
    pub fn is_urgent(&self) -> bool {
        self.inner.tended.is_urgent()
    }

    /// A round: makes the ballast, takes a snapshot if one is due and fits, and removes what is no longer needed; on a
    /// disk that is nearly full, everything that can be spared.
    pub fn round(&self) -> Result<Done, SnapshotError> {
        let done = self.try_round();
        let reason = match &done {
            Ok(Done { skipped, .. }) => skipped.clone(),
            Err(SnapshotError::Closing) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            tracing::error!(%reason, "a snapshot was not taken");
            self.inner.tended.troubles.set(HealthReason::SnapshotOld, Some(reason));
        }
        done
    }

    fn try_round(&self) -> Result<Done, SnapshotError> {
        self.make_ballast();
        let free = self.free_bytes().map_err(SnapshotError::io("measuring the free space"))?;
        let is_low = DiskSpace::of(free) != DiskSpace::Ample;
        if is_low && let Err(error) = self.reclaim() {
            tracing::warn!(%error, "nothing could be freed");
        }
        let mut done = self.run()?;
        if is_low || held(&self.inner.tended.gap).is_some() {
            let more = self.reclaim()?;
            done.segments.extend(more.segments);
            done.snapshots.extend(more.snapshots);
        }
        self.end_gap()?;
        Ok(done)
    }

    /// The gap in the journal is over once no segment from before it is left.
    fn end_gap(&self) -> Result<(), SnapshotError> {
        let inner = &self.inner;
        let Some(gap) = *held(&inner.tended.gap) else { return Ok(()) };
        let segments = segment::list(&*inner.fs, &inner.layout.journal).map_err(SnapshotError::io("listing"))?;
        if !inner.tended.is_urgent() && segments.first().is_some_and(|first| *first > gap) {
            *held(&inner.tended.gap) = None;
            inner.tended.troubles.set(HealthReason::SegmentLost, None);
            tracing::info!("the store has a snapshot again that its journal continues from");
        }
        Ok(())
    }

    /// When the last good snapshot in the data directory was taken.
    pub fn last_snapshot_at(&self) -> Option<Timestamp> {
        *held(&self.inner.tended.good)
    }

    /// What is wrong in the data directory while the store goes on, with a text for health.
    pub(super) fn troubles(&self) -> Vec<(HealthReason, String)> {
        let tended = &self.inner.tended;
        let age = self.last_snapshot_at().map_or("there is no good one".to_owned(), |taken| {
            let age = self.inner.clock.now().since(taken).as_secs() / 60;
            format!("the last good one is {} h {} min old", age / 60, age % 60)
        });
        let old = tended.troubles.get(HealthReason::SnapshotOld).map(|why| format!("{age}: {why}"));
        [
            (HealthReason::SnapshotOld, old),
            (HealthReason::SegmentLost, tended.troubles.get(HealthReason::SegmentLost)),
            (HealthReason::LockWeak, tended.troubles.get(HealthReason::LockWeak)),
        ]
        .into_iter()
        .filter_map(|(reason, text)| Some((reason, text?)))
        .collect()
    }
}
