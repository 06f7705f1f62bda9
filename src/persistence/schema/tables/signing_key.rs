//! Keys that sign access tokens.

use crate::{
    domain::auth::SigningKey,
    persistence::machinery::{
        reader::{Reader, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::id::KeyId,
};

/// The records, sealed.
pub static SIGNING_KEY_BY_ID: Table<KeyId, SigningKey> =
    Table::sealed(0x0e, "signing_key_by_id", "until the longest token it signed has run out");

impl Record for SigningKey {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "signing_key";
}

/// All keys, oldest first.
pub fn all(reader: &impl Reader) -> Result<Vec<SigningKey>, TxFault> {
    Ok(reader.scan(&SIGNING_KEY_BY_ID, Scan::all())?.into_iter().map(|(_, key)| key).collect())
}

/// Adds a key, or replaces the one of the same id.
pub fn put(tx: &mut Tx<'_>, key: &SigningKey) -> Result<(), TxFault> {
    tx.put(&SIGNING_KEY_BY_ID, &key.id, key)
}

/// Removes a key.
pub fn remove(tx: &mut Tx<'_>, id: KeyId) -> Result<(), TxFault> {
    tx.delete(&SIGNING_KEY_BY_ID, &id)
}
