//! The directories of trees: naming, opening, and setting them aside.
//!
//! A rebuilt tree gets a new directory, so that the old one stays until the checkpoint names the new one. The old tree
//! is removed after the first checkpoint of the store that runs on the new one; until then at most three trees exist: a
//! tree that was set aside, the one that the checkpoint names, and one that is being built. A tree that is replaced
//! while the store runs (`swap/mod.rs`) is removed by its name.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    engine::{
        Engine, EngineError, EngineKind, guarded::GuardedEngine, mem::MemEngine, redb::RedbEngine, sled::SledEngine,
    },
    fs::{Fs as _, RealFs, make_private},
    layout::Layout,
};

const ASIDE: &str = ".aside";

/// The name of a tree's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeName(pub String);

impl TreeName {
    /// The `generation`th tree of a store, in `engine`.
    fn new(generation: u64, engine: EngineKind) -> Self {
        Self(format!("tree-{generation:06}.{}", engine.name()))
    }

    fn generation(name: &str) -> Option<u64> {
        name.strip_prefix("tree-")?.split('.').next()?.parse().ok()
    }
}

fn names(layout: &Layout) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(&layout.root) {
        Ok(entries) => entries,
        // On a simulated disk there is neither such a directory nor a tree in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if TreeName::generation(&name).is_some() {
            names.push(name);
        }
    }
    Ok(names)
}

/// A name that no tree has had.
pub fn fresh(layout: &Layout, engine: EngineKind, last: Option<&str>) -> io::Result<TreeName> {
    let highest = names(layout)?.iter().map(String::as_str).chain(last).filter_map(TreeName::generation).max();
    Ok(TreeName::new(highest.unwrap_or(0) + 1, engine))
}

/// Whether a tree of that name is there.
pub fn exists(layout: &Layout, name: &TreeName) -> bool {
    layout.root.join(&name.0).is_dir()
}

/// Opens the tree of that name, or creates it.
pub fn open(layout: &Layout, kind: EngineKind, name: &TreeName) -> Result<Arc<dyn Engine>, EngineError> {
    let dir = layout.root.join(&name.0);
    let private = |error| EngineError::new(kind.name(), error);
    // The engines follow symbolic links, and create files that the umask lets others read.
    if kind.keeps() {
        RealFs.create_dir(&dir).and_then(|()| make_private(&dir)).map_err(private)?;
    }
    let engine: Arc<dyn Engine> = match kind {
        EngineKind::Sled => Arc::new(GuardedEngine::open(kind.name(), &dir, SledEngine::open)?),
        EngineKind::Redb => Arc::new(GuardedEngine::open(kind.name(), &dir, RedbEngine::open)?),
        EngineKind::Mem => Arc::new(MemEngine::new()),
    };
    if kind.keeps() {
        make_private(&dir).map_err(private)?;
    }
    Ok(engine)
}

/// What happens to a tree that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldTrees {
    /// It keeps its name: the reason for replacing it is known.
    Remove,
    /// It gets another name, for an investigation until the next checkpoint.
    SetAside,
}

/// Whether the tree of that name was set aside.
pub fn is_aside(layout: &Layout, name: &TreeName) -> bool {
    aside(layout, &name.0).is_dir()
}

fn aside(layout: &Layout, name: &str) -> PathBuf {
    layout.root.join(format!("{name}{ASIDE}"))
}

/// Removes the trees whose building was interrupted: those that are neither `current` nor set aside.
pub fn remove_unfinished(layout: &Layout, current: &TreeName) -> io::Result<()> {
    remove(layout, |name| name != current.0 && !name.ends_with(ASIDE))
}

/// Before another tree is built: leaves at most one old tree, which is the one that the checkpoint names, and handles
/// it as `old` demands. A crash between two of these steps is repeated by the next start.
pub fn make_way(layout: &Layout, named: Option<&str>, old: OldTrees) -> io::Result<()> {
    let mut found = names(layout)?;
    found.sort();
    let has_aside = found.iter().any(|name| name.ends_with(ASIDE));
    let kept = match named {
        Some(named) => found.iter().find(|name| *name == named).cloned(),
        // Beside a tree that was set aside, the others are unfinished.
        None if has_aside => None,
        None => found.pop(),
    };
    remove(layout, |name| Some(name) != kept.as_deref() && !name.ends_with(ASIDE))?;
    match (old, kept) {
        (OldTrees::SetAside, Some(kept)) => {
            remove(layout, |name| name.ends_with(ASIDE))?;
            std::fs::rename(layout.root.join(&kept), aside(layout, &kept))
        }
        (OldTrees::SetAside, None) | (OldTrees::Remove, _) => Ok(()),
    }
}

/// The trees beside `current`.
pub fn others(layout: &Layout, current: &TreeName) -> io::Result<Vec<TreeName>> {
    Ok(names(layout)?.into_iter().filter(|name| *name != current.0).map(TreeName).collect())
}

fn remove(layout: &Layout, is_removed: impl Fn(&str) -> bool) -> io::Result<()> {
    for name in names(layout)?.into_iter().filter(|name| is_removed(name)) {
        remove_tree(layout, &TreeName(name))?;
    }
    Ok(())
}

/// Removes the tree of that name, which no process has open.
pub fn remove_tree(layout: &Layout, name: &TreeName) -> io::Result<()> {
    match std::fs::remove_dir_all(layout.root.join(&name.0)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Syncs the names of the tree's files and of its directory.
pub fn sync_names(layout: &Layout, name: &TreeName) -> io::Result<()> {
    let dir = layout.root.join(&name.0);
    if dir.is_dir() {
        std::fs::File::open(&dir)?.sync_all()?;
        std::fs::File::open(&layout.root)?.sync_all()?;
    }
    Ok(())
}

/// Syncs all files of the tree of that name, which no process has open.
pub fn sync_files(layout: &Layout, name: &TreeName) -> io::Result<()> {
    let dir = layout.root.join(&name.0);
    if !dir.is_dir() {
        return Ok(());
    }
    sync_below(&dir)?;
    std::fs::File::open(&layout.root)?.sync_all()
}

fn sync_below(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else {
            std::fs::File::open(entry.path())?.sync_all()?;
        }
    }
    std::fs::File::open(dir)?.sync_all()
}
