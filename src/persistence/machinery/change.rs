//! Checks on what a transaction changes, registered when a store is assembled.
//!
//! A check runs at the end of each closure that has changes to commit. A failed check is a bug of the closure: the
//! caller gets `Fault::Bug`, and none of its changes is committed.

use super::{
    key::TableKey,
    reader::{Kind, TxFault, key_at, open},
    record::Record,
    table::Table,
    tx::Tx,
};

/// A rule that holds for every commit.
pub struct ChangeCheck {
    /// Its name, for messages.
    pub name: &'static str,
    /// Checks `changes`; `tx` reads the state after them. Fails with `TxFault::Check` if the rule does not hold.
    pub run: fn(changes: &TxChanges<'_>, tx: &Tx<'_>) -> Result<(), TxFault>,
}

/// The changes of a transaction, by key.
pub struct TxChanges<'a> {
    tx: &'a Tx<'a>,
}

impl<'a> TxChanges<'a> {
    pub(super) fn of(tx: &'a Tx<'a>) -> Self {
        Self { tx }
    }

    /// Every key that was put or deleted, in order. An entry appended to a log has no key yet.
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

/// A changed key and its stored values as bytes: those of a sealed table are sealed.
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

    /// The value before the transaction; `None` if there was none.
    pub fn old_bytes(&self) -> Result<Option<Vec<u8>>, TxFault> {
        self.tx.before(self.place)
    }

    /// The value after the transaction; `None` if it was deleted.
    pub fn new_bytes(&self) -> Option<&'a [u8]> {
        self.new
    }
}

/// A changed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange<K, V> {
    pub key: K,
    /// The row before the transaction; `None` if there was none.
    pub old: Option<V>,
    /// The row after the transaction; `None` if it was deleted.
    pub new: Option<V>,
}
