//! The directories of trees: naming, opening, and setting them aside.
//!
//! A rebuilt tree gets a new directory, so that the old one stays until the checkpoint names the new one.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    engine::{Engine, EngineError, EngineKind, mem::MemEngine, redb::RedbEngine, sled::SledEngine},
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
    Ok(match kind {
        EngineKind::Sled => Arc::new(SledEngine::open(&dir)?),
        EngineKind::Redb => Arc::new(RedbEngine::open(&dir)?),
        EngineKind::Mem => Arc::new(MemEngine::new()),
    })
}

/// What happens to the trees that are not in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldTrees {
    /// They are removed: the reason for replacing them is known.
    Remove,
    /// The latest is kept under another name, for an investigation.
    SetAside,
}

/// Leaves `current` as the only tree, except for one that was set aside.
pub fn retire_others(layout: &Layout, current: &TreeName, others: OldTrees) -> io::Result<()> {
    let mut rest: Vec<String> = names(layout)?.into_iter().filter(|name| *name != current.0).collect();
    rest.sort();
    let kept = match others {
        OldTrees::Remove => None,
        OldTrees::SetAside => rest.iter().rfind(|name| !name.ends_with(ASIDE)).cloned(),
    };
    for name in rest {
        let path = layout.root.join(&name);
        if Some(&name) == kept.as_ref() {
            std::fs::rename(&path, layout.root.join(format!("{name}{ASIDE}")))?;
        } else if kept.is_some() || !name.ends_with(ASIDE) {
            std::fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Removes the tree of that name, which no process has open.
pub fn remove(layout: &Layout, name: &TreeName) -> io::Result<()> {
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

/// The directory in which a check creates its trees.
pub fn scratch(layout: &Layout) -> PathBuf {
    layout.root.join("checking")
}

/// Removes the remains of an interrupted check.
pub fn remove_scratch(layout: &Layout) -> io::Result<()> {
    match std::fs::remove_dir_all(scratch(layout)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
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
