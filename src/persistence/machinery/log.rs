//! Logs: what is appended in a transaction, numbered when the commit's frame is made.
//!
//! The machinery knows of a log no more than this: the byte in front of its rows, and how one row leads to the next.
//! A closure never sees a number. Retention may remove rows from the front; the last row always stays, since the next
//! number is counted from it.

use std::ops::Bound;

use super::{
    engine::{ByteScan, Direction},
    reader::{Reader, TxFault},
    scan::prefix_range,
};

/// A log: rows by number from 1, without a gap.
pub struct Log {
    /// The first byte of the keys of its rows; never used again for another log or table.
    pub tag: u8,
    /// Its name, for messages and figures.
    pub name: &'static str,
    /// Makes the row of a body that comes behind the head `before`.
    pub link: fn(before: LogHead, body: Vec<u8>) -> Result<LogLink, TxFault>,
    /// The hash in the head that a row makes, read from the bytes of that row.
    pub hash: fn(row: &[u8]) -> Result<[u8; 32], TxFault>,
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogHead {
    /// The number of the last row; 0: there is none.
    pub number: u64,
    /// The hash of the last row; zeros in a log that is no chain, and where there is no row.
    pub hash: [u8; 32],
}

/// A body that was given its place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLink {
    /// The hash in the head that the row makes.
    pub hash: [u8; 32],
    /// The row's bytes.
    pub row: Vec<u8>,
}

/// A body that waits for its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

impl Log {
    /// The key of the row `number`.
    pub(super) fn place(&self, number: u64) -> Vec<u8> {
        [[self.tag].as_slice(), &number.to_be_bytes()].concat()
    }

    /// The row of `body` behind `before`, and the head that it makes.
    pub(super) fn append(&self, before: LogHead, body: Vec<u8>) -> Result<(LogHead, Vec<u8>), TxFault> {
        let LogLink { hash, row } = (self.link)(before, body)?;
        Ok((LogHead { number: before.number + 1, hash }, row))
    }

    /// The end of the log as it is stored.
    pub fn read_head(&self, reader: &impl Reader) -> Result<LogHead, TxFault> {
        let (start, end): (Bound<Vec<u8>>, Bound<Vec<u8>>) = prefix_range(vec![self.tag]);
        let scan = ByteScan { start, end, direction: Direction::Descending, limit: 1 };
        let Some((place, row)) = reader.scan_bytes(&scan)?.pop() else { return Ok(LogHead::default()) };
        let number = place.get(1..).and_then(|number| <[u8; 8]>::try_from(number).ok()).map(u64::from_be_bytes);
        let number = number.ok_or_else(|| TxFault::Corrupt(format!("{}: a key does not decode", self.name)))?;
        Ok(LogHead { number, hash: (self.hash)(&row)? })
    }
}
