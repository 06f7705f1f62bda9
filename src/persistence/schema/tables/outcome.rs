//! What requests with an idempotency key were answered, so that a repeat gets the same answer and changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    persistence::machinery::{
        reader::{Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::Timestamp,
};

/// The records, sealed, since an answer may hold tokens; by principal and key.
pub static OUTCOME_BY_KEY: Table<(String, String), Remembered> = Table::sealed(0x0f, "outcome_by_key", "24 h");
/// Which outcomes end when.
pub static OUTCOME_BY_END: Table<(Timestamp, String, String), Present> =
    Table::new(0x10, "outcome_by_end", "as outcome_by_key");

const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Whose key it is: two principals may use the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeKey {
    /// The user's id, or what else the caller is known by.
    pub principal: String,
    /// The header `Idempotency-Key`.
    pub key: String,
}

/// What was answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Of the request, to tell a repeat from another request under the same key.
    pub fingerprint: [u8; 32],
    /// The answer, in the caller's own form.
    pub outcome: Vec<u8>,
    /// Until when it is remembered.
    pub until: Timestamp,
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remembered").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Record for Remembered {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "remembered";
}

fn row(key: &OutcomeKey) -> (String, String) {
    (key.principal.clone(), key.key.clone())
}

/// What was answered under `key`, if that is still remembered at `now`.
pub fn find(reader: &impl Reader, key: &OutcomeKey, now: Timestamp) -> Result<Option<Remembered>, TxFault> {
    Ok(reader.get(&OUTCOME_BY_KEY, &row(key))?.filter(|found| now < found.until))
}

/// Remembers an answer for 24 h, in the commit that makes it true.
pub fn remember(tx: &mut Tx<'_>, key: &OutcomeKey, fingerprint: [u8; 32], outcome: Vec<u8>) -> Result<(), TxFault> {
    forget(tx, &row(key))?;
    let until = tx.now().plus(KEPT);
    tx.put(&OUTCOME_BY_KEY, &row(key), &Remembered { fingerprint, outcome, until })?;
    tx.put(&OUTCOME_BY_END, &(until, key.principal.clone(), key.key.clone()), &Present)
}

/// Removes at most `limit` outcomes that have ended, and says how many it were.
pub fn remove_ended(tx: &mut Tx<'_>, limit: usize) -> Result<usize, TxFault> {
    let end = (tx.now().plus(super::TICK), String::new(), String::new());
    let ended = tx.keys(&OUTCOME_BY_END, Scan::below(&end).limit(limit))?;
    for (_, principal, key) in &ended {
        forget(tx, &(principal.clone(), key.clone()))?;
    }
    Ok(ended.len())
}

fn forget(tx: &mut Tx<'_>, row: &(String, String)) -> Result<(), TxFault> {
    let Some(before) = tx.get(&OUTCOME_BY_KEY, row)? else { return Ok(()) };
    tx.delete(&OUTCOME_BY_END, &(before.until, row.0.clone(), row.1.clone()))?;
    tx.delete(&OUTCOME_BY_KEY, row)
}
