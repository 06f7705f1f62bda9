//! Opening a data directory: what is believed, what is built again, when to refuse.
//!
//! ```text
//!   lock -> store.json -> keys fit? -> survey the journal -> which tree to trust -> something to rebuild it from?
//!        '--------------- up to here nothing is changed, and any damage found is an error ---------------'
//!   -> tail into a fresh segment -> checkpoint of this opening -> tree: replay, or rebuild -> ready
//! ```
//!
//! - The machine ran on, or the store was closed cleanly: the tree is trusted; replay from the checkpoint.
//! - The machine stopped and the engine does not survive that, or the tree is missing, empty, behind its checkpoint, or
//!   does not open: a new tree is built from the newest good snapshot and the journal.
//! - Nothing to build it from, a tree ahead of the journal, damage in the synced part of the journal: an error.

use std::{io, sync::Arc};

use super::{
    Lsn,
    checkpoint::{self, Checkpoint},
    engine::Engine,
    format::{self, FORMAT, Format, Seal},
    fs::{Fs, Held},
    journal::{
        Problem,
        reader::{Found, SegmentReader},
        recover::{self, Known, Survey},
        segment::{self, HEADER},
        writer::{Ground, Writer},
    },
    layout::Layout,
    lock::{self, Lock},
    rebuild::{self, Origin},
    settings::{Seams, Settings},
    snapshot,
    trees::{self, Others, TreeName},
    trust::{OpenError, Opening, Reason, TreeFate},
};
use crate::types::Timestamp;

/// An opened directory, in pieces.
pub(super) struct Opened {
    pub(super) held: Box<dyn Held>,
    pub(super) layout: Layout,
    pub(super) format: Format,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) writer: Writer,
    pub(super) checkpoint: Checkpoint,
    pub(super) last_time: Timestamp,
    pub(super) opening: Opening,
}

/// Everything an opening needs to ask of its surroundings.
pub(super) struct Site<'a> {
    pub(super) settings: &'a Settings,
    pub(super) seams: &'a Seams,
    pub(super) layout: Layout,
}

impl Site<'_> {
    pub(super) fn fs(&self) -> &dyn Fs {
        &*self.seams.fs
    }

    pub(super) fn io(&self, step: &'static str) -> impl FnOnce(io::Error) -> OpenError {
        let dir = self.layout.root.display().to_string();
        move |source| OpenError::Io { dir, step, source }
    }

    pub(super) fn lock(&self) -> Result<Box<dyn Held>, OpenError> {
        let taken = lock::take(self.fs(), &self.layout, self.settings.lock_wait);
        match taken.map_err(self.io("taking the lock"))? {
            Lock::Ours(held) => Ok(held),
            Lock::Theirs(pid) => Err(OpenError::Locked { dir: self.layout.root.display().to_string(), pid }),
        }
    }

    fn ground(&self) -> Ground {
        Ground {
            fs: Arc::clone(&self.seams.fs),
            dir: self.layout.journal.clone(),
            segment_bytes: self.settings.tuning.segment_bytes,
            entropy: Arc::clone(&self.seams.entropy),
        }
    }
}

/// How much of the journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// From the checkpoint on: what is before it, later segments stand for.
    SinceCheckpoint,
    /// All of it.
    Whole,
}

/// What is known before the tree is looked at.
pub(super) struct Findings {
    pub(super) checkpoint: checkpoint::Found,
    pub(super) snapshots: Vec<Lsn>,
    pub(super) survey: Survey,
}

impl Findings {
    /// Reads checkpoint and journal; changes nothing.
    pub(super) fn gather(site: &Site<'_>, depth: Depth) -> Result<Self, OpenError> {
        let checkpoint = checkpoint::read(site.fs(), &site.layout).map_err(site.io("reading the checkpoint"))?;
        let snapshots = snapshot::list(site.fs(), &site.layout.snapshots).map_err(site.io("listing the snapshots"))?;
        let segments = segment::list(site.fs(), &site.layout.journal).map_err(site.io("listing the journal"))?;
        let first = segments.first().ok_or(Problem::Empty)?;
        let before_first = Lsn(first.0.0.saturating_sub(1));
        let after = match &checkpoint {
            checkpoint::Found::Good(found) => found.lsn(),
            checkpoint::Found::Absent | checkpoint::Found::Damaged => before_first,
        };
        let covered = snapshots.last().map_or(after, |newest| after.max(*newest));
        let after = match depth {
            Depth::SinceCheckpoint => after,
            Depth::Whole => before_first.min(after),
        };
        let survey = recover::survey(site.fs(), &site.layout.journal, Known { after, covered })?;
        Ok(Self { checkpoint, snapshots, survey })
    }

    pub(super) fn checkpoint(&self) -> Option<&Checkpoint> {
        match &self.checkpoint {
            checkpoint::Found::Good(found) => Some(found),
            checkpoint::Found::Absent | checkpoint::Found::Damaged => None,
        }
    }

    /// Whether all that is in the journal is known to be on the disk.
    fn is_clean(&self) -> bool {
        self.survey.cut.is_none()
            && self.checkpoint().is_some_and(|found| found.closed && found.lsn() == self.survey.last)
    }

    /// Which tree to trust before any is opened.
    pub(super) fn judge(&self, site: &Site<'_>) -> Result<TreeName, Reason> {
        let Settings { engine, boot, .. } = site.settings;
        let found = match &self.checkpoint {
            checkpoint::Found::Good(found) => found,
            checkpoint::Found::Absent => return Err(Reason::New),
            checkpoint::Found::Damaged => return Err(Reason::CheckpointDamaged),
        };
        let tree = TreeName(found.tree.clone());
        if found.engine != engine.name() {
            Err(Reason::OtherEngine)
        } else if !engine.keeps() {
            Err(Reason::InMemory)
        } else if !(found.closed || found.boot == boot.0 || engine.survives_machine_stop()) {
            Err(Reason::MachineStopped)
        } else if !trees::exists(&site.layout, &tree) {
            Err(Reason::Missing)
        } else {
            Ok(tree)
        }
    }
}

/// Opens the directory of `settings`, or makes it.
pub(super) fn open(
    settings: &Settings,
    seams: &Seams,
    seal: impl FnOnce(Option<&Format>) -> Result<Seal, String>,
) -> Result<Opened, OpenError> {
    let site = Site { settings, seams, layout: Layout::new(&settings.dir) };
    site.fs().create_dir(&site.layout.root).map_err(site.io("making the directory"))?;
    let held = site.lock()?;
    let found = format::read(site.fs(), &site.layout)?;
    let created = found.is_none();
    if created {
        refuse_remains(&site)?;
    }
    let seal = seal(found.as_ref()).map_err(OpenError::Seal)?;
    let (format, resealed) = match found {
        Some(format) => (Format { seal: seal.clone(), ..format.clone() }, format.seal != seal),
        None => (lay_down(&site, seal)?, false),
    };
    let findings = Findings::gather(&site, Depth::SinceCheckpoint)?;
    let trusted = findings.judge(&site);
    let origin = match &trusted {
        Ok(_) => None,
        Err(reason) => Some(rebuild::origin(&site, &findings, reason)?),
    };
    let epoch = findings.survey.epoch.max(findings.checkpoint().map_or(0, |found| found.epoch)) + 1;
    let writer = start_writer(&site, &findings, epoch)?;
    if resealed {
        format::write(site.fs(), &site.layout, &format).map_err(site.io("writing store.json"))?;
    }
    let mut built = match (trusted, origin) {
        (Err(reason), Some(origin)) => rebuild_tree(&site, &findings, (reason, origin), epoch)?,
        (Err(reason), None) => {
            let origin = rebuild::origin(&site, &findings, &reason)?;
            rebuild_tree(&site, &findings, (reason, origin), epoch)?
        }
        (Ok(tree), _) => trust_tree(&site, &findings, tree, epoch)?,
    };
    built.opening.created = created;
    Ok(Opened {
        held,
        layout: site.layout.clone(),
        format,
        engine: built.engine,
        writer,
        checkpoint: built.checkpoint,
        last_time: built.last_time,
        opening: built.opening,
    })
}

/// A directory without `store.json` may hold what an interrupted first start left, and nothing more.
fn refuse_remains(site: &Site<'_>) -> Result<(), OpenError> {
    let names = site.fs().list(&site.layout.root).map_err(site.io("looking at the directory"))?;
    if let Some(found) = names.into_iter().find(|name| name == "checkpoint" || name.starts_with("tree-")) {
        return Err(OpenError::NoFormat { found });
    }
    if let Some(newest) = snapshot::list(site.fs(), &site.layout.snapshots).map_err(site.io("listing"))?.pop() {
        return Err(OpenError::NoFormat { found: format!("snapshots/{}", snapshot::file_name(newest)) });
    }
    for name in segment::list(site.fs(), &site.layout.journal).map_err(site.io("listing the journal"))? {
        let first = SegmentReader::open(site.fs(), &site.layout.journal, name)?.frame_at(HEADER as u64)?;
        if name.0 != Lsn(1) || matches!(first, Found::Frame(..)) {
            return Err(OpenError::NoFormat { found: format!("journal/{name}") });
        }
    }
    Ok(())
}

/// Makes an empty store. It is one when `store.json` is there, which is written last.
fn lay_down(site: &Site<'_>, seal: Seal) -> Result<Format, OpenError> {
    let fs = site.fs();
    let mut store = [0; 16];
    site.seams.entropy.fill(&mut store);
    let format = Format {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: format!("{:032x}", u128::from_be_bytes(store)),
        created: site.seams.clock.now(),
        restored: false,
        seal,
    };
    let Layout { root, journal, snapshots } = &site.layout;
    fs.create_dir(journal)
        .and_then(|()| fs.create_dir(snapshots))
        .and_then(|()| site.ground().create_segment(Lsn(1)))
        .and_then(|()| fs.sync_dir(super::files::parent(root)))
        .and_then(|()| format::write(fs, &site.layout, &format))
        .map_err(site.io("making the store"))?;
    Ok(format)
}

/// Removes what interrupted work left, and makes the journal ready for frames of `epoch`. What can be read of it
/// afterwards is on the disk.
fn start_writer(site: &Site<'_>, findings: &Findings, epoch: u64) -> Result<Writer, OpenError> {
    let fs = site.fs();
    let Layout { root, journal, snapshots } = &site.layout;
    for dir in [root, journal, snapshots] {
        let swept = fs.list(dir).and_then(|names| {
            for name in names.iter().filter(|name| name.ends_with(".new")) {
                fs.remove(&dir.join(name))?;
            }
            // A process may have ended between giving a name and syncing it.
            fs.sync_dir(dir)
        });
        swept.map_err(site.io("removing unfinished files"))?;
    }
    trees::remove_scratch(&site.layout).map_err(site.io("removing what a check left"))?;
    let started = if findings.is_clean() {
        Writer::resume(site.ground(), &findings.survey, epoch)
    } else {
        Writer::restart(site.ground(), &findings.survey, epoch)
    };
    started.map_err(site.io("going on with the journal"))
}

struct Built {
    engine: Arc<dyn Engine>,
    checkpoint: Checkpoint,
    last_time: Timestamp,
    opening: Opening,
}

fn write_checkpoint(site: &Site<'_>, checkpoint: &Checkpoint) -> Result<(), OpenError> {
    checkpoint::write(site.fs(), &site.layout, checkpoint).map_err(site.io("writing the checkpoint"))
}

/// Opens the tree and applies what it may lack. If it turns out not to be what it should, another one is built.
fn trust_tree(site: &Site<'_>, findings: &Findings, tree: TreeName, epoch: u64) -> Result<Built, OpenError> {
    let survey = &findings.survey;
    let Some(found) = findings.checkpoint() else {
        let origin = rebuild::origin(site, findings, &Reason::New)?;
        return rebuild_tree(site, findings, (Reason::New, origin), epoch);
    };
    // From here on the files of the tree change: the mark of a clean close has to be gone before.
    let mut checkpoint = Checkpoint { boot: site.settings.boot.0.clone(), closed: false, epoch, ..found.clone() };
    write_checkpoint(site, &checkpoint)?;
    let opened = trees::open(&site.layout, site.settings.engine, &tree);
    let examined = opened.and_then(|engine| Ok((engine.applied()?, engine)));
    let (applied, engine) = match examined {
        Ok((Some(applied), engine)) if applied >= found.lsn() => (applied, engine),
        distrusted => {
            let reason = match distrusted {
                Ok((Some(applied), _)) => Reason::Behind { applied, checkpoint: found.lsn() },
                Ok((None, _)) => Reason::Empty,
                Err(error) => Reason::DoesNotOpen(error.to_string()),
            };
            let origin = rebuild::origin(site, findings, &reason)?;
            return rebuild_tree(site, findings, (reason, origin), epoch);
        }
    };
    if applied > survey.last {
        return Err(OpenError::TreeAhead { tree: applied, journal: survey.last });
    }
    let replayed = rebuild::catch_up(site, &*engine, found.lsn(), survey.last)?;
    let last_time = survey.last_time.map_or(found.time, |time| time.max(found.time));
    if replayed > 0 {
        engine.checkpoint()?;
        checkpoint = Checkpoint { lsn: survey.last.0, time: last_time, ..checkpoint };
        write_checkpoint(site, &checkpoint)?;
    }
    trees::retire_others(&site.layout, &tree, Others::Remove).map_err(site.io("removing old trees"))?;
    let opening = Opening { created: false, tree: TreeFate::Trusted, replayed, cut: survey.cut, last: survey.last };
    Ok(Built { engine, checkpoint, last_time, opening })
}

/// Builds a new tree beside the old one; it counts once the checkpoint names it.
fn rebuild_tree(
    site: &Site<'_>,
    findings: &Findings,
    (reason, origin): (Reason, Origin),
    epoch: u64,
) -> Result<Built, OpenError> {
    let survey = &findings.survey;
    let engine_kind = site.settings.engine;
    let before = findings.checkpoint().map(|found| found.tree.as_str());
    let tree = trees::fresh(&site.layout, engine_kind, before).map_err(site.io("naming a tree"))?;
    let engine = trees::open(&site.layout, engine_kind, &tree)?;
    let loaded = rebuild::load(site, &*engine, &origin)?;
    let replayed = rebuild::catch_up(site, &*engine, origin.exact(), survey.last)?;
    engine.checkpoint()?;
    let times = [findings.checkpoint().map(|found| found.time), survey.last_time, Some(loaded.time)];
    let last_time = times.into_iter().flatten().max().unwrap_or(Timestamp::ZERO);
    let checkpoint = Checkpoint {
        boot: site.settings.boot.0.clone(),
        closed: false,
        lsn: survey.last.0,
        time: last_time,
        epoch,
        engine: engine_kind.name().to_owned(),
        tree: tree.0.clone(),
    };
    write_checkpoint(site, &checkpoint)?;
    trees::retire_others(&site.layout, &tree, reason.others()).map_err(site.io("removing old trees"))?;
    let tree = TreeFate::Rebuilt { reason, snapshot: origin.snapshot(), keys: loaded.keys };
    let opening = Opening { created: false, tree, replayed, cut: survey.cut, last: survey.last };
    Ok(Built { engine, checkpoint, last_time, opening })
}
