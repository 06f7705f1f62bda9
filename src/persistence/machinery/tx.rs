//! A transaction: reading through its own writes, and what it leaves to be committed.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::{
    codec,
    engine::{ByteScan, EngineError, EngineView, Pair},
    key::TableKey,
    keyring::Keyring,
    overlay::{Layers, Overlay},
    reader::{ByteReader, TxFault, codec_fault, place, sealed_fault},
    record::Record,
    sealing::SealContext,
    table::{Form, Table},
};
use crate::{
    domain::{
        audit::{Actor, AuditRecord},
        event::{Event, EventOrigin, Personal},
    },
    persistence::schema::{audit::AuditBody, events::StoredEvent, persons},
    types::{
        CallContext, Stamp, Timestamp,
        id::{EventId, uuid_v7},
        limits,
    },
};

/// What a transaction leaves: changes, and what is numbered when its frame is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TxOutput {
    pub(super) changes: Overlay,
    pub(super) events: Vec<StoredEvent>,
    pub(super) entries: Vec<AuditBody>,
}

impl TxOutput {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.events.is_empty() && self.entries.is_empty()
    }
}

/// What lies under a transaction: the tree, what its group has left so far, and the keys.
#[derive(Clone, Copy)]
pub(super) struct TxBase<'a> {
    pub(super) group: &'a Overlay,
    pub(super) engine: &'a dyn EngineView,
    pub(super) ring: &'a Keyring,
}

/// What lies around a transaction; the same for a second run of it.
pub(super) struct TxContext<'a> {
    pub(super) base: TxBase<'a>,
    pub(super) stamp: Stamp,
    /// Told apart by this number, two transactions of one flow draw different bytes from one stamp.
    pub(super) ticket: u64,
    pub(super) context: &'a CallContext,
}

/// A transaction under way. It sees its own writes and those before it in its group. Pure: all it may use of time and
/// chance is `now`, `id` and `random`, so that running it again over the same state leaves the same.
pub struct Tx<'a> {
    around: &'a TxContext<'a>,
    left: TxOutput,
    bytes_said: usize,
    stream: ChaCha20Rng,
}

impl<'a> Tx<'a> {
    pub(super) fn begin(around: &'a TxContext<'a>) -> Self {
        let mut seed = Sha256::new();
        seed.update(around.stamp.seed);
        seed.update(around.ticket.to_be_bytes());
        let stream = ChaCha20Rng::from_seed(seed.finalize().into());
        Self { around, left: TxOutput::default(), bytes_said: 0, stream }
    }

    pub(super) fn into_output(self) -> TxOutput {
        self.left
    }

    /// The time of the decision, as the flow sampled it.
    pub fn now(&self) -> Timestamp {
        self.around.stamp.now
    }

    /// On whose behalf, from where, in which request.
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

    /// `key` holds `value` from here on.
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

    /// `key` holds nothing from here on.
    pub fn delete<K: TableKey, V>(&mut self, table: &Table<K, V>, key: &K) -> Result<(), TxFault> {
        self.left.changes.set(place(table, key), None);
        self.check_bounds()
    }

    /// Says `event` in this commit; it gets its sequence when the commit is written. Personal fields are sealed under
    /// the subject's own key. Gives the event's id.
    pub fn emit(&mut self, event: Event) -> Result<EventId, TxFault> {
        let id: EventId = self.id();
        let personal = persons::seal(self, event.subject, &persons::place_of_event(id), &event.personal)?;
        let context = self.context();
        let stored = StoredEvent {
            id,
            subject: event.subject,
            time: self.now(),
            correlation: context.request_id.clone(),
            causation: context.causation,
            traceparent: context.traceparent.clone(),
            kind: event.kind,
            personal,
        };
        self.said(&stored)?;
        self.left.events.push(stored);
        self.check_bounds()?;
        Ok(id)
    }

    /// Writes the event and the audit entry of one change. With `EventOrigin::Call` the client's address and user agent
    /// are added to the event's personal fields; the audit entry always has them. Gives the event's id.
    pub fn record(&mut self, origin: EventOrigin, mut event: Event, entry: AuditRecord) -> Result<EventId, TxFault> {
        match origin {
            EventOrigin::Call => {
                let Personal { ip_address, user_agent, .. } = Personal::of_call(self.context());
                event.personal = Personal { ip_address, user_agent, ..event.personal };
            }
            EventOrigin::Withheld => {}
        }
        let id = self.emit(event)?;
        self.audit(entry)?;
        Ok(id)
    }

    /// Writes an entry of the audit trail in this commit; it gets its number and hash when the commit is written.
    /// Actor, request and origin come from the context.
    pub fn audit(&mut self, record: AuditRecord) -> Result<(), TxFault> {
        let id = self.id();
        let context = self.context();
        let (actor, request_id) = (Actor::from(&context.caller), context.request_id.clone());
        let personal = Personal::of_call(context);
        let person = persons::of_entry(&actor, record.subject);
        let sealed = persons::seal(self, person, &persons::place_of_entry(id), &personal)?;
        let body = AuditBody {
            id,
            time: self.now(),
            actor,
            action: record.action,
            result: record.result,
            subject: record.subject,
            request_id,
            detail: record.detail,
            personal: sealed,
        };
        self.said(&body)?;
        self.left.entries.push(body);
        self.check_bounds()
    }

    /// Sets the bytes of a key, for walks over whole tables.
    pub(super) fn set_bytes(&mut self, place: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), TxFault> {
        self.left.changes.set(place, value);
        self.check_bounds()
    }

    fn said<R: Record>(&mut self, record: &R) -> Result<(), TxFault> {
        self.bytes_said += codec::encode(record).map_err(|fault| codec_fault(R::NAME, &fault))?.len();
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), TxFault> {
        let operations = self.left.changes.len() + self.left.events.len() + self.left.entries.len();
        if operations > limits::TX_OPERATIONS_MAX {
            return Err(TxFault::TooLarge(format!("more than {} operations", limits::TX_OPERATIONS_MAX)));
        }
        if self.left.changes.bytes() + self.bytes_said > limits::TX_BYTES_MAX {
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
