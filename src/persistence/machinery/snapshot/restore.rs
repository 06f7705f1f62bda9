//! Restoring a store from a snapshot. The tree is built by the first open, as after a stop of the machine.

use std::{path::Path, time::Duration};

use super::{SnapshotDisk, SnapshotError, SnapshotForm, Summary, cover::Cover, file_name, read, write::Out};
use crate::persistence::machinery::{
    Lsn,
    format::{self, Format},
    journal::writer::JournalEnvironment,
    layout::Layout,
    settings::{StoreEnvironment, StoreSettings},
};

/// Names that may exist in the directory: development key rings are in the data directory, and a snapshot has none.
const WELCOME: [&str; 2] = ["keys", "lock"];

/// What happens to the sessions of the restored store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoredSessions {
    /// The first start ends them: since the snapshot was taken they may have been ended, or their tokens used by
    /// others.
    End,
    Keep,
}

/// Creates a store in `settings.dir`, which is absent or empty (except for keys), from the snapshot `file`. The store
/// exists once `store.json` does, which is written last. Its outbound sending waits.
pub fn restore(
    file: &Path,
    settings: &StoreSettings,
    environment: &StoreEnvironment,
    sessions: RestoredSessions,
) -> Result<Summary, SnapshotError> {
    let fs = &*environment.fs;
    let disk = SnapshotDisk::of(environment);
    let summary = read::verify(disk.plain_too(), file)?;
    let layout = Layout::new(&settings.dir);
    let found = fs.list(&layout.root).map_err(SnapshotError::io("looking at the directory"))?;
    if let Some(found) = found.into_iter().find(|name| !WELCOME.contains(&name.as_str())) {
        return Err(SnapshotError::NotEmpty { dir: layout.root, found });
    }
    for dir in [&layout.root, &layout.journal, &layout.snapshots] {
        fs.create_dir(dir).map_err(SnapshotError::io("making the directory"))?;
    }
    let kept = layout.snapshots.join(file_name(summary.exact));
    copy(environment, (file, &summary), &kept)?;
    fs.sync_dir(&layout.snapshots).map_err(SnapshotError::io("making the directory"))?;
    // The copy is verified, since it is what the store will use.
    read::verify(disk, &kept)?;
    first_segment(&layout, settings, environment, summary.exact).map_err(SnapshotError::io("making the journal"))?;
    // Store time goes on from the snapshot's last commit, if the wall clock is behind it.
    let now = environment.clock.now().max(summary.time.plus(Duration::from_micros(1)));
    let sessions_after = match sessions {
        RestoredSessions::End => Some(now),
        RestoredSessions::Keep => None,
    };
    let format = Format { restored: true, sessions_after, ..summary.head.format.clone() };
    format::write(fs, &layout, &format).map_err(SnapshotError::io("writing store.json"))?;
    Ok(summary)
}

fn first_segment(
    layout: &Layout,
    settings: &StoreSettings,
    environment: &StoreEnvironment,
    exact: Lsn,
) -> std::io::Result<()> {
    let environment = JournalEnvironment {
        fs: environment.fs.clone(),
        dir: layout.journal.clone(),
        segment_bytes: settings.tuning.segment_bytes,
        entropy: environment.entropy.clone(),
    };
    environment.create_segment(exact.next())
}

/// Copies the verified file `from` to `to`, sealed under the newest key, also if `from` is plain.
fn copy(environment: &StoreEnvironment, (from, summary): (&Path, &Summary), to: &Path) -> Result<(), SnapshotError> {
    let disk = SnapshotDisk::of(environment);
    let source = (summary.head.format.store.as_str(), summary.head.from);
    let cover = Cover::new(disk, source, SnapshotForm::Sealed, &*environment.entropy)?;
    let mut out = Out::create(disk, to, cover)?;
    read::blocks(disk.plain_too(), from, |kind, payload| out.block(kind, payload))?;
    out.sync()
}
