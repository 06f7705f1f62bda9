//! `store check`: verifies a directory that no server has open, or a snapshot, and changes nothing.
//!
//! Owns: the comparison of what a directory holds with what its oldest base and its journal prove, and the temporary
//! directory for it. Must not know: what the values mean; a function of the caller checks the content. Begin with
//! `check`.
//!
//! ```text
//!   every segment, every snapshot: read whole
//!   the oldest base (nothing, or the oldest snapshot that the journal continues) -> journal
//!       at the commit of each newer snapshot: the same as that snapshot?
//!       at the last commit: the same as the tree?   the heads of the logs as the checkpoint says?   content?
//! ```
//!
//! The disk is one that is only read, so that a read-only mount and a copy are checked as they are.

mod compare;
mod scratch;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use compare::{Differences, TableDifference};

use self::{
    compare::{Pairs, differences},
    scratch::ScratchTrees,
};
use super::{
    Batch, Lsn, Operation,
    catalog::StoreCatalog,
    engine::{Engine, EngineError, EngineView, verified::VerifiedView},
    format::{self, Format},
    fs::ReadOnlyFs,
    heads_proof,
    journal::{
        JournalProblem,
        recover::{self, Cut, Span},
    },
    layout::Layout,
    open::{Depth, Inspection, OpenContext},
    opening_watch::OpeningWatch,
    reader::TxFault,
    rebuild::{self, GrowingTree, TreeOrigin, unwatched},
    settings::{StoreEnvironment, StoreSettings},
    snapshot::{
        self, SnapshotDisk, SnapshotError, Summary,
        read::{self, SnapshotPart},
    },
    trees::{self, TreeName},
    trust::{DistrustReason, OpenError},
};

/// The first fault of a directory.
#[derive(Debug, thiserror::Error)]
pub enum CheckFault {
    /// There is no store.
    #[error("{} holds no store", .0.display())]
    NoStore(PathBuf),
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A snapshot is damaged.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The tree is not usable; the next start rebuilds it.
    #[error("the tree is not usable: {0}; the next start builds another one")]
    Tree(DistrustReason),
    /// The tree or a snapshot differs from what the oldest base and the journal prove.
    #[error("{what} differs from what {base} and the journal prove: {differences}")]
    Differs {
        /// `the tree`, or the file of a snapshot.
        what: String,
        /// From where the journal was replayed.
        base: String,
        /// The tables, and how many of their rows.
        differences: Differences,
    },
    /// A log ends elsewhere than checkpoint and journal prove; the text says where.
    #[error("{0}")]
    Heads(String),
    /// A check of the content failed; the text is the content's own.
    #[error("{0}")]
    Content(String),
    /// The disk failed.
    #[error("{step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl CheckFault {
    fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

impl From<EngineError> for CheckFault {
    fn from(error: EngineError) -> Self {
        Self::Open(error.into())
    }
}

impl From<JournalProblem> for CheckFault {
    fn from(problem: JournalProblem) -> Self {
        Self::Open(problem.into())
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub segments: usize,
    pub snapshots: usize,
    /// The number of the last commit.
    pub last: Lsn,
    /// Keys in the tree.
    pub keys: u64,
    /// Where the next start will cut the journal, if its end is torn.
    pub cut: Option<Cut>,
    /// Why the next start will rebuild the tree, if it will; then there was no tree to compare.
    pub rebuild: Option<DistrustReason>,
}

/// What a check needs of its caller.
pub struct CheckScope<'a, C> {
    /// The tables and logs of the content.
    pub catalog: &'static StoreCatalog,
    /// Called with each step, for operators.
    pub step: &'a dyn Fn(&str),
    /// Checks the state that the store will have after the next start, without checksums.
    pub content: C,
}

impl<C: FnOnce(&Format, &dyn EngineView) -> Result<(), String>> CheckScope<'_, C> {
    fn content(self, format: &Format, engine: &dyn Engine) -> Result<(), CheckFault> {
        (self.step)("every record, the links between them, and the audit log");
        (self.content)(format, &VerifiedView::over(engine.view()?)).map_err(CheckFault::Content)
    }
}

/// Checks the directory of `settings`.
pub fn check<C: FnOnce(&Format, &dyn EngineView) -> Result<(), String>>(
    settings: &StoreSettings,
    environment: &StoreEnvironment,
    scope: CheckScope<'_, C>,
) -> Result<Checked, CheckFault> {
    let environment = read_only(environment);
    let watch = OpeningWatch::default();
    let layout = Layout::new(&settings.dir);
    let context = OpenContext { settings, environment: &environment, layout, watch: &watch };
    let no_store = || CheckFault::NoStore(settings.dir.clone());
    // Read first without the lock: a directory that is not a store has none.
    format::read(context.fs(), &context.layout).map_err(OpenError::from)?.ok_or_else(no_store)?;
    let _held = context.lock()?;
    let format = format::read(context.fs(), &context.layout).map_err(OpenError::from)?.ok_or_else(no_store)?;
    let inspection = Inspection::gather(&context, Depth::Whole)?;
    for exact in &inspection.snapshots {
        read::verify(context.snapshots(), &context.layout.snapshots.join(snapshot::file_name(*exact)))?;
    }
    let replay = Replay { context: &context, inspection: &inspection, scratch: ScratchTrees::make()? };
    let (expected, origin) = replay.run(scope.catalog, scope.step)?;
    let rebuild = match inspection.judge(&context) {
        Ok(tree) => {
            (scope.step)("the tree");
            replay.compare_tree(scope.catalog, (&tree, &origin), &*expected)?;
            None
        }
        Err(reason) if reason.is_expected() => Some(reason),
        Err(reason) => return Err(CheckFault::Tree(reason)),
    };
    replay.compare_heads(scope.catalog, &*expected)?;
    let keys = count(&*expected)?;
    scope.content(&format, &*expected)?;
    Ok(Checked {
        segments: inspection.survey.segments.len(),
        snapshots: inspection.snapshots.len(),
        last: inspection.survey.last,
        keys,
        cut: inspection.survey.cut,
        rebuild,
    })
}

/// Checks a snapshot by itself.
pub fn check_snapshot<C: FnOnce(&Format, &dyn EngineView) -> Result<(), String>>(
    file: &Path,
    settings: &StoreSettings,
    environment: &StoreEnvironment,
    scope: CheckScope<'_, C>,
) -> Result<Summary, CheckFault> {
    let environment = read_only(environment);
    let summary = read::verify(SnapshotDisk::of(&environment).plain_too(), file)?;
    let scratch = ScratchTrees::make()?;
    let engine = trees::open(&scratch.layout, settings.engine, &TreeName("expected".to_owned()))?;
    load_file(SnapshotDisk::of(&environment).plain_too(), &*engine, (file, &summary))?;
    scope.content(&summary.head.format, &*engine)?;
    Ok(summary)
}

fn read_only(environment: &StoreEnvironment) -> StoreEnvironment {
    StoreEnvironment { fs: Arc::new(ReadOnlyFs(Arc::clone(&environment.fs))), ..environment.clone() }
}

/// The oldest source that the journal continues: nothing, or the oldest snapshot.
fn oldest_origin(context: &OpenContext<'_>, inspection: &Inspection) -> Result<TreeOrigin, OpenError> {
    let first = inspection.survey.segments.first().map_or(Lsn::ZERO, |name| name.0);
    if first <= Lsn(1) {
        return Ok(TreeOrigin::Journal);
    }
    match inspection.snapshots.iter().find(|exact| first <= exact.next()) {
        Some(exact) => {
            let file = context.layout.snapshots.join(snapshot::file_name(*exact));
            Ok(TreeOrigin::Snapshot(Box::new(read::verify(context.snapshots(), &file)?)))
        }
        // It says what is there.
        None => rebuild::origin(context, inspection, &DistrustReason::New),
    }
}

/// Loads the snapshot `file` into the empty tree of `engine`.
fn load_file(
    disk: SnapshotDisk<'_>,
    engine: &dyn Engine,
    (file, summary): (&Path, &Summary),
) -> Result<(), CheckFault> {
    read::read(disk, file, |part| -> Result<(), CheckFault> {
        let (batch, lsn) = match part {
            SnapshotPart::Pairs(pairs) => {
                let puts = pairs.into_iter().map(|(key, value)| Operation::Put { key, value });
                (Batch(puts.collect()), Lsn(summary.head.from))
            }
            SnapshotPart::Frame(frame) => (frame.batch, frame.lsn),
        };
        engine.apply(&batch, lsn)?;
        Ok(())
    })?;
    Ok(())
}

fn count(engine: &dyn Engine) -> Result<u64, EngineError> {
    let (mut keys, mut pairs) = (0, Pairs::of(engine));
    while pairs.next()?.is_some() {
        keys += 1;
    }
    Ok(keys)
}

/// The replay of the journal from its oldest base.
struct Replay<'a> {
    context: &'a OpenContext<'a>,
    inspection: &'a Inspection,
    scratch: ScratchTrees,
}

impl Replay<'_> {
    /// Builds the state after the last commit, and compares each newer snapshot on the way.
    fn run(&self, catalog: &StoreCatalog, step: &dyn Fn(&str)) -> Result<(Arc<dyn Engine>, TreeOrigin), CheckFault> {
        let Self { context, inspection, scratch } = self;
        let origin = oldest_origin(context, inspection)?;
        let name = TreeName("expected".to_owned());
        let mut growing = GrowingTree::create(&scratch.layout, context.settings.engine, name, &origin)?;
        let expected = Arc::clone(&growing.engine);
        growing.load(context.sources(), &origin, &mut unwatched).map_err(OpenError::from)?;
        let mut follow = |upto| growing.follow(context.sources(), upto, &mut unwatched).map_err(OpenError::from);
        step(&format!("commits from {} on", origin.exact().next()));
        for exact in inspection.snapshots.iter().filter(|exact| **exact > origin.exact()) {
            follow(*exact)?;
            let file = snapshot::file_name(*exact);
            step(&file);
            let copy = self.load_snapshot(&file)?;
            let found = differences(catalog, (&*copy, &*expected), &BTreeSet::new())?;
            differs(format!("snapshots/{file}"), &origin, found)?;
        }
        follow(inspection.survey.last)?;
        Ok((expected, origin))
    }

    fn load_snapshot(&self, file: &str) -> Result<Arc<dyn Engine>, CheckFault> {
        let Self { context, scratch, .. } = self;
        let name = TreeName(format!("{file}.tree"));
        let engine = trees::open(&scratch.layout, context.settings.engine, &name)?;
        let path = context.layout.snapshots.join(file);
        let summary = read::verify(context.snapshots(), &path)?;
        load_file(context.snapshots(), &*engine, (&path, &summary))?;
        Ok(engine)
    }

    /// Compares the tree with the expected one. Keys of commits after the checkpoint are left out: the next start
    /// writes them again.
    fn compare_tree(
        &self,
        catalog: &StoreCatalog,
        (tree, origin): (&TreeName, &TreeOrigin),
        expected: &dyn Engine,
    ) -> Result<(), CheckFault> {
        let Self { context, inspection, scratch } = self;
        let covered = inspection.checkpoint().map_or(Lsn::ZERO, |found| found.lsn());
        let name = scratch.copy(&context.layout, tree)?;
        let opened = trees::open(&scratch.layout, context.settings.engine, &name);
        let actual = opened.map_err(|error| CheckFault::Tree(DistrustReason::DoesNotOpen(error.to_string())))?;
        let unusable = |error: EngineError| CheckFault::Tree(DistrustReason::Fails(error.to_string()));
        match actual.applied().map_err(unusable)? {
            None => return Err(CheckFault::Tree(DistrustReason::Empty)),
            Some(applied) if applied < covered => {
                return Err(CheckFault::Tree(DistrustReason::Behind { applied, checkpoint: covered }));
            }
            Some(tree) if tree > inspection.survey.last => {
                return Err(OpenError::TreeAhead { tree, journal: inspection.survey.last }.into());
            }
            Some(_) => {}
        }
        let mut rewritten = BTreeSet::new();
        let span = Span { after: covered, upto: inspection.survey.last };
        recover::replay(context.fs(), &context.layout.journal, span, |frame| -> Result<(), CheckFault> {
            rewritten.extend(frame.batch.0.iter().map(|operation| operation.key().to_vec()));
            Ok(())
        })?;
        let found = differences(catalog, (&*actual, expected), &rewritten).map_err(unusable)?;
        differs("the tree".to_owned(), origin, found)
    }

    /// Compares the heads of the logs with those of the checkpoint.
    fn compare_heads(&self, catalog: &StoreCatalog, expected: &dyn Engine) -> Result<(), CheckFault> {
        let Some(checkpoint) = self.inspection.checkpoint() else { return Ok(()) };
        let journal = (self.context.fs(), self.context.layout.journal.as_path());
        let view = VerifiedView::over(expected.view()?);
        let heads: Result<Vec<_>, TxFault> = catalog.logs.iter().map(|log| log.head_in(&view)).collect();
        let failed = |error: &dyn std::fmt::Display| CheckFault::Heads(error.to_string());
        let heads = heads.map_err(|fault| failed(&fault))?;
        let last = self.inspection.survey.last;
        match heads_proof::difference(journal, &checkpoint.heads, last, (catalog.logs, &heads)) {
            Ok(None) => Ok(()),
            Ok(Some(difference)) => Err(CheckFault::Heads(difference)),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn differs(what: String, origin: &TreeOrigin, differences: Differences) -> Result<(), CheckFault> {
    if differences.0.is_empty() {
        return Ok(());
    }
    let base = match origin {
        TreeOrigin::Journal => "an empty store".to_owned(),
        TreeOrigin::Snapshot(summary) => format!("snapshots/{}", snapshot::file_name(summary.exact)),
    };
    Err(CheckFault::Differs { what, base, differences })
}
