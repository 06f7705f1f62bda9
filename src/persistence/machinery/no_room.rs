//! The refusal of a start on a full disk.

use super::{fs::Fs, layout::Layout, snapshot, trust::OpenError};
use crate::types::limits;

/// The refusal of a start for lack of space, with an estimate of what it needs.
pub(super) fn no_room(fs: &dyn Fs, layout: &Layout, error: &OpenError) -> OpenError {
    let Layout { root, snapshots, .. } = layout;
    let newest = snapshot::list(fs, snapshots).ok().and_then(|found| found.last().copied());
    let bytes = newest.and_then(|newest| fs.open_to_read(&snapshots.join(snapshot::file_name(newest))).ok());
    let bytes = bytes.and_then(|file| file.length().ok()).unwrap_or(0);
    OpenError::NoRoom {
        dir: root.display().to_string(),
        // A tree that is rebuilt takes more space than the snapshot it is built from.
        needed_mib: (limits::START_ROOM + bytes * 3) >> 20,
        free_mib: fs.free_bytes(root).unwrap_or(0) >> 20,
        step: error.to_string(),
    }
}
