//! Work beside the writer: snapshots, freeing space, measuring the disk.
//!
//! A segment is removed when every kept snapshot and the checkpoint cover it, and it is old, or the journal is large,
//! or the disk is nearly full. All of this runs on any thread while the writer runs.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    Lsn,
    ballast::Ballast,
    engine::{Engine, EngineKind},
    format::{Format, FormatError},
    fs::Fs,
    journal::{
        JournalProblem, SegmentName,
        reader::{FrameFound, SegmentReader},
        segment::{self, HEADER},
    },
    keyring::Keyring,
    layout::Layout,
    live_bytes::LiveBytes,
    progress::StoreProgress,
    scrub::Scrub,
    settings::{StoreEnvironment, StoreSettings, Tuning},
    shared::Shared,
    snapshot::{
        self, Head, SnapshotDisk, SnapshotError, SnapshotForm, Summary, read,
        write::{self, SnapshotSource},
    },
    swap::SwapState,
    tending::Tended,
};
use crate::types::{Clock, Entropy, Timestamp, limits};

/// The free space of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskSpace {
    /// Enough for everything.
    Ample,
    /// Below `limits::DISK_LOW`: writes that make the store grow are refused.
    Low,
    /// Below `limits::DISK_FULL`: only writes that end access or free space are accepted.
    Full,
}

impl DiskSpace {
    /// The level of a number of free bytes.
    pub fn of(free_bytes: u64) -> Self {
        if free_bytes < limits::DISK_FULL {
            Self::Full
        } else if free_bytes < limits::DISK_LOW {
            Self::Low
        } else {
            Self::Ample
        }
    }
}

/// The last snapshot, and the number of journal bytes since.
#[derive(Debug, Clone, Copy)]
struct LastSnapshot {
    exact: Lsn,
    taken: Timestamp,
    // Journal bytes after it when the store was opened.
    backlog: u64,
    // Bytes written between the opening of the store and the snapshot.
    written: u64,
}

impl LastSnapshot {
    /// The newest snapshot in the data directory. Without one, the time counts from the store's creation.
    fn find(disk: SnapshotDisk<'_>, layout: &Layout, created: Timestamp) -> Result<Self, SnapshotError> {
        let fs = disk.fs;
        let newest = snapshot::list(fs, &layout.snapshots).map_err(SnapshotError::io("listing"))?.pop();
        let (exact, taken) = match newest {
            None => (Lsn::ZERO, created),
            // A snapshot that cannot be read counts as none: another one is due at once.
            Some(exact) => match read::head(disk, &layout.snapshots.join(snapshot::file_name(exact))) {
                Ok(head) => (exact, head.taken),
                Err(error) => {
                    tracing::warn!(%error, "the newest snapshot cannot be used; another one is taken");
                    (Lsn::ZERO, Timestamp::ZERO)
                }
            },
        };
        let mut after = segment::list(fs, &layout.journal).map_err(JournalProblem::io("listing the segments"))?;
        after.retain(|name| name.0 > exact);
        let backlog = segments_bytes(fs, layout, &after)?;
        Ok(Self { exact, taken, backlog, written: 0 })
    }
}

/// Bytes of the segments on disk.
fn segments_bytes(fs: &dyn Fs, layout: &Layout, segments: &[SegmentName]) -> Result<u64, SnapshotError> {
    let mut bytes = 0;
    for name in segments {
        let file = fs.open(&name.path(&layout.journal));
        bytes += file.and_then(|file| file.length()).map_err(JournalProblem::io("measuring a segment"))?;
    }
    Ok(bytes)
}

pub(super) struct UpkeepInner {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ring: Option<Arc<Keyring>>,
    pub(super) layout: Layout,
    pub(super) tuning: Tuning,
    pub(super) engine_kind: EngineKind,
    // Weak, so that upkeep does not delay a close. Replaced when the tree is.
    engine: Mutex<Weak<dyn Engine>>,
    pub(super) progress: Arc<StoreProgress>,
    // What is watched beside snapshots and segments.
    pub(super) tended: Tended,
    // The first commit after which the history is needed by a swap.
    history_from: Mutex<Option<Lsn>>,
    pub(super) swaps: SwapState,
    pub(super) live: LiveBytes,
    // Held while snapshots or segments are created or removed: one at a time.
    last: Mutex<LastSnapshot>,
    // Held while `store.json` is written.
    rewriting: Mutex<()>,
    // The open store, whose tree the walk of a snapshot checks; not set in tests of the directory alone.
    shared: OnceLock<Weak<Shared>>,
    // Set by a close: a snapshot that is being taken ends at its next page.
    closing: AtomicBool,
}

/// A handle to the upkeep of an opened store; clones are handles of the same.
#[derive(Clone)]
pub struct Upkeep {
    pub(super) inner: Arc<UpkeepInner>,
}

/// The result of a round of upkeep.
#[derive(Debug, Default)]
pub struct Done {
    /// The snapshot that was taken.
    pub snapshot: Option<Summary>,
    /// Why a snapshot that was due was not taken.
    pub skipped: Option<String>,
    /// The segments that were removed.
    pub segments: Vec<SegmentName>,
    /// The snapshots that were removed.
    pub snapshots: Vec<Lsn>,
}

/// Which covered segments are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spare {
    /// Young ones that fit into the journal's size limit are kept.
    ByRetention,
    /// All covered segments are removed.
    Nothing,
}

impl Upkeep {
    pub(super) fn new(
        environment: &StoreEnvironment,
        layout: &Layout,
        settings: &StoreSettings,
        engine: &Arc<dyn Engine>,
        progress: &Arc<StoreProgress>,
        created: Timestamp,
    ) -> Result<Self, SnapshotError> {
        let last = LastSnapshot::find(SnapshotDisk::of(environment), layout, created)?;
        let good = (last.exact > Lsn::ZERO).then_some(last.taken);
        let ballast = Ballast::of(&environment.fs, layout, settings.tuning.ballast_bytes);
        let known = segment::list(&*environment.fs, &layout.journal)
            .map_err(JournalProblem::io("listing the segments"))?
            .into_iter()
            .collect();
        Ok(Self {
            inner: Arc::new(UpkeepInner {
                fs: Arc::clone(&environment.fs),
                clock: Arc::clone(&environment.clock),
                entropy: Arc::clone(&environment.entropy),
                ring: environment.ring.clone(),
                layout: layout.clone(),
                tuning: settings.tuning.clone(),
                engine_kind: settings.engine,
                engine: Mutex::new(Arc::downgrade(engine)),
                progress: Arc::clone(progress),
                tended: Tended::new(ballast, known, good),
                history_from: Mutex::default(),
                swaps: SwapState::default(),
                live: LiveBytes::default(),
                last: Mutex::new(last),
                rewriting: Mutex::new(()),
                shared: OnceLock::new(),
                closing: AtomicBool::new(false),
            }),
        })
    }

    fn last(&self) -> MutexGuard<'_, LastSnapshot> {
        // A panic during a snapshot leaves at most an unfinished file.
        self.inner.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the walks of snapshots check the tree of `shared`, and report what they find to it.
    pub(super) fn attach(&self, shared: &Arc<Shared>) {
        // The first store that is attached is the only one.
        self.inner.shared.get_or_init(|| Arc::downgrade(shared));
    }

    /// Ends a snapshot that is being taken, and refuses others: the store is being closed.
    pub(super) fn end(&self) {
        self.inner.closing.store(true, Ordering::Release);
    }

    /// Prevents snapshots from beginning until the guard is dropped; `None` while one is being taken.
    pub(super) fn try_pause(&self) -> Option<impl Drop + '_> {
        match self.inner.last.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// The tree; `None` once the store is closed.
    pub(super) fn engine(&self) -> Option<Arc<dyn Engine>> {
        self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// What the handles of the store share; `None` before it is open and after it is closed.
    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.inner.shared.get().and_then(Weak::upgrade)
    }

    /// From now on `engine` is the tree.
    pub(super) fn set_engine(&self, engine: &Arc<dyn Engine>) {
        *self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(engine);
    }

    /// Keeps the snapshots that are exact at `from` or later, and all commits after `from`, until it is called with
    /// `None`. Waits for the end of a snapshot or a removal that is running.
    pub(super) fn keep_history(&self, from: Option<Lsn>) {
        let _held = self.last();
        *self.inner.history_from.lock().unwrap_or_else(PoisonError::into_inner) = from;
    }

    fn history_from(&self) -> Option<Lsn> {
        *self.inner.history_from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the journal on disk.
    pub fn journal_bytes(&self) -> Result<u64, SnapshotError> {
        let (fs, layout) = (&*self.inner.fs, &self.inner.layout);
        let segments = segment::list(fs, &layout.journal).map_err(JournalProblem::io("listing the segments"))?;
        segments_bytes(fs, layout, &segments)
    }

    /// Free bytes on the store's disk.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.inner.fs.free_bytes(&self.inner.layout.root)
    }

    /// Records that a restored store may send; durable when this returns.
    pub(super) fn allow_sending(&self) -> Result<(), SnapshotError> {
        self.rewrite_format(|format| Format { restored: false, ..format })
    }

    /// The time before which sessions have to be ended, after a restore.
    pub fn sessions_after(&self) -> Result<Option<Timestamp>, SnapshotError> {
        Ok(self.format()?.sessions_after)
    }

    /// Records that the sessions of before the restore are ended; durable when this returns.
    pub fn end_sessions_after(&self) -> Result<(), SnapshotError> {
        self.rewrite_format(|format| Format { sessions_after: None, ..format })
    }

    fn rewrite_format(&self, change: impl FnOnce(Format) -> Format) -> Result<(), SnapshotError> {
        // The file is replaced atomically: a panic leaves no partial file.
        let _held = self.inner.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let format = change(self.format()?);
        super::format::write(&*self.inner.fs, &self.inner.layout, &format)
            .map_err(SnapshotError::io("writing store.json"))
    }

    /// Takes a snapshot if one is due, and removes what is no longer needed.
    pub fn run(&self) -> Result<Done, SnapshotError> {
        let mut done = Done::default();
        let mut last = self.last();
        if self.is_due(&last) || self.inner.tended.is_urgent() {
            match self.lack_of_room(&last)? {
                None => done.snapshot = Some(self.take_kept(&mut last)?),
                skipped => done.skipped = skipped,
            }
        }
        done.snapshots = self.drop_snapshots(self.inner.tuning.snapshots_kept)?;
        done.segments = self.drop_segments(Spare::ByRetention)?;
        Ok(done)
    }

    /// Frees as much space as possible: removes all snapshots except the newest, which is verified first, and all
    /// segments that it covers.
    pub fn reclaim(&self) -> Result<Done, SnapshotError> {
        let _held = self.last();
        let Some(newest) = self.snapshots()?.pop() else { return Ok(Done::default()) };
        read::verify(self.disk(), &self.inner.layout.snapshots.join(snapshot::file_name(newest)))?;
        let snapshots = self.drop_snapshots(1)?;
        Ok(Done { snapshots, segments: self.drop_segments(Spare::Nothing)?, ..Done::default() })
    }

    /// Takes a snapshot into the data directory, where the next open uses it.
    pub fn take(&self) -> Result<Summary, SnapshotError> {
        let mut last = self.last();
        self.take_kept(&mut last)
    }

    /// Takes a snapshot into `file`, which is replaced.
    pub fn take_to(&self, file: &Path, form: SnapshotForm) -> Result<Summary, SnapshotError> {
        let _held = self.last();
        self.write(file, form)
    }

    /// Takes a snapshot under the newest key, and removes all others, which older keys have sealed.
    pub fn renew(&self) -> Result<Summary, SnapshotError> {
        let mut last = self.last();
        let summary = self.take_kept(&mut last)?;
        self.drop_snapshots(1)?;
        Ok(summary)
    }

    /// The snapshots from which this store can be rebuilt: those that the ring opens.
    fn usable(&self) -> Result<Vec<Lsn>, SnapshotError> {
        let mut found = self.snapshots()?;
        found.retain(|exact| {
            read::head(self.disk(), &self.inner.layout.snapshots.join(snapshot::file_name(*exact))).is_ok()
        });
        Ok(found)
    }

    /// The disk and the key ring of the snapshots.
    pub(super) fn disk(&self) -> SnapshotDisk<'_> {
        SnapshotDisk::new(&*self.inner.fs, self.inner.ring.as_deref())
    }

    /// The snapshots in the data directory, by the commit they are exact at, first to last.
    pub fn snapshots(&self) -> Result<Vec<Lsn>, SnapshotError> {
        snapshot::list(&*self.inner.fs, &self.inner.layout.snapshots).map_err(SnapshotError::io("listing"))
    }

    fn is_due(&self, last: &LastSnapshot) -> bool {
        let UpkeepInner { clock, progress, tuning, .. } = &*self.inner;
        // A snapshot that was taken later than now is from before an operator accepted an earlier time.
        progress.committed() > last.exact
            && (!last.taken.is_within(tuning.snapshot_every, clock.now())
                || last.backlog + progress.written() - last.written >= tuning.snapshot_bytes)
    }

    /// What a snapshot lacks of free space; `None` if it fits beside the rest.
    fn lack_of_room(&self, last: &LastSnapshot) -> Result<Option<String>, SnapshotError> {
        let since = last.backlog + self.inner.progress.written().saturating_sub(last.written);
        // Also before the first one: then all that is alive is in the journal.
        let alive = self.live_bytes().unwrap_or(0).max(self.snapshot_bytes()?);
        let needed = alive + since + limits::SNAPSHOT_FRAME + limits::SNAPSHOT_LEAVES;
        let free = self.free_bytes().map_err(SnapshotError::io("measuring the free space"))?;
        let text = || format!("it needs about {} MiB of free space, and {} MiB are free", needed >> 20, free >> 20);
        Ok((free < needed).then(text))
    }

    /// Bytes of the newest snapshot in the data directory; 0 without one.
    fn snapshot_bytes(&self) -> Result<u64, SnapshotError> {
        let Some(newest) = self.snapshots()?.pop() else { return Ok(0) };
        let file = self.inner.fs.open_to_read(&self.inner.layout.snapshots.join(snapshot::file_name(newest)));
        file.and_then(|file| file.length()).map_err(SnapshotError::io("measuring one"))
    }

    fn take_kept(&self, last: &mut LastSnapshot) -> Result<Summary, SnapshotError> {
        let written = self.inner.progress.written();
        let dir = &self.inner.layout.snapshots;
        let unnamed = dir.join("taking.new");
        let summary = self.write_unnamed(&unnamed, SnapshotForm::Sealed)?;
        self.name(&unnamed, &dir.join(snapshot::file_name(summary.exact)))?;
        *last = LastSnapshot { exact: summary.exact, taken: summary.head.taken, backlog: 0, written };
        self.inner.tended.note_good(summary.head.taken);
        Ok(summary)
    }

    fn write(&self, file: &Path, form: SnapshotForm) -> Result<Summary, SnapshotError> {
        let mut unnamed = file.as_os_str().to_owned();
        unnamed.push(".new");
        let unnamed = Path::new(&unnamed);
        let summary = self.write_unnamed(unnamed, form)?;
        self.name(unnamed, file)?;
        Ok(summary)
    }

    fn name(&self, from: &Path, to: &Path) -> Result<(), SnapshotError> {
        let fs = &*self.inner.fs;
        let dir = super::files::parent(to);
        fs.rename(from, to).and_then(|()| fs.sync_dir(dir)).map_err(SnapshotError::io("naming the file"))
    }

    fn write_unnamed(&self, file: &Path, form: SnapshotForm) -> Result<Summary, SnapshotError> {
        let UpkeepInner { fs, clock, entropy, layout, progress, closing, .. } = &*self.inner;
        // Read before the engine is taken: a swap may come in between, and the tree that is replaced gets no commit
        // after that.
        let from = progress.applied().0;
        let engine = self.engine().ok_or(SnapshotError::Closing)?;
        let head = Head { format: self.format()?, from, taken: clock.now() };
        let (disk, journal) = (self.disk(), layout.journal.as_path());
        let source = SnapshotSource { disk, entropy: &**entropy, form, engine: &*engine, progress, journal, closing };
        let shared = self.shared();
        let written = write::write(&source, &head, file, shared.as_deref().map(Scrub::begin));
        if let Some(shared) = shared {
            shared.note_walk(&written);
        }
        if written.is_err() {
            // Frees its space; if that fails too, the next snapshot replaces the file.
            let _ = fs.remove(file);
        }
        written.inspect(|summary| self.inner.live.set(summary.live_bytes))
    }

    fn format(&self) -> Result<Format, SnapshotError> {
        super::format::read(&*self.inner.fs, &self.inner.layout)?
            .ok_or_else(|| FormatError::Damaged("the file is missing".into()).into())
    }

    fn drop_snapshots(&self, kept: usize) -> Result<Vec<Lsn>, SnapshotError> {
        let mut found = self.snapshots()?;
        found.truncate(found.len().saturating_sub(kept));
        found.retain(|exact| self.history_from().is_none_or(|from| *exact < from));
        let UpkeepInner { fs, layout, .. } = &*self.inner;
        for lsn in &found {
            fs.remove(&layout.snapshots.join(snapshot::file_name(*lsn))).map_err(SnapshotError::io("removing one"))?;
        }
        if !found.is_empty() {
            fs.sync_dir(&layout.snapshots).map_err(SnapshotError::io("removing one"))?;
        }
        Ok(found)
    }

    fn drop_segments(&self, spare: Spare) -> Result<Vec<SegmentName>, SnapshotError> {
        let UpkeepInner { fs, layout, progress, tuning, .. } = &*self.inner;
        // The oldest of the kept snapshots decides, so that the journal continues from each of them.
        let Some(oldest) = self.usable()?.first().copied() else { return Ok(Vec::new()) };
        let covered = [Some(oldest), Some(progress.checkpointed()), self.history_from()];
        let covered = covered.into_iter().flatten().min().unwrap_or_default();
        let segments = segment::list(&**fs, &layout.journal).map_err(JournalProblem::io("listing the segments"))?;
        let mut bytes = segments_bytes(&**fs, layout, &segments)?;
        let mut dropped = Vec::new();
        for (at, name) in segments.iter().enumerate() {
            let after = &segments[at + 1..];
            let (name, Some(next)) = (*name, after.first()) else { break };
            if next.0 > covered.next() {
                break;
            }
            let stays = match spare {
                Spare::ByRetention => bytes <= tuning.retention_bytes && !self.is_old(after)?,
                Spare::Nothing => false,
            };
            if stays {
                break;
            }
            bytes -= segments_bytes(&**fs, layout, &[name])?;
            self.inner.tended.forget(name);
            fs.remove(&name.path(&layout.journal)).map_err(JournalProblem::io("removing a segment"))?;
            // Synced one by one, so that a stop of the machine leaves no gap.
            fs.sync_dir(&layout.journal).map_err(JournalProblem::io("removing a segment"))?;
            dropped.push(name);
        }
        Ok(dropped)
    }

    /// Whether the segment before the first of `after` is older than the retention: its last commit came before the
    /// first commit of each of them. Always false while the clock may not decide what is removed.
    fn is_old(&self, after: &[SegmentName]) -> Result<bool, SnapshotError> {
        let UpkeepInner { fs, clock, layout, tuning, .. } = &*self.inner;
        let now = clock.now();
        if !clock.may_remove() {
            return Ok(false);
        }
        for next in after {
            let mut reader = SegmentReader::open(&**fs, &layout.journal, *next)?;
            match reader.frame_at(HEADER as u64)? {
                // It was written before an operator accepted an earlier time; a later segment may have the age.
                FrameFound::Frame(frame, _) if frame.time > now => {}
                FrameFound::Frame(frame, _) => return Ok(now.since(frame.time) >= tuning.retention_time),
                FrameFound::Bad(_) => return Ok(false),
            }
        }
        Ok(false)
    }
}
