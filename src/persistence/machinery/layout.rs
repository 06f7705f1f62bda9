//! The paths in a data directory.
//!
//! ```text
//!   store.json         the format; a directory without it is no store
//!   checkpoint         how far the tree is durable, in which run of the machine
//!   lock               held by the process that has the store open
//!   ballast            space that is given up first when the disk is full
//!   journal/           segments
//!   snapshots/         the last snapshots, named by the commit they are exact from
//!   tree-000001.sled/  the tree; the checkpoint names the current one
//! ```

use std::path::{Path, PathBuf};

/// The paths of a data directory.
#[derive(Debug, Clone)]
pub struct Layout {
    pub root: PathBuf,
    pub journal: PathBuf,
    pub snapshots: PathBuf,
}

impl Layout {
    /// The layout of the data directory at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), journal: root.join("journal"), snapshots: root.join("snapshots") }
    }

    /// The file that is given up when the disk is full.
    pub fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    /// The lock's file.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}
