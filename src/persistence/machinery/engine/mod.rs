//! The tree: keys in byte order, and the number of the last applied commit.
//!
//! Owns: the trait of an engine, and its three implementations. Must not know: records, tables, transactions, the
//! journal. Begin with `Engine`; `mem.rs` is the shortest correct implementation.
//!
//! An engine need not be durable by itself: its content after its last checkpoint is applied again from the journal.

pub mod guarded;
pub mod mem;
pub mod redb;
pub mod sled;
pub mod verified;

use std::ops::Bound;

use super::{
    Batch, Lsn,
    checksum::{self, DamagedValue},
};

/// The key under which an engine stores the number of the last applied commit. Tables begin at byte 0x01.
pub const APPLIED_KEY: &[u8] = &[0x00, b'l', b's', b'n'];
/// The lowest first byte of a table's keys; keys below it are the engine's own, and no view shows them.
pub const FIRST_TABLE: u8 = 0x01;

/// Why a tree cannot be read or written; the process cannot continue with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine failed.
    #[error("{engine}: {reason}")]
    Failed { engine: &'static str, reason: String },
    /// A value is not the one that was written.
    #[error(transparent)]
    Damaged(#[from] DamagedValue),
}

impl EngineError {
    /// An error of `engine` with its own message.
    pub fn new(engine: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Failed { engine, reason: reason.to_string() }
    }

    /// Whether the disk is full: then the tree is not at fault, and another one would fail as well.
    pub fn is_full(&self) -> bool {
        const ENOSPC: &str = "os error 28";
        const EDQUOT: &str = "os error 122";
        let Self::Failed { reason, .. } = self else { return false };
        [ENOSPC, EDQUOT, "StorageFull"].iter().any(|full| reason.contains(full))
    }
}

/// The stored form of the number of the last applied commit, with a checksum as every value has.
fn applied_value(lsn: Lsn) -> Vec<u8> {
    let mut value = lsn.0.to_be_bytes().to_vec();
    checksum::append(APPLIED_KEY, &mut value);
    value
}

/// The number in its stored form.
fn applied_from(stored: &[u8]) -> Result<Lsn, EngineError> {
    let mut value = stored.to_vec();
    checksum::strip(APPLIED_KEY, &mut value)?;
    let number = <[u8; 8]>::try_from(value).map_err(|_| DamagedValue { key: APPLIED_KEY.to_vec() })?;
    Ok(Lsn(u64::from_be_bytes(number)))
}

/// The order of a scan's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest key to the highest.
    Ascending,
    /// From the highest key to the lowest.
    Descending,
}

/// A part of the tree: the keys between two bounds, in one direction, at most `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteScan {
    pub start: Bound<Vec<u8>>,
    pub end: Bound<Vec<u8>>,
    /// The direction of the scan.
    pub direction: Direction,
    /// Maximum number of pairs.
    pub limit: usize,
}

impl ByteScan {
    /// All keys of all tables, ascending, at most `limit`.
    pub fn all(limit: usize) -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded, direction: Direction::Ascending, limit }
    }

    /// The same scan, continued after (in its direction) the key `last`.
    #[must_use]
    pub fn after(mut self, last: Vec<u8>) -> Self {
        match self.direction {
            Direction::Ascending => self.start = Bound::Excluded(last),
            Direction::Descending => self.end = Bound::Excluded(last),
        }
        self
    }

    /// The bounds as slices, without the engine's own keys; `None` if the range is empty.
    pub(super) fn bounds(&self) -> Option<Bounds<'_>> {
        let lowest: &[u8] = &[FIRST_TABLE];
        let start = match &self.start {
            Bound::Included(key) if key.as_slice() > lowest => Bound::Included(key.as_slice()),
            Bound::Excluded(key) if key.as_slice() >= lowest => Bound::Excluded(key.as_slice()),
            Bound::Included(_) | Bound::Excluded(_) | Bound::Unbounded => Bound::Included(lowest),
        };
        let end = match &self.end {
            Bound::Included(key) => Bound::Included(key.as_slice()),
            Bound::Excluded(key) => Bound::Excluded(key.as_slice()),
            Bound::Unbounded => Bound::Unbounded,
        };
        let possible = match (start, end) {
            (Bound::Included(low), Bound::Included(high)) => low <= high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low < high,
            (_, Bound::Unbounded) | (Bound::Unbounded, _) => true,
        };
        possible.then_some((start, end))
    }
}

/// A lower and an upper bound.
type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Reads the tree. An engine returns values as they are stored; `verified::VerifiedView` checks and removes their
/// checksums. An engine does not guarantee that two reads of one view see the same state: sled and mem read the current
/// state at each call. The caller guarantees it.
pub trait EngineView {
    /// The value of `key`; `None` if there is none.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// The pairs of `scan`, in its order.
    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError>;
}

/// The report of an engine for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStats {
    /// Its name, as in `store.engine`.
    pub name: &'static str,
    /// Bytes it takes on disk.
    pub disk_bytes: u64,
}

/// An ordered tree of bytes.
pub trait Engine: Send + Sync {
    /// A view to read from.
    fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError>;
    /// Applies the commits up to and including `lsn`, and stores `lsn` together with the changes or after them.
    fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError>;
    /// The last commit that was applied completely; `None` in a tree that was never written.
    fn applied(&self) -> Result<Option<Lsn>, EngineError>;
    /// Makes everything applied durable, as far as this engine can.
    fn checkpoint(&self) -> Result<(), EngineError>;
    /// The report for operators.
    fn stats(&self) -> EngineStats;
}

/// The engine of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// The default: fast; not trusted, but rebuilt, after a stop of the machine.
    Sled,
    /// Consistent after a stop of the machine by itself.
    Redb,
    /// Stores nothing on disk; built from snapshot and journal at each open.
    Mem,
}

impl EngineKind {
    /// The name in `store.engine`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
            Self::Mem => "mem",
        }
    }

    /// Whether it stores anything on disk.
    pub fn keeps(self) -> bool {
        match self {
            Self::Sled | Self::Redb => true,
            Self::Mem => false,
        }
    }

    /// Whether its files can be trusted after a stop of the machine.
    pub fn survives_machine_stop(self) -> bool {
        match self {
            Self::Redb => true,
            Self::Sled | Self::Mem => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_number_of_the_last_applied_commit_is_damaged() {
        let stored = applied_value(Lsn(7));
        assert_eq!(applied_from(&stored), Ok(Lsn(7)));
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert!(matches!(applied_from(&changed), Err(EngineError::Damaged(_))), "byte {at}");
        }
        assert!(applied_from(&stored[1..]).is_err());
    }
}
