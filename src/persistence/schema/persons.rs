//! Each person has a key, under which the personal fields of events and audit entries are sealed. Erasing a person
//! destroys the key: log and chain stay complete, and the person can no longer be identified.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    domain::{audit::Actor, event::Personal},
    persistence::machinery::{
        codec::{self, CodecFault},
        key::TableKey as _,
        reader::{Reader, TxFault, codec_fault, sealed_fault},
        record::Record,
        sealing::{self, SealContext, SealFault, Subkey},
        table::Table,
        tx::Tx,
    },
    types::{
        Timestamp,
        id::{AuditId, EventId, UserId},
    },
};

/// The key of a person; entries without a known person are under the key of the id of zeros.
pub static PERSON_KEY_BY_ID: Table<UserId, PersonKey> =
    Table::sealed(0x22, "person_key_by_id", "until the person is erased");

/// A person's key; the table that holds it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct PersonKey {
    key: [u8; 32],
    made_at: Timestamp,
}

impl Record for PersonKey {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "person_key";
}

impl Record for Personal {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "personal";
}

/// The person whose key seals an entry's personal fields: the subject, else the actor, else the id of zeros.
pub(super) fn of_entry(actor: &Actor, subject: Option<UserId>) -> UserId {
    match (subject, actor) {
        (Some(person), _) => person,
        (None, Actor::User(person)) => *person,
        (None, Actor::Anonymous | Actor::Cli | Actor::Service(_)) => UserId::from(Uuid::nil()),
    }
}

pub(super) fn place_of_event(id: EventId) -> Vec<u8> {
    [b"event/".as_slice(), &id.to_bytes()].concat()
}

pub(super) fn place_of_entry(id: AuditId) -> Vec<u8> {
    [b"audit/".as_slice(), &id.to_bytes()].concat()
}

/// Seals `personal` under the person's key, which is created if there is none; `None` if there is nothing to seal.
pub(super) fn seal(
    tx: &mut Tx<'_>,
    person: UserId,
    place: &[u8],
    personal: &Personal,
) -> Result<Option<Vec<u8>>, TxFault> {
    if personal.is_empty() {
        return Ok(None);
    }
    let key = match tx.get(&PERSON_KEY_BY_ID, &person)? {
        Some(key) => key,
        None => {
            let key = PersonKey { key: tx.random(), made_at: tx.now() };
            tx.put(&PERSON_KEY_BY_ID, &person, &key)?;
            key
        }
    };
    let plain = codec::encode(personal).map_err(|fault| codec_fault(Personal::NAME, &fault))?;
    let around = SealContext { associated: place, salt: tx.random() };
    sealing::seal(&subkey(&key), 0, &around, &plain).map(Some).map_err(|fault| sealed_fault(Personal::NAME, &fault))
}

/// The personal fields in `sealed`; empty if the person was erased.
pub(super) fn open(
    reader: &impl Reader,
    person: UserId,
    place: &[u8],
    sealed: Option<&[u8]>,
) -> Result<Personal, TxFault> {
    let Some(sealed) = sealed else { return Ok(Personal::default()) };
    let Some(key) = reader.get(&PERSON_KEY_BY_ID, &person)? else { return Ok(Personal::default()) };
    match sealing::unseal(&subkey(&key), place, sealed) {
        Ok(plain) => codec::decode(&plain).map_err(|fault: CodecFault| codec_fault(Personal::NAME, &fault)),
        // An entry about the person was written after the erasure, so there is a new key, which does not open older
        // values.
        Err(SealFault::Broken) => Ok(Personal::default()),
        Err(fault @ (SealFault::Form | SealFault::NoKey(_))) => Err(sealed_fault(Personal::NAME, &fault)),
    }
}

/// Destroys the person's key: existing personal fields in events and audit entries can never be read again.
pub fn erase(tx: &mut Tx<'_>, person: UserId) -> Result<(), TxFault> {
    tx.delete(&PERSON_KEY_BY_ID, &person)
}

fn subkey(key: &PersonKey) -> Subkey {
    Subkey::derive(&key.key, "person")
}
