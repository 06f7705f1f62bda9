//! Reading typed tables, in a transaction or outside of one.

use super::{
    checksum::DamagedValue,
    codec::{self, CodecFault},
    engine::{ByteScan, EngineError, Pair},
    key::{TableKey, TableKeyFault},
    keyring::Keyring,
    record::Record,
    scan::Scan,
    sealing::SealFault,
    table::{Form, Table},
};

/// Why a transaction or a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxFault {
    /// Another transaction changed what was read: run this one again. Never returned with one writer.
    #[error("what was read has changed since")]
    Conflict,
    /// The engine failed; the process cannot continue with this tree.
    #[error("the store's engine failed: {0}")]
    Engine(String),
    /// A stored value is not the one that was written; it was not returned.
    #[error(transparent)]
    Damaged(DamagedValue),
    /// A bound of values or transactions is exceeded.
    #[error("too large for one transaction: {0}")]
    TooLarge(String),
    /// The stored data cannot be decoded.
    #[error("the store holds something that cannot be read: {0}")]
    Corrupt(String),
    /// The changes break a rule that holds for every commit: a bug of the transaction.
    #[error("a check on the transaction failed: {0}")]
    Check(String),
}

impl From<EngineError> for TxFault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Failed { .. } => Self::Engine(error.to_string()),
            EngineError::Damaged(value) => Self::Damaged(value),
        }
    }
}

/// Bytes under the tables; implemented by every `Reader` and called by nothing else.
pub trait ByteReader {
    /// The value of a key.
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// The pairs of a scan.
    fn scan_bytes(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError>;
    /// The keys of sealed tables.
    fn ring(&self) -> &Keyring;
}

/// A source of reads: `Tx` sees its own writes, `View` durable state. Functions of tables take `&impl Reader`.
pub trait Reader: ByteReader {
    /// The row of `key`.
    fn get<K: TableKey, V: Record>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>, TxFault> {
        let place = place(table, key);
        match self.get_bytes(&place)? {
            Some(value) => open(self.ring(), Kind::of(table), &place, &value).map(Some),
            None => Ok(None),
        }
    }

    /// Whether there is a row of `key`.
    fn has<K: TableKey, V>(&self, table: &Table<K, V>, key: &K) -> Result<bool, TxFault> {
        Ok(self.get_bytes(&place(table, key))?.is_some())
    }

    /// The rows of `scan`, in its order.
    fn scan<K: TableKey, V: Record>(&self, table: &Table<K, V>, scan: Scan<K>) -> Result<Vec<(K, V)>, TxFault> {
        self.scan_bytes(&scan.over(table))?
            .into_iter()
            .map(|(place, value)| Ok((key_at(table, &place)?, open(self.ring(), Kind::of(table), &place, &value)?)))
            .collect()
    }

    /// The keys of `scan`, in its order, without decoding the values.
    fn keys<K: TableKey, V>(&self, table: &Table<K, V>, scan: Scan<K>) -> Result<Vec<K>, TxFault> {
        self.scan_bytes(&scan.over(table))?.iter().map(|(place, _)| key_at(table, place)).collect()
    }

    /// The first row of `scan`.
    fn first<K: TableKey, V: Record>(&self, table: &Table<K, V>, scan: Scan<K>) -> Result<Option<(K, V)>, TxFault> {
        Ok(self.scan(table, scan.limit(1))?.pop())
    }
}

impl<R: ByteReader + ?Sized> Reader for R {}

/// The bytes of `key` in the tree.
pub(super) fn place<K: TableKey, V>(table: &Table<K, V>, key: &K) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    bytes.push(table.tag);
    key.write(&mut bytes);
    bytes
}

/// What a value's decoding needs of its table.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) form: Form,
}

impl Kind {
    pub(super) fn of<K, V>(table: &Table<K, V>) -> Self {
        Self { name: table.name, form: table.form }
    }
}

pub(super) fn key_at<K: TableKey, V>(table: &Table<K, V>, place: &[u8]) -> Result<K, TxFault> {
    key_in(table.name, place)
}

fn key_in<K: TableKey>(name: &str, place: &[u8]) -> Result<K, TxFault> {
    K::from_bytes(place.get(1..).unwrap_or_default())
        .map_err(|TableKeyFault| TxFault::Corrupt(format!("{name}: a key does not decode")))
}

pub(super) fn open<V: Record>(
    ring: &Keyring,
    Kind { name, form }: Kind,
    place: &[u8],
    value: &[u8],
) -> Result<V, TxFault> {
    let decoded = match form {
        Form::Plain => codec::decode(value),
        Form::Sealed => {
            let opened = ring.unseal(name, place, value).map_err(|fault| sealed_fault(name, &fault))?;
            codec::decode(&opened)
        }
    };
    decoded.map_err(|fault| codec_fault(name, &fault))
}

/// Checks that a row of a table of `K` and `V` can be decoded.
pub(super) fn decodes<K: TableKey, V: Record>(
    ring: &Keyring,
    kind: Kind,
    place: &[u8],
    value: &[u8],
) -> Result<(), TxFault> {
    key_in::<K>(kind.name, place)?;
    open::<V>(ring, kind, place, value).map(|_| ())
}

pub(crate) fn codec_fault(table: &str, fault: &CodecFault) -> TxFault {
    match fault {
        CodecFault::Encode { .. } => TxFault::TooLarge(format!("{table}: {fault}")),
        CodecFault::Short(_) | CodecFault::Codec(_) | CodecFault::Schema { .. } | CodecFault::Payload { .. } => {
            TxFault::Corrupt(format!("{table}: {fault}"))
        }
    }
}

pub(crate) fn sealed_fault(table: &str, fault: &SealFault) -> TxFault {
    TxFault::Corrupt(format!("{table}: {fault}"))
}
