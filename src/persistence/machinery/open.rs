//! Opening a data directory: what is trusted, what is rebuilt, when to refuse.
//!
//! ```text
//!   lock -> store.json -> keys fit? -> survey the journal -> which tree to trust -> something to rebuild it from?
//!        '--------------- up to here nothing is changed, and any damage found is an error ---------------'
//!   -> tail into a fresh segment -> checkpoint of this opening -> tree: replay, or rebuild -> ready
//! ```
//!
//! - The machine ran on, or the store was closed cleanly: the tree is trusted; replay from the checkpoint.
//! - The machine stopped and the engine does not survive that, or the tree is missing, empty, behind its checkpoint, or
//!   does not open: a new tree is built from the newest valid snapshot and the journal.
//! - Nothing to build it from, a tree ahead of the journal, damage in the synced part of the journal: an error.

use std::{io, sync::Arc};

use super::{
    Lsn,
    ballast::Ballast,
    checkpoint::{self, Checkpoint, StoredHeads},
    engine::{ByteScan, Direction, Engine},
    format::{self, FORMAT, Format, Seal},
    fs::Fs,
    journal::{
        JournalProblem,
        reader::{FrameFound, SegmentReader},
        recover::{self, KnownCommits, Survey},
        segment::{self, HEADER},
        writer::{JournalEnvironment, JournalWriter},
    },
    known_damage,
    layout::Layout,
    lock::{self, DirectoryLock, Lock},
    no_room::no_room,
    opening_watch::OpeningWatch,
    rebuild::{self, GrowingTree, RebuildError, TreeOrigin, TreeSources},
    settings::{StoreEnvironment, StoreSettings},
    snapshot::{self, SnapshotDisk},
    tree_mark::TreeMark,
    trees::{self, TreeName},
    trust::{DistrustReason, OpenError, Opening, TreeState},
};
use crate::types::Timestamp;

/// The parts of an opened directory.
pub(super) struct Opened {
    pub(super) held: DirectoryLock,
    pub(super) layout: Layout,
    pub(super) format: Format,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) writer: JournalWriter,
    pub(super) checkpoint: Checkpoint,
    pub(super) last_time: Timestamp,
    pub(super) opening: Opening,
}

/// The context of an opening.
pub(super) struct OpenContext<'a> {
    pub(super) settings: &'a StoreSettings,
    pub(super) environment: &'a StoreEnvironment,
    pub(super) layout: Layout,
    /// Where the progress is reported, and a stop requested.
    pub(super) watch: &'a OpeningWatch,
}

impl OpenContext<'_> {
    pub(super) fn fs(&self) -> &dyn Fs {
        &*self.environment.fs
    }

    pub(super) fn io(&self, step: &'static str) -> impl FnOnce(io::Error) -> OpenError {
        let dir = self.layout.root.display().to_string();
        move |source| OpenError::Io { dir, step, source }
    }

    pub(super) fn lock(&self) -> Result<DirectoryLock, OpenError> {
        match lock::take(self.fs(), &self.layout, self.settings.lock_wait, self.watch)? {
            Lock::Ours(held) => Ok(held),
            Lock::Theirs(pid) => Err(OpenError::Locked { dir: self.layout.root.display().to_string(), pid }),
        }
    }

    /// The device of the directory; `None`, which is never the one of a checkpoint, if it is not known.
    fn device(&self) -> Option<u64> {
        self.fs().device(&self.layout.root).ok()
    }

    pub(super) fn sources(&self) -> TreeSources<'_> {
        TreeSources { disk: SnapshotDisk::of(self.environment), layout: &self.layout }
    }

    /// Reports `keys` of a rebuild, and checks for a stop.
    pub(super) fn advance(&self, keys: u64) -> Result<(), RebuildError> {
        self.watch.advance(keys).map_err(|_| RebuildError::Stopped)
    }

    fn journal(&self) -> JournalEnvironment {
        JournalEnvironment {
            fs: Arc::clone(&self.environment.fs),
            dir: self.layout.journal.clone(),
            segment_bytes: self.settings.tuning.segment_bytes,
            entropy: Arc::clone(&self.environment.entropy),
        }
    }
}

/// How much of the journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// From the checkpoint on: later segments prove that what is before it was synced.
    SinceCheckpoint,
    /// All of it.
    Whole,
}

/// What is known before the tree is opened.
pub(super) struct Inspection {
    pub(super) checkpoint: checkpoint::CheckpointFound,
    pub(super) snapshots: Vec<Lsn>,
    pub(super) survey: Survey,
    pub(super) mark: Option<TreeMark>,
}

impl Inspection {
    /// Reads checkpoint and journal; changes nothing.
    pub(super) fn gather(context: &OpenContext<'_>, depth: Depth) -> Result<Self, OpenError> {
        let checkpoint =
            checkpoint::read(context.fs(), &context.layout).map_err(context.io("reading the checkpoint"))?;
        let mark = TreeMark::read(context.fs(), &context.layout).map_err(context.io("reading the mark of a tree"))?;
        let snapshots =
            snapshot::list(context.fs(), &context.layout.snapshots).map_err(context.io("listing the snapshots"))?;
        let segments =
            segment::list(context.fs(), &context.layout.journal).map_err(context.io("listing the journal"))?;
        let first = segments.first().ok_or(JournalProblem::Empty)?;
        let before_first = Lsn(first.0.0.saturating_sub(1));
        let after = match &checkpoint {
            checkpoint::CheckpointFound::Good(found) => found.lsn(),
            checkpoint::CheckpointFound::Absent | checkpoint::CheckpointFound::Damaged => before_first,
        };
        let covered = snapshots.last().map_or(after, |newest| after.max(*newest));
        let after = match depth {
            Depth::SinceCheckpoint => after,
            Depth::Whole => before_first.min(after),
        };
        let survey = recover::survey(context.fs(), &context.layout.journal, KnownCommits { after, covered })?;
        Ok(Self { checkpoint, snapshots, survey, mark })
    }

    pub(super) fn checkpoint(&self) -> Option<&Checkpoint> {
        match &self.checkpoint {
            checkpoint::CheckpointFound::Good(found) => Some(found),
            checkpoint::CheckpointFound::Absent | checkpoint::CheckpointFound::Damaged => None,
        }
    }

    /// Whether everything in the journal is known to be on the disk.
    fn is_clean(&self) -> bool {
        self.survey.cut.is_none()
            && self.checkpoint().is_some_and(|found| found.closed && found.lsn() == self.survey.last)
    }

    /// The tree to trust, decided before any tree is opened.
    pub(super) fn judge(&self, context: &OpenContext<'_>) -> Result<TreeName, DistrustReason> {
        let StoreSettings { engine, boot, .. } = context.settings;
        let found = match &self.checkpoint {
            checkpoint::CheckpointFound::Good(found) => found,
            checkpoint::CheckpointFound::Absent => return Err(DistrustReason::New),
            checkpoint::CheckpointFound::Damaged => return Err(DistrustReason::CheckpointDamaged),
        };
        let tree = TreeName(found.tree.clone());
        if found.engine != engine.name() {
            Err(DistrustReason::OtherEngine)
        } else if !engine.keeps() {
            Err(DistrustReason::InMemory)
        } else if !(found.closed || found.boot == boot.0 || engine.survives_machine_stop()) {
            Err(DistrustReason::MachineStopped)
        } else if !(found.closed || engine.survives_machine_stop() || found.is_on(context.device())) {
            Err(DistrustReason::OtherDevice)
        } else if !trees::exists(&context.layout, &tree) {
            let is_aside = trees::is_aside(&context.layout, &tree);
            Err(if is_aside { DistrustReason::SetAside } else { DistrustReason::Missing })
        } else if let Some(mark) = self.mark.as_ref().filter(|mark| mark.is_on(&tree)) {
            Err(DistrustReason::Marked(mark.reason.clone()))
        } else {
            Ok(tree)
        }
    }
}

/// Opens the directory of `settings`, or creates it. On a full disk the ballast is given up first.
pub(super) fn open(
    settings: &StoreSettings,
    environment: &StoreEnvironment,
    watch: &OpeningWatch,
    seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
) -> Result<Opened, OpenError> {
    let context = OpenContext { settings, environment, layout: Layout::new(&settings.dir), watch };
    let full = |error: OpenError| if error.is_full() { no_room(context.fs(), &context.layout, &error) } else { error };
    open_in(&context, seal).map_err(full)
}

fn open_in(
    context: &OpenContext<'_>,
    seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
) -> Result<Opened, OpenError> {
    context.fs().create_dir(&context.layout.root).map_err(context.io("making the directory"))?;
    let held = context.lock()?;
    Ballast::of(&context.environment.fs, &context.layout, 0).give_up_for_start();
    let found = format::read(context.fs(), &context.layout)?;
    let created = found.is_none();
    if created {
        refuse_remains(context)?;
    }
    let seal = seal(found.as_ref()).map_err(OpenError::Seal)?;
    let (format, resealed) = match found {
        Some(format) => (Format { seal: seal.clone(), ..format.clone() }, format.seal != seal),
        None => (initialize(context, seal)?, false),
    };
    let inspection = Inspection::gather(context, Depth::SinceCheckpoint)?;
    let trusted = inspection.judge(context);
    let origin = match &trusted {
        Ok(_) => None,
        Err(reason) => Some(rebuild::origin(context, &inspection, reason)?),
    };
    let epoch = last_epoch(context, &inspection, &format) + 1;
    let writer = start_writer(context, &inspection, epoch)?;
    if resealed {
        format::write(context.fs(), &context.layout, &format).map_err(context.io("writing store.json"))?;
    }
    let mut built = match (trusted, origin) {
        (Err(reason), Some(origin)) => rebuild_tree(context, &inspection, (reason, origin), epoch)?,
        (Err(reason), None) => distrust(context, &inspection, reason, epoch)?,
        (Ok(tree), _) => trust_tree(context, &inspection, tree, epoch)?,
    };
    context.watch.check()?;
    built.opening.created = created;
    Ok(Opened {
        held,
        layout: context.layout.clone(),
        format,
        engine: built.engine,
        writer,
        checkpoint: built.checkpoint,
        last_time: built.last_time,
        opening: built.opening,
    })
}

/// The epoch of the opening before this one. The first opening of a restored store counts from the seconds since 1970,
/// which are more than any store has openings: what was under way in the snapshot names a lease of the original store,
/// and no lease of this one may look like it.
fn last_epoch(context: &OpenContext<'_>, inspection: &Inspection, format: &Format) -> u64 {
    match inspection.checkpoint() {
        Some(found) => inspection.survey.epoch.max(found.epoch),
        None if format.restored => {
            let now = context.environment.clock.now().as_seconds();
            inspection.survey.epoch.max(u64::try_from(now).unwrap_or(0))
        }
        None => inspection.survey.epoch,
    }
}

/// A directory without `store.json` may hold the remains of an interrupted first start, but nothing else.
fn refuse_remains(context: &OpenContext<'_>) -> Result<(), OpenError> {
    let names = context.fs().list(&context.layout.root).map_err(context.io("looking at the directory"))?;
    if let Some(found) = names.into_iter().find(|name| name == "checkpoint" || name.starts_with("tree-")) {
        return Err(OpenError::NoFormat { found });
    }
    if let Some(newest) = snapshot::list(context.fs(), &context.layout.snapshots).map_err(context.io("listing"))?.pop()
    {
        return Err(OpenError::NoFormat { found: format!("snapshots/{}", snapshot::file_name(newest)) });
    }
    for name in segment::list(context.fs(), &context.layout.journal).map_err(context.io("listing the journal"))? {
        let first = SegmentReader::open(context.fs(), &context.layout.journal, name)?.frame_at(HEADER as u64)?;
        if name.0 != Lsn(1) || matches!(first, FrameFound::Frame(..)) {
            return Err(OpenError::NoFormat { found: format!("journal/{name}") });
        }
    }
    Ok(())
}

/// Creates an empty store. It exists once `store.json` does, which is written last.
fn initialize(context: &OpenContext<'_>, seal: Seal) -> Result<Format, OpenError> {
    let fs = context.fs();
    let mut store = [0; 16];
    context.environment.entropy.fill(&mut store);
    let format = Format {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: format!("{:032x}", u128::from_be_bytes(store)),
        created: context.environment.clock.now(),
        restored: false,
        sessions_after: None,
        seal,
    };
    let Layout { root, journal, snapshots } = &context.layout;
    fs.create_dir(journal)
        .and_then(|()| fs.create_dir(snapshots))
        .and_then(|()| context.journal().create_segment(Lsn(1)))
        .and_then(|()| fs.sync_dir(super::files::parent(root)))
        // The names of both directories are on the disk before that of `store.json` can be.
        .and_then(|()| fs.sync_dir(root))
        .and_then(|()| format::write(fs, &context.layout, &format))
        .map_err(context.io("making the store"))?;
    Ok(format)
}

/// Removes the remains of interrupted work, and prepares the journal for frames of `epoch`. Afterwards all its readable
/// frames are on the disk.
fn start_writer(context: &OpenContext<'_>, inspection: &Inspection, epoch: u64) -> Result<JournalWriter, OpenError> {
    let fs = context.fs();
    let Layout { root, journal, snapshots } = &context.layout;
    for dir in [root, journal, snapshots] {
        // The directory of the snapshots may be missing: it is empty in a young store, and nothing else needs it.
        let swept = fs.create_dir(dir).and_then(|()| fs.list(dir)).and_then(|names| {
            for name in names.iter().filter(|name| name.ends_with(".new")) {
                fs.remove(&dir.join(name))?;
            }
            // A process may have ended between renaming a file and syncing the directory.
            fs.sync_dir(dir)
        });
        swept.map_err(context.io("removing unfinished files"))?;
    }
    let started = if inspection.is_clean() {
        JournalWriter::resume(context.journal(), &inspection.survey, epoch)
    } else {
        JournalWriter::restart(context.journal(), &inspection.survey, epoch)
    };
    started.map_err(context.io("going on with the journal"))
}

struct Built {
    engine: Arc<dyn Engine>,
    checkpoint: Checkpoint,
    last_time: Timestamp,
    opening: Opening,
}

fn write_checkpoint(context: &OpenContext<'_>, checkpoint: &Checkpoint) -> Result<(), OpenError> {
    checkpoint::write(context.fs(), &context.layout, checkpoint).map_err(context.io("writing the checkpoint"))
}

/// Opens the tree and applies the commits it may lack. If the tree is not usable, another one is built.
fn trust_tree(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    tree: TreeName,
    epoch: u64,
) -> Result<Built, OpenError> {
    let survey = &inspection.survey;
    let Some(found) = inspection.checkpoint() else {
        return distrust(context, inspection, DistrustReason::New, epoch);
    };
    // From here on the files of the tree change: the mark of a clean close has to be removed before.
    let (boot, device) = (context.settings.boot.0.clone(), context.device());
    let mut checkpoint = Checkpoint { boot, device, closed: false, epoch, ..found.clone() };
    write_checkpoint(context, &checkpoint)?;
    trees::remove_unfinished(&context.layout, &tree).map_err(context.io("removing unfinished trees"))?;
    let (engine, replayed) = match usable(context, &tree, found.lsn(), survey.last)? {
        Ok(usable) => usable,
        Err(reason) => return distrust(context, inspection, reason, epoch),
    };
    // What the survey read is not older than the checkpoint; its time may be earlier, if an operator accepted it.
    let last_time = survey.last_time.unwrap_or(found.time);
    if replayed > 0 {
        checkpoint = Checkpoint { lsn: survey.last.0, time: last_time, ..checkpoint };
        write_checkpoint(context, &checkpoint)?;
    }
    let opening = Opening { created: false, tree: TreeState::Trusted, replayed, cut: survey.cut, last: survey.last };
    Ok(Built { engine, checkpoint, last_time, opening })
}

/// A tree that has every commit, and the number of commits that were applied for that.
type CaughtUp = (Arc<dyn Engine>, u64);

/// Opens a tree and applies the commits up to `last`; returns their number, or why the tree is not usable.
fn usable(
    context: &OpenContext<'_>,
    tree: &TreeName,
    checkpoint: Lsn,
    last: Lsn,
) -> Result<Result<CaughtUp, DistrustReason>, OpenError> {
    let engine = match trees::open(&context.layout, context.settings.engine, tree) {
        Ok(engine) => engine,
        Err(error) if error.is_full() => return Err(error.into()),
        Err(error) => return Ok(Err(DistrustReason::DoesNotOpen(error.to_string()))),
    };
    match catch_up_trusted(context, GrowingTree::of(tree.clone(), Arc::clone(&engine), checkpoint), last) {
        Ok(Ok(replayed)) => Ok(Ok((engine, replayed))),
        Ok(Err(reason)) => Ok(Err(reason)),
        Err(OpenError::Engine(error)) if !error.is_full() => Ok(Err(DistrustReason::Fails(error.to_string()))),
        Err(error) => Err(error),
    }
}

fn catch_up_trusted(
    context: &OpenContext<'_>,
    mut tree: GrowingTree,
    last: Lsn,
) -> Result<Result<u64, DistrustReason>, OpenError> {
    let (engine, checkpoint) = (Arc::clone(&tree.engine), tree.applied());
    match engine.applied()? {
        None => return Ok(Err(DistrustReason::Empty)),
        Some(applied) if applied < checkpoint => return Ok(Err(DistrustReason::Behind { applied, checkpoint })),
        Some(tree) if tree > last => return Err(OpenError::TreeAhead { tree, journal: last }),
        Some(_) => {}
    }
    let replayed = tree.follow(context.sources(), last, &mut |keys| context.advance(keys))?;
    if replayed > 0 {
        engine.checkpoint()?;
    }
    // A tree that cannot be read is replaced now, not after the first request has found it.
    for direction in [Direction::Ascending, Direction::Descending] {
        engine.view()?.scan(&ByteScan { direction, ..ByteScan::all(1) })?;
    }
    Ok(Ok(replayed))
}

/// Finds a source for a new tree, and builds it.
fn distrust(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    reason: DistrustReason,
    epoch: u64,
) -> Result<Built, OpenError> {
    let origin = rebuild::origin(context, inspection, &reason)?;
    rebuild_tree(context, inspection, (reason, origin), epoch)
}

/// Builds a new tree beside the old one; it becomes current when the checkpoint names it. The old one stays until the
/// next checkpoint.
fn rebuild_tree(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    (reason, origin): (DistrustReason, TreeOrigin),
    epoch: u64,
) -> Result<Built, OpenError> {
    let survey = &inspection.survey;
    let engine_kind = context.settings.engine;
    let before = inspection.checkpoint().map(|found| found.tree.as_str());
    if reason.is_expected() {
        tracing::info!(%reason, "the tree is rebuilt");
    } else {
        tracing::warn!(%reason, "the tree is set aside and rebuilt");
    }
    context.watch.begin_rebuild(origin.work(survey.last));
    trees::make_way(&context.layout, before, reason.others()).map_err(context.io("setting old trees aside"))?;
    let tree = trees::fresh(&context.layout, engine_kind, before).map_err(context.io("naming a tree"))?;
    let filled = fill(context, &tree, &origin, survey.last);
    let (built, replayed) = match filled {
        Err(OpenError::Engine(source)) => return Err(OpenError::RebuiltFails { reason, source }),
        filled => filled?,
    };
    context.watch.end_rebuild();
    let last_time = survey.last_time.or(inspection.checkpoint().map(|found| found.time)).unwrap_or(built.time);
    let checkpoint = Checkpoint {
        boot: context.settings.boot.0.clone(),
        device: context.device(),
        closed: false,
        lsn: survey.last.0,
        time: last_time,
        epoch,
        engine: engine_kind.name().to_owned(),
        tree: tree.0.clone(),
        rebuilt_for: rebuilt_for(inspection, &reason),
        heads: inspection.checkpoint().map_or_else(StoredHeads::default, |found| found.heads.clone()),
    };
    write_checkpoint(context, &checkpoint)?;
    TreeMark::clear(context.fs(), &context.layout).map_err(context.io("removing the mark of a tree"))?;
    let tree = TreeState::Rebuilt { reason, snapshot: origin.snapshot(), keys: built.keys };
    let opening = Opening { created: false, tree, replayed, cut: survey.cut, last: survey.last };
    Ok(Built { engine: built.engine, checkpoint, last_time, opening })
}

/// Creates a tree with all commits up to `last`.
fn fill(
    context: &OpenContext<'_>,
    tree: &TreeName,
    origin: &TreeOrigin,
    last: Lsn,
) -> Result<(GrowingTree, u64), OpenError> {
    let mut growing = GrowingTree::create(&context.layout, context.settings.engine, tree.clone(), origin)?;
    growing.load(context.sources(), origin, &mut |keys| context.advance(keys))?;
    let replayed = growing.follow(context.sources(), last, &mut |keys| context.advance(keys))?;
    growing.engine.checkpoint()?;
    Ok((growing, replayed))
}

/// The keys of damaged values for which a tree is rebuilt.
fn rebuilt_for(inspection: &Inspection, reason: &DistrustReason) -> Vec<String> {
    let value = inspection.mark.as_ref().and_then(|mark| mark.value.as_ref());
    match (reason, value, inspection.checkpoint()) {
        (DistrustReason::Marked(_), Some(value), Some(found)) => {
            known_damage::rebuilt_for(&found.rebuilt_for, &value.key)
        }
        (DistrustReason::Marked(_), None, Some(found)) => found.rebuilt_for.clone(),
        _ => Vec::new(),
    }
}
