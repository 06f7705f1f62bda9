//! Logs: entries appended in a transaction, numbered when the commit's frame is made.
//!
//! To the machinery a log is the first byte of its rows' keys and the function that links one row to the next. A
//! closure never sees a number. Retention may remove rows from the front; the last row always stays, since the next
//! number is counted from it.

use std::ops::Bound;

use super::{
    engine::{ByteScan, Direction, EngineView},
    keyring::Keyring,
    reader::{Reader, TxFault},
    scan::prefix_range,
};

/// A log: rows by number from 1, without gaps.
pub struct Log {
    /// The first byte of the keys of its rows; never used again for another log or table.
    pub tag: u8,
    /// Its name, for messages and statistics.
    pub name: &'static str,
    /// Whether retention removes rows from its front.
    pub is_cut: bool,
    /// Makes the row of a body that follows the head `before`, with its MAC under the ring's newest key.
    pub link: fn(ring: &Keyring, before: LogHead, body: Vec<u8>) -> Result<LogLink, TxFault>,
    /// The hash for the head, read from the bytes of a row.
    pub hash: fn(row: &[u8]) -> Result<[u8; 32], TxFault>,
    /// How its rows prove that they were written with the key ring; `None`: they do not.
    pub proof: Option<LogProof>,
}

/// A row with another MAC; `None`: it keeps the one that it has.
pub type RenewedRow = Option<Vec<u8>>;

/// The MACs of a log's rows.
pub struct LogProof {
    /// Whether a key of the ring made the MAC of this row.
    pub check: fn(ring: &Keyring, number: u64, row: &[u8]) -> Result<bool, TxFault>,
    /// The row with its MAC under the newest key; `None`: it has that already.
    pub renew: fn(ring: &Keyring, row: &[u8]) -> Result<RenewedRow, TxFault>,
}

/// The head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogHead {
    /// The number of the last row; 0 if there is none.
    pub number: u64,
    /// The hash of the last row; zeros in a log without a chain, and where there is no row.
    pub hash: [u8; 32],
}

/// A body with its place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLink {
    /// The hash for the head after this row.
    pub hash: [u8; 32],
    pub row: Vec<u8>,
}

/// A body that waits for its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

impl Log {
    /// The key of row `number`.
    pub(super) fn place(&self, number: u64) -> Vec<u8> {
        [[self.tag].as_slice(), &number.to_be_bytes()].concat()
    }

    /// The row of `body` after `before`, and the next head.
    pub(super) fn append(&self, ring: &Keyring, before: LogHead, body: Vec<u8>) -> Result<(LogHead, Vec<u8>), TxFault> {
        let LogLink { hash, row } = (self.link)(ring, before, body)?;
        Ok((LogHead { number: before.number + 1, hash }, row))
    }

    /// The head of the log as it is stored.
    pub fn read_head(&self, reader: &impl Reader) -> Result<LogHead, TxFault> {
        let Some((place, row)) = reader.scan_bytes(&self.last_row())?.pop() else { return Ok(LogHead::default()) };
        self.head_at(&place, &row)
    }

    /// The head of the log in a tree.
    pub(super) fn head_in(&self, view: &dyn EngineView) -> Result<LogHead, TxFault> {
        match view.scan(&self.last_row())?.pop() {
            Some((place, row)) => self.head_at(&place, &row),
            None => Ok(LogHead::default()),
        }
    }

    fn last_row(&self) -> ByteScan {
        let (start, end): (Bound<Vec<u8>>, Bound<Vec<u8>>) = prefix_range(vec![self.tag]);
        ByteScan { start, end, direction: Direction::Descending, limit: 1 }
    }

    /// The head after the row at `place`.
    pub(super) fn head_at(&self, place: &[u8], row: &[u8]) -> Result<LogHead, TxFault> {
        let number = self.number(place);
        let number = number.ok_or_else(|| TxFault::Corrupt(format!("{}: a key does not decode", self.name)))?;
        Ok(LogHead { number, hash: (self.hash)(row)? })
    }

    /// The number in the key of a row.
    pub(super) fn number(&self, place: &[u8]) -> Option<u64> {
        let number = place.strip_prefix(&[self.tag])?;
        <[u8; 8]>::try_from(number).ok().map(u64::from_be_bytes)
    }
}
