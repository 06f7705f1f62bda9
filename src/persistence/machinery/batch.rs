//! The changes of a commit as bytes, and its place in the journal.

use std::fmt;

/// The number of a commit in the journal: the first is 1, each next one is one higher, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);

    /// The number of the commit after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One change of the tree. It states the resulting value, so applying it twice has no further effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `key` holds `value` afterwards.
    Put {
        /// Table byte and fields; the table byte 0x00 is the engine's own.
        key: Vec<u8>,
        /// The record's bytes, at most `limits::VALUE_MAX`; in journal and tree with their checksum.
        value: Vec<u8>,
    },
    /// `key` is absent afterwards.
    Delete {
        /// Table byte and fields; the table byte 0x00 is the engine's own.
        key: Vec<u8>,
    },
}

impl Operation {
    /// The key that is changed.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// Bytes of key and value.
    pub fn size(&self) -> usize {
        match self {
            Self::Put { key, value } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
        }
    }
}

/// The changes of one commit, in the order in which they take effect: for one key the last change counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch(pub Vec<Operation>);

impl Batch {
    /// Bytes of all keys and values.
    pub fn size(&self) -> usize {
        self.0.iter().map(Operation::size).sum()
    }
}
