//! The tree in memory: for tests, and as the model for the other engines.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{ByteScan, Direction, Engine, EngineError, EngineStats, EngineView, Pair};
use crate::persistence::machinery::{Batch, Lsn, Operation};

#[derive(Default)]
struct Tree {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    applied: Option<Lsn>,
}

/// A tree in memory.
#[derive(Default)]
pub struct MemEngine {
    tree: RwLock<Tree>,
}

impl MemEngine {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    // A panic while the lock is held leaves a consistent tree: no step of `apply` can panic half way.
    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemEngine {
    fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
        Ok(Box::new(MemView { engine: self }))
    }

    fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError> {
        let mut tree = self.write();
        for operation in &operations.0 {
            match operation {
                Operation::Put { key, value } => {
                    tree.pairs.insert(key.clone(), value.clone());
                }
                Operation::Delete { key } => {
                    tree.pairs.remove(key);
                }
            }
        }
        tree.applied = Some(lsn);
        Ok(())
    }

    fn applied(&self) -> Result<Option<Lsn>, EngineError> {
        Ok(self.read().applied)
    }

    fn checkpoint(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn stats(&self) -> EngineStats {
        EngineStats { name: "mem", disk_bytes: 0 }
    }
}

struct MemView<'a> {
    engine: &'a MemEngine,
}

impl EngineView for MemView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.engine.read().pairs.get(key).cloned())
    }

    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        let Some(bounds) = scan.bounds() else { return Ok(Vec::new()) };
        let tree = self.engine.read();
        let range = tree.pairs.range::<[u8], _>(bounds).map(|(key, value)| (key.clone(), value.clone()));
        Ok(match scan.direction {
            Direction::Ascending => range.take(scan.limit).collect(),
            Direction::Descending => range.rev().take(scan.limit).collect(),
        })
    }
}
