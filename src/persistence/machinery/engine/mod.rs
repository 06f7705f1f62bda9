//! The tree: keys in byte order, and how far into the journal it has come.
//!
//! Owns: what an engine must do, and the three that do it. Must not know: records, tables, transactions, the journal.
//! Begin with `Engine`; `mem.rs` is the shortest one that is right.
//!
//! An engine need not be durable on its own: what it holds beyond its last checkpoint is applied again from the
//! journal.

pub mod mem;
pub mod redb;
pub mod sled;

use std::ops::Bound;

use super::{Batch, Lsn};

/// The key under which an engine keeps the number of the last commit applied. Tables begin at byte 0x01.
pub const APPLIED_KEY: &[u8] = &[0x00, b'l', b's', b'n'];
/// The lowest byte a table may begin its keys with; below it are the engine's own keys, which no view shows.
pub const FIRST_TABLE: u8 = 0x01;

/// An engine could not do what was asked; the process cannot go on with this tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{engine}: {reason}")]
pub struct EngineError {
    /// Which engine.
    pub engine: &'static str,
    /// What it says.
    pub reason: String,
}

impl EngineError {
    /// An error of `engine`, in its own words.
    pub fn new(engine: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { engine, reason: reason.to_string() }
    }
}

/// In which order a scan gives its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest key to the highest.
    Ascending,
    /// From the highest key to the lowest.
    Descending,
}

/// A part of the tree: keys between two bounds, in one direction, at most so many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteScan {
    /// The lower bound.
    pub start: Bound<Vec<u8>>,
    /// The upper bound.
    pub end: Bound<Vec<u8>>,
    /// Which end of the range comes first.
    pub direction: Direction,
    /// How many pairs at most.
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

    /// The bounds as slices, with the engine's own keys left out; `None` if nothing can lie between them.
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

/// A place to read from. Whether two reads of one view see the same state is for the caller to arrange: sled and mem
/// read what is there at each call.
pub trait EngineView {
    /// The value of `key`, if it is there.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// The pairs of `scan`, in its order.
    fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError>;
}

/// What operators see of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStats {
    /// Its name, as in `store.engine`.
    pub name: &'static str,
    /// Bytes it takes on disk.
    pub disk_bytes: u64,
}

/// An ordered tree of bytes.
pub trait Engine: Send + Sync {
    /// A place to read from.
    fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError>;
    /// Makes the changes of the commits up to and including `lsn`, and remembers `lsn` no earlier than they are there.
    fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError>;
    /// The last commit that was applied whole; none in a tree that was never written.
    fn applied(&self) -> Result<Option<Lsn>, EngineError>;
    /// Asks for all that was applied to be made durable, as well as this engine can.
    fn checkpoint(&self) -> Result<(), EngineError>;
    /// What operators see.
    fn stats(&self) -> EngineStats;
}

/// Which engine holds the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// The default: quick, not trusted after the machine stopped, rebuilt then.
    Sled,
    /// Safe against a stopped machine by itself.
    Redb,
    /// Nothing on disk; built from snapshot and journal at each open.
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

    /// The engine of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sled, Self::Redb, Self::Mem].into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it keeps anything on disk.
    pub fn keeps(self) -> bool {
        match self {
            Self::Sled | Self::Redb => true,
            Self::Mem => false,
        }
    }

    /// Whether its files can be believed after the machine stopped.
    pub fn survives_machine_stop(self) -> bool {
        match self {
            Self::Redb => true,
            Self::Sled | Self::Mem => false,
        }
    }
}
