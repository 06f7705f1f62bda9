//! The tree in sled: fast and small; trusted only as far as the journal confirms it.
//!
//! Properties of sled 0.34.7, found by running it: `flush` does not sync, so a checkpoint syncs the file and its
//! directory itself; a batch of more than about 128 keys makes memory grow without bound; a kill during `open` leaves
//! an unfinished snapshot file on which the next `open` fails; any call may panic on damaged files, which
//! `GuardedEngine` makes an error.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    APPLIED_KEY, ByteScan, Direction, Engine, EngineError, EngineStats, EngineView, Pair, applied_from, applied_value,
};
use crate::{
    persistence::machinery::{Batch, Lsn, Operation},
    types::limits,
};

fn failed(reason: impl std::fmt::Display) -> EngineError {
    EngineError::new("sled", reason)
}

/// A tree in sled.
pub struct SledEngine {
    tree: sled::Db,
    dir: PathBuf,
}

impl SledEngine {
    /// Opens the tree in `dir`, or creates it. May panic on damaged files.
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        remove_half_made_snapshots(dir).map_err(failed)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(limits::SLED_CACHE_BYTES)
            // Checkpoints flush; a timer would only add a thread.
            .flush_every_ms(None);
        Ok(Self { tree: config.open().map_err(failed)?, dir: dir.to_owned() })
    }
}

fn remove_half_made_snapshots(dir: &Path) -> std::io::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Engine for SledEngine {
    fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
        Ok(Box::new(SledView { tree: &self.tree }))
    }

    fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError> {
        // One place in each part is reserved for the number, which only the last part carries: a part without the
        // number is applied again, which has no further effect.
        let mut parts = operations.0.chunks(limits::SLED_BATCH_KEYS - 1).peekable();
        loop {
            let mut batch = sled::Batch::default();
            for operation in parts.next().unwrap_or(&[]) {
                match operation {
                    Operation::Put { key, value } => batch.insert(key.as_slice(), value.as_slice()),
                    Operation::Delete { key } => batch.remove(key.as_slice()),
                }
            }
            let last = parts.peek().is_none();
            if last {
                batch.insert(APPLIED_KEY, applied_value(lsn));
            }
            self.tree.apply_batch(batch).map_err(failed)?;
            if last {
                return Ok(());
            }
        }
    }

    fn applied(&self) -> Result<Option<Lsn>, EngineError> {
        let Some(bytes) = self.tree.get(APPLIED_KEY).map_err(failed)? else { return Ok(None) };
        applied_from(&bytes).map(Some)
    }

    fn checkpoint(&self) -> Result<(), EngineError> {
        self.tree.flush().map_err(failed)?;
        File::open(self.dir.join("db")).and_then(|file| file.sync_data()).map_err(failed)?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(failed)
    }

    fn stats(&self) -> EngineStats {
        EngineStats { name: "sled", disk_bytes: self.tree.size_on_disk().unwrap_or(0) }
    }
}

struct SledView<'a> {
    tree: &'a sled::Tree,
}

impl EngineView for SledView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.tree.get(key).map_err(failed)?.map(|value| value.to_vec()))
    }

    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        let Some(bounds) = scan.bounds() else { return Ok(Vec::new()) };
        let range = self.tree.range::<&[u8], _>(bounds);
        let pair = |found: sled::Result<(sled::IVec, sled::IVec)>| {
            found.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(failed)
        };
        match scan.direction {
            Direction::Ascending => range.take(scan.limit).map(pair).collect(),
            Direction::Descending => range.rev().take(scan.limit).map(pair).collect(),
        }
    }
}
