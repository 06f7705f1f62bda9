//! The directory in which a check builds trees: a temporary one, so that the checked directory may be read-only.

use std::{
    fs::{DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use super::CheckFault;
use crate::persistence::machinery::{layout::Layout, trees::TreeName};

/// Distinguishes the checks of one process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory for trees; removed when this is dropped.
pub(super) struct ScratchTrees {
    pub(super) layout: Layout,
}

impl ScratchTrees {
    /// Makes the directory below that of `TMPDIR`.
    pub(super) fn make() -> Result<Self, CheckFault> {
        let name = format!("majordomo-check-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        // A directory of that name is another one's: it is not used.
        DirBuilder::new().mode(0o700).create(&dir).map_err(CheckFault::io("making a temporary directory (TMPDIR)"))?;
        Ok(Self { layout: Layout::new(&dir) })
    }

    /// Copies a tree of `layout`, since an engine writes to its files when it is opened.
    pub(super) fn copy(&self, layout: &Layout, tree: &TreeName) -> Result<TreeName, CheckFault> {
        let name = TreeName("actual".to_owned());
        let copied = copy_dir(&layout.root.join(&tree.0), &self.layout.root.join(&name.0));
        copied.map_err(CheckFault::io("copying the tree to a temporary directory (TMPDIR)"))?;
        Ok(name)
    }
}

impl Drop for ScratchTrees {
    fn drop(&mut self) {
        // What cannot be removed is in the directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.layout.root);
    }
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
            // The original may be read-only.
            std::fs::set_permissions(&target, Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}
