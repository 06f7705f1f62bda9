//! The tree in redb: slower to write, and consistent after a stop of the machine.
//!
//! Between checkpoints redb commits without a sync. After any crash it has the state of its last checkpoint, and the
//! rest is replayed from the journal.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::{
    APPLIED_KEY, ByteScan, Direction, Engine, EngineError, EngineStats, EngineView, Pair, applied_from, applied_value,
};
use crate::{
    persistence::machinery::{Batch, Lsn, Operation},
    types::limits,
};

const TREE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("tree");

fn failed(reason: impl std::fmt::Display) -> EngineError {
    EngineError::new("redb", reason)
}

/// A tree in redb.
pub struct RedbEngine {
    database: Database,
    file: PathBuf,
}

impl RedbEngine {
    /// Opens the tree in `dir`, or creates it.
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        std::fs::create_dir_all(dir).map_err(failed)?;
        let file = dir.join("tree.redb");
        let database = Database::builder().set_cache_size(limits::REDB_CACHE_BYTES).create(&file).map_err(failed)?;
        let engine = Self { database, file };
        // Without this write, readers would find no table in a new file.
        engine.write(Durability::Immediate, |_| Ok(()))?;
        // redb syncs its file and not the file's name: a stop of the machine would leave an empty directory.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(engine)
    }

    fn write(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>) -> Result<(), redb::StorageError>,
    ) -> Result<(), EngineError> {
        let mut transaction = self.database.begin_write().map_err(failed)?;
        transaction.set_durability(durability).map_err(failed)?;
        {
            let mut table = transaction.open_table(TREE).map_err(failed)?;
            change(&mut table).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    fn table(&self) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, EngineError> {
        self.database.begin_read().map_err(failed)?.open_table(TREE).map_err(failed)
    }
}

impl Engine for RedbEngine {
    fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
        Ok(Box::new(RedbView { table: self.table()? }))
    }

    fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError> {
        self.write(Durability::None, |table| {
            for operation in &operations.0 {
                match operation {
                    Operation::Put { key, value } => table.insert(key.as_slice(), value.as_slice())?,
                    Operation::Delete { key } => table.remove(key.as_slice())?,
                };
            }
            table.insert(APPLIED_KEY, applied_value(lsn).as_slice())?;
            Ok(())
        })
    }

    fn applied(&self) -> Result<Option<Lsn>, EngineError> {
        let table = self.table()?;
        let Some(bytes) = table.get(APPLIED_KEY).map_err(failed)? else { return Ok(None) };
        applied_from(bytes.value()).map(Some)
    }

    fn checkpoint(&self) -> Result<(), EngineError> {
        let applied = self.applied()?;
        self.write(Durability::Immediate, |table| {
            if let Some(lsn) = applied {
                table.insert(APPLIED_KEY, applied_value(lsn).as_slice())?;
            }
            Ok(())
        })
    }

    fn stats(&self) -> EngineStats {
        let disk_bytes = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        EngineStats { name: "redb", disk_bytes }
    }
}

struct RedbView {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl EngineView for RedbView {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.table.get(key).map_err(failed)?.map(|value| value.value().to_vec()))
    }

    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        let Some(bounds) = scan.bounds() else { return Ok(Vec::new()) };
        let range = self.table.range::<&[u8]>(bounds).map_err(failed)?;
        type Guard<'a> = redb::AccessGuard<'a, &'static [u8]>;
        let pair = |found: Result<(Guard<'_>, Guard<'_>), redb::StorageError>| {
            found.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(failed)
        };
        match scan.direction {
            Direction::Ascending => range.take(scan.limit).map(pair).collect(),
            Direction::Descending => range.rev().take(scan.limit).map(pair).collect(),
        }
    }
}
