//! Checks on what a transaction changes, registered when a store is assembled.
//!
//! A check runs at the end of each closure that has something to keep. One that fails is a defect of the closure: it is
//! answered `Fault::Bug`, and nothing of it is kept.

use super::{
    key::TableKey,
    reader::{Kind, TxFault, key_at, open},
    record::Record,
    table::Table,
    tx::Tx,
};

/// A rule that holds over every commit.
pub struct ChangeCheck {
    /// Its name, for messages.
    pub name: &'static str,
    /// Whether it holds over `changes`; `tx` reads the state after them. Fails with `TxFault::Check` where it does not.
    pub run: fn(changes: &TxChanges<'_>, tx: &Tx<'_>) -> Result<(), TxFault>,
}

/// What a transaction changes, by key.
pub struct TxChanges<'a> {
    tx: &'a Tx<'a>,
}

impl<'a> TxChanges<'a> {
    pub(super) fn of(tx: &'a Tx<'a>) -> Self {
        Self { tx }
    }

    /// Every key that was put or deleted, in order. A log has no keys yet.
    pub fn all(&self) -> impl Iterator<Item = ByteChange<'a>> + use<'a> {
        let tx = self.tx;
        tx.changed().map(move |(place, new)| ByteChange { tx, place, new })
    }

    /// The changes of one table, decoded.
    pub fn of_table<K: TableKey, V: Record>(&self, table: &Table<K, V>) -> Result<Vec<RowChange<K, V>>, TxFault> {
        let mut changes = Vec::new();
        for change in self.all().filter(|change| change.tag() == table.tag) {
            let value = |bytes: &[u8]| open(self.tx.keyring(), Kind::of(table), change.place, bytes);
            changes.push(RowChange {
                key: key_at(table, change.place)?,
                old: change.old_bytes()?.as_deref().map(value).transpose()?,
                new: change.new.map(value).transpose()?,
            });
        }
        Ok(changes)
    }
}

/// A changed key and its values in bytes, as they are stored: those of a sealed table are sealed.
#[derive(Clone, Copy)]
pub struct ByteChange<'a> {
    tx: &'a Tx<'a>,
    place: &'a [u8],
    new: Option<&'a [u8]>,
}

impl<'a> ByteChange<'a> {
    /// The table's byte.
    pub fn tag(&self) -> u8 {
        self.place.first().copied().unwrap_or(0)
    }

    /// The key's bytes without the table's.
    pub fn key(&self) -> &'a [u8] {
        self.place.get(1..).unwrap_or_default()
    }

    /// The value before the transaction; `None`: there was none.
    pub fn old_bytes(&self) -> Result<Option<Vec<u8>>, TxFault> {
        self.tx.before(self.place)
    }

    /// The value after it; `None`: it is gone.
    pub fn new_bytes(&self) -> Option<&'a [u8]> {
        self.new
    }
}

/// A changed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange<K, V> {
    /// Its key.
    pub key: K,
    /// The row before the transaction; `None`: there was none.
    pub old: Option<V>,
    /// The row after it; `None`: it is gone.
    pub new: Option<V>,
}
