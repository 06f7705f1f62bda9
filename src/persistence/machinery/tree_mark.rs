//! `damaged`: the mark on a tree that failed while the store was open. The next start does not trust that tree.
//!
//! The file's last line is a checksum of the lines before it. A mark that cannot be read counts for the current tree.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{files, fs::Fs, layout::Layout, trees::TreeName};
use crate::types::Timestamp;

const NAME: &str = "damaged";
const UNREADABLE: &str = "the mark itself cannot be read";

/// The content of `damaged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeMark {
    /// The name of the tree's directory; `None`: the tree that is current.
    pub tree: Option<String>,
    /// The error of the tree, for the log of the next start.
    pub reason: String,
    /// The value that was not the one that was written.
    #[serde(default)]
    pub value: Option<MarkedValue>,
}

/// A damaged value in a mark; nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedValue {
    /// The name of the table.
    pub table: String,
    /// The name of the key (`KeyName`).
    pub key: String,
    /// When it was read.
    pub at: Timestamp,
    /// The last applied commit.
    pub lsn: u64,
}

impl TreeMark {
    /// Reads the mark of a directory, if there is one.
    pub fn read(fs: &dyn Fs, layout: &Layout) -> io::Result<Option<Self>> {
        let Some(content) = files::read(fs, &layout.root.join(NAME))? else { return Ok(None) };
        let unreadable = || Self { tree: None, reason: UNREADABLE.to_owned(), value: None };
        Ok(Some(parse(&content).unwrap_or_else(unreadable)))
    }

    /// Writes the mark, in place of an earlier one; durable when this returns.
    pub fn write(&self, fs: &dyn Fs, layout: &Layout) -> io::Result<()> {
        let json = serde_json::to_string(self).map_err(io::Error::other)?;
        let crc = crc32c::crc32c(json.as_bytes());
        files::replace(fs, &layout.root, NAME, format!("{json}\ncrc32c {crc:08x}\n").as_bytes())
    }

    /// Removes the mark of a directory, if there is one.
    pub fn clear(fs: &dyn Fs, layout: &Layout) -> io::Result<()> {
        match fs.remove(&layout.root.join(NAME)) {
            Ok(()) => fs.sync_dir(&layout.root),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the mark is on the tree `name`.
    pub fn is_on(&self, name: &TreeName) -> bool {
        self.tree.as_ref().is_none_or(|tree| *tree == name.0)
    }
}

fn parse(content: &[u8]) -> Option<TreeMark> {
    let (json, rest) = std::str::from_utf8(content).ok()?.split_once('\n')?;
    let crc = u32::from_str_radix(rest.strip_prefix("crc32c ")?.strip_suffix('\n')?, 16).ok()?;
    (crc32c::crc32c(json.as_bytes()) == crc).then(|| serde_json::from_str(json).ok())?
}

/// Marks the tree of an open store.
pub struct TreeMarker {
    fs: Arc<dyn Fs>,
    layout: Layout,
    tree: Mutex<TreeName>,
}

impl TreeMarker {
    pub(super) fn new(fs: Arc<dyn Fs>, layout: Layout, tree: TreeName) -> Self {
        Self { fs, layout, tree: Mutex::new(tree) }
    }

    /// The tree of the store is now the one of that name.
    pub(super) fn follow(&self, name: &TreeName) {
        self.tree().clone_from(name);
    }

    fn tree(&self) -> MutexGuard<'_, TreeName> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the tree, so that the next start sets it aside and builds another one. A failure is logged: the process
    /// ends in either case.
    pub(super) fn mark(&self, reason: &str) {
        self.mark_value(reason, None);
    }

    /// As `mark`, because of a damaged value.
    pub(super) fn mark_value(&self, reason: &str, value: Option<MarkedValue>) {
        let tree = self.tree().0.clone();
        let mark = TreeMark { tree: Some(tree.clone()), reason: reason.to_owned(), value };
        match mark.write(&*self.fs, &self.layout) {
            Ok(()) => tracing::error!(%reason, tree, "the tree is marked; the next start rebuilds it"),
            Err(error) => tracing::error!(%reason, %error, "the tree could not be marked"),
        }
    }
}
