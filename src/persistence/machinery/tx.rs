//! A transaction: it reads through its own writes and returns the changes to commit.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::{
    catalog::StoreCatalog,
    change::TxChanges,
    codec,
    engine::{ByteScan, EngineError, EngineView, Pair},
    key::TableKey,
    keyring::Keyring,
    log::{Appended, Log},
    overlay::{Layers, Overlay},
    reader::{ByteReader, TxFault, codec_fault, place, sealed_fault},
    record::Record,
    sealing::SealContext,
    table::{Form, Table},
};
use crate::types::{CallContext, Stamp, Timestamp, id::uuid_v7, limits};

/// The output of a transaction: changes, and the log entries that get their numbers when its frame is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TxOutput {
    pub(super) changes: Overlay,
    pub(super) appended: Vec<Appended>,
}

impl TxOutput {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.appended.is_empty()
    }
}

/// What a transaction reads from: the tree, the output of its group so far, the keys, and the catalog.
#[derive(Clone, Copy)]
pub(super) struct TxBase<'a> {
    pub(super) group: &'a Overlay,
    pub(super) engine: &'a dyn EngineView,
    pub(super) ring: &'a Keyring,
    pub(super) catalog: &'static StoreCatalog,
    /// The time of the transaction: its stamp's, but not before the last commit.
    pub(super) now: Timestamp,
}

/// The context of a transaction; the same for a second run of it.
pub(super) struct TxContext<'a> {
    pub(super) base: TxBase<'a>,
    pub(super) stamp: Stamp,
    /// The number of the transaction. It makes two transactions of one flow draw different bytes from one stamp.
    pub(super) ticket: u64,
    pub(super) context: &'a CallContext,
}

/// A running transaction. It sees its own writes and those before it in its group. Pure: its only time and randomness
/// are `now`, `id` and `random`, so that a second run over the same state has the same output.
pub struct Tx<'a> {
    around: &'a TxContext<'a>,
    left: TxOutput,
    bytes_appended: usize,
    stream: ChaCha20Rng,
}

impl<'a> Tx<'a> {
    pub(super) fn begin(around: &'a TxContext<'a>) -> Self {
        let mut seed = Sha256::new();
        seed.update(around.stamp.seed);
        seed.update(around.ticket.to_be_bytes());
        let stream = ChaCha20Rng::from_seed(seed.finalize().into());
        Self { around, left: TxOutput::default(), bytes_appended: 0, stream }
    }

    pub(super) fn into_output(self) -> TxOutput {
        self.left
    }

    /// The time of the decision: sampled by the flow, but not before the time of the last commit.
    pub fn now(&self) -> Timestamp {
        self.around.base.now
    }

    /// The caller, its origin and its request.
    pub fn context(&self) -> &CallContext {
        self.around.context
    }

    /// Random bytes from the stamp's stream.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.fill_bytes(&mut bytes);
        bytes
    }

    /// A new id (UUIDv7 of `now`), e.g. `let user: UserId = tx.id();`.
    pub fn id<I: From<uuid::Uuid>>(&mut self) -> I {
        let random = self.random();
        I::from(uuid_v7(self.now(), random))
    }

    /// Sets `key` to `value`.
    pub fn put<K: TableKey, V: Record>(&mut self, table: &Table<K, V>, key: &K, value: &V) -> Result<(), TxFault> {
        let place = place(table, key);
        let mut bytes = codec::encode(value).map_err(|fault| codec_fault(table.name, &fault))?;
        match table.form {
            Form::Plain => {}
            Form::Sealed => {
                let around = SealContext { associated: &place, salt: self.random() };
                let sealed = self.around.base.ring.seal(table.name, &around, &bytes);
                zeroize::Zeroize::zeroize(&mut bytes);
                bytes = sealed.map_err(|fault| sealed_fault(table.name, &fault))?;
            }
        }
        self.left.changes.set(place, Some(bytes));
        self.check_bounds()
    }

    /// Removes the value of `key`.
    pub fn delete<K: TableKey, V>(&mut self, table: &Table<K, V>, key: &K) -> Result<(), TxFault> {
        self.left.changes.set(place(table, key), None);
        self.check_bounds()
    }

    /// Appends `body` to a log in this commit; it gets its number when the commit's frame is made.
    pub fn append<R: Record>(&mut self, log: &Log, body: &R) -> Result<(), TxFault> {
        if !self.catalog().logs.iter().any(|known| known.tag == log.tag) {
            return Err(TxFault::Check(format!("the store was assembled without the log {}", log.name)));
        }
        let body = codec::encode(body).map_err(|fault| codec_fault(R::NAME, &fault))?;
        self.bytes_appended += body.len();
        self.left.appended.push(Appended { tag: log.tag, body });
        self.check_bounds()
    }

    /// Runs the registered checks, if there is something to commit. A check that fails or cannot read fails the
    /// transaction.
    pub(super) fn check(&self) -> Result<(), TxFault> {
        if self.left.is_empty() {
            return Ok(());
        }
        for check in self.catalog().checks {
            (check.run)(&TxChanges::of(self), self).map_err(|fault| match fault {
                TxFault::Check(reason) => TxFault::Check(format!("{}: {reason}", check.name)),
                fault @ (TxFault::Conflict
                | TxFault::Engine(_)
                | TxFault::Damaged(_)
                | TxFault::TooLarge(_)
                | TxFault::Corrupt(_)) => fault,
            })?;
        }
        Ok(())
    }

    /// Every changed key in order, with its value after the transaction.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.left.changes.iter()
    }

    /// The value of a key before this transaction.
    pub(super) fn before(&self, place: &[u8]) -> Result<Option<Vec<u8>>, TxFault> {
        let TxBase { group, engine, .. } = self.around.base;
        Ok(Layers { overlays: &[group], engine }.get(place)?)
    }

    /// The catalog of the store.
    pub(super) fn catalog(&self) -> &'static StoreCatalog {
        self.around.base.catalog
    }

    pub(super) fn keyring(&self) -> &'a Keyring {
        self.around.base.ring
    }

    /// Sets the bytes of a key, for passes over whole tables.
    pub(super) fn set_bytes(&mut self, place: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), TxFault> {
        self.left.changes.set(place, value);
        self.check_bounds()
    }

    fn check_bounds(&self) -> Result<(), TxFault> {
        let operations = self.left.changes.len() + self.left.appended.len();
        if operations > limits::TX_OPERATIONS_MAX {
            return Err(TxFault::TooLarge(format!("more than {} operations", limits::TX_OPERATIONS_MAX)));
        }
        if self.left.changes.bytes() + self.bytes_appended > limits::TX_BYTES_MAX {
            return Err(TxFault::TooLarge(format!("more than {} bytes", limits::TX_BYTES_MAX)));
        }
        Ok(())
    }
}

impl ByteReader for Tx<'_> {
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let overlays = [&self.left.changes, self.around.base.group];
        Layers { overlays: &overlays, engine: self.around.base.engine }.get(key)
    }

    fn scan_bytes(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        let overlays = [&self.left.changes, self.around.base.group];
        Layers { overlays: &overlays, engine: self.around.base.engine }.scan(scan)
    }

    fn ring(&self) -> &Keyring {
        self.around.base.ring
    }
}
