//! `store check`: verifies a closed directory, changes nothing in it, and reports the first fault.
//!
//! Reads all segments and all snapshots, builds a tree from them beside the stored one, and compares the two. The
//! stored tree is opened as a copy, since an engine writes to its files when it is opened.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{
    Lsn,
    engine::{ByteScan, Engine, EngineError, EngineView, Pair, verified::VerifiedView},
    format::{self, Format},
    journal::{
        JournalProblem,
        recover::{self, Cut, Span},
    },
    layout::Layout,
    open::{Depth, Inspection, OpenContext},
    opening_watch::OpeningWatch,
    rebuild::{self, GrowingTree, unwatched},
    settings::{StoreEnvironment, StoreSettings},
    snapshot::{self, SnapshotError, read},
    trees::{self, TreeName},
    trust::{DistrustReason, OpenError},
};
use crate::types::limits;

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
    /// The tree differs from the journal.
    #[error("the tree differs from snapshot and journal at key {key}: {difference}")]
    Differs {
        /// The key, in hexadecimal digits.
        key: String,
        /// The kind of difference.
        difference: &'static str,
    },
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

/// Checks the directory of `settings`. `content` checks the state that the store will have after the next start.
pub fn check(
    settings: &StoreSettings,
    environment: &StoreEnvironment,
    content: impl FnOnce(&Format, &dyn EngineView) -> Result<(), String>,
) -> Result<Checked, CheckFault> {
    let watch = OpeningWatch::default();
    let context = OpenContext { settings, environment, layout: Layout::new(&settings.dir), watch: &watch };
    let no_store = || CheckFault::NoStore(settings.dir.clone());
    // Read first without the lock, whose file must not be created in a directory that is not a store.
    format::read(context.fs(), &context.layout).map_err(OpenError::from)?.ok_or_else(no_store)?;
    let _held = context.lock()?;
    let format = format::read(context.fs(), &context.layout).map_err(OpenError::from)?.ok_or_else(no_store)?;
    let inspection = Inspection::gather(&context, Depth::Whole)?;
    for exact in &inspection.snapshots {
        read::verify(context.fs(), &context.layout.snapshots.join(snapshot::file_name(*exact)))?;
    }
    let scratch = Scratch::make(&context.layout)?;
    let (expected, keys) = build_expected(&context, &inspection, &scratch)?;
    let rebuild = match inspection.judge(&context) {
        Ok(tree) => {
            compare(&context, &inspection, &*expected, &scratch.copy(&context.layout, &tree)?)?;
            None
        }
        Err(reason) if reason.is_expected() => Some(reason),
        Err(reason) => return Err(CheckFault::Tree(reason)),
    };
    content(&format, &VerifiedView::over(expected.view()?)).map_err(CheckFault::Content)?;
    Ok(Checked {
        segments: inspection.survey.segments.len(),
        snapshots: inspection.snapshots.len(),
        last: inspection.survey.last,
        keys,
        cut: inspection.survey.cut,
        rebuild,
    })
}

/// Builds the state after the last commit from snapshot and journal, which reads every frame.
fn build_expected(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    scratch: &Scratch,
) -> Result<(std::sync::Arc<dyn Engine>, u64), CheckFault> {
    let name = TreeName("expected".to_owned());
    let origin = rebuild::origin(context, inspection, &DistrustReason::New)?;
    let mut growing = GrowingTree::create(&scratch.layout, context.settings.engine, name, &origin)?;
    let loaded = growing.load(context.sources(), &origin, &mut unwatched);
    let built = loaded.and_then(|()| growing.follow(context.sources(), inspection.survey.last, &mut unwatched));
    built.map_err(OpenError::from)?;
    let expected = growing.engine;
    let mut keys = 0;
    let mut pairs = Pairs::of(&*expected);
    while pairs.next()?.is_some() {
        keys += 1;
    }
    Ok((expected, keys))
}

/// Compares the tree with the expected one. Keys of commits after the checkpoint are left out: the next start writes
/// them again.
fn compare(
    context: &OpenContext<'_>,
    inspection: &Inspection,
    expected: &dyn Engine,
    copy: &TreeCopy<'_>,
) -> Result<(), CheckFault> {
    let covered = inspection.checkpoint().map_or(Lsn::ZERO, |found| found.lsn());
    let opened = trees::open(&copy.scratch.layout, context.settings.engine, &copy.name);
    let actual = opened.map_err(|error| CheckFault::Tree(DistrustReason::DoesNotOpen(error.to_string())))?;
    match actual.applied()? {
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
    let (mut left, mut right) = (Pairs::of(&*actual), Pairs::of(expected));
    loop {
        match (left.next_but(&rewritten)?, right.next_but(&rewritten)?) {
            (None, None) => return Ok(()),
            (Some(actual), Some(expected)) if actual == expected => {}
            (actual, expected) => return Err(difference(actual, expected)),
        }
    }
}

fn difference(actual: Option<Pair>, expected: Option<Pair>) -> CheckFault {
    let (key, difference) = match (actual, expected) {
        (Some((key, _)), Some((other, _))) if key == other => (key, "another value"),
        (Some((key, _)), Some((other, _))) if key < other => (key, "it should not be there"),
        (Some((key, _)), None) => (key, "it should not be there"),
        (_, Some((key, _))) => (key, "it is missing"),
        (None, None) => (Vec::new(), "nothing"),
    };
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    CheckFault::Differs { key, difference }
}

/// All pairs of a tree, in pages.
struct Pairs<'a> {
    engine: &'a dyn Engine,
    scan: Option<ByteScan>,
    page: std::vec::IntoIter<Pair>,
}

impl<'a> Pairs<'a> {
    fn of(engine: &'a dyn Engine) -> Self {
        Self { engine, scan: Some(ByteScan::all(limits::SCAN_MAX)), page: Vec::new().into_iter() }
    }

    fn next(&mut self) -> Result<Option<Pair>, EngineError> {
        if self.page.as_slice().is_empty()
            && let Some(scan) = self.scan.take()
        {
            let page = self.engine.view()?.scan(&scan)?;
            self.scan = page.last().map(|(last, _)| scan.after(last.clone()));
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }

    fn next_but(&mut self, left_out: &BTreeSet<Vec<u8>>) -> Result<Option<Pair>, EngineError> {
        while let Some(pair) = self.next()? {
            if !left_out.contains(&pair.0) {
                return Ok(Some(pair));
            }
        }
        Ok(None)
    }
}

/// A directory for the trees of a check; removed when this is dropped.
struct Scratch {
    layout: Layout,
}

struct TreeCopy<'a> {
    scratch: &'a Scratch,
    name: TreeName,
}

fn failed(step: &'static str) -> impl FnOnce(io::Error) -> CheckFault {
    move |source| CheckFault::Io { step, source }
}

impl Scratch {
    fn make(layout: &Layout) -> Result<Self, CheckFault> {
        let dir = trees::scratch(layout);
        trees::remove_scratch(layout).map_err(failed("removing what an earlier check left"))?;
        Ok(Self { layout: Layout::new(&dir) })
    }

    fn copy(&self, layout: &Layout, tree: &TreeName) -> Result<TreeCopy<'_>, CheckFault> {
        let name = TreeName("actual".to_owned());
        copy_dir(&layout.root.join(&tree.0), &self.layout.root.join(&name.0)).map_err(failed("copying the tree"))?;
        Ok(TreeCopy { scratch: self, name })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If it cannot be removed now, the next start or check removes it.
        let _ = std::fs::remove_dir_all(&self.layout.root);
    }
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
