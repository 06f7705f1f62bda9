//! The answers to requests with an idempotency key, so that a repeated request gets the same answer and changes
//! nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    persistence::machinery::{
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::Timestamp,
};

/// The records, sealed, since an answer may hold tokens; by caller and key.
pub static OUTCOME_BY_KEY: Table<(String, String), Remembered> = Table::sealed(0x0f, "outcome_by_key", "24 h");
/// Outcomes by end.
pub static OUTCOME_BY_END: Table<(Timestamp, String, String), Present> =
    Table::new(0x10, "outcome_by_end", "as outcome_by_key");

const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A caller and its key: two callers may use the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeKey {
    /// The user's id, or another name of the caller.
    pub principal: String,
    /// The value of the header `Idempotency-Key`.
    pub key: String,
}

/// A stored answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The fingerprint of the request, which distinguishes a repetition from another request under the same key.
    pub fingerprint: [u8; 32],
    /// The answer, in a form of the caller's own.
    pub outcome: Vec<u8>,
    /// The end of its storage.
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

/// The index row of an outcome.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let ((principal, key), remembered) = row.decode(reader, &OUTCOME_BY_KEY)?;
    Ok(LinkedRows::default().with(&OUTCOME_BY_END, &(remembered.until, principal, key)))
}

fn row(key: &OutcomeKey) -> (String, String) {
    (key.principal.clone(), key.key.clone())
}

/// The answer under `key`, if it is still valid at `now`.
pub fn find(reader: &impl Reader, key: &OutcomeKey, now: Timestamp) -> Result<Option<Remembered>, TxFault> {
    Ok(reader.get(&OUTCOME_BY_KEY, &row(key))?.filter(|found| now < found.until))
}

/// Stores an answer for 24 h, in the commit that makes it true.
pub fn remember(tx: &mut Tx<'_>, key: &OutcomeKey, fingerprint: [u8; 32], outcome: Vec<u8>) -> Result<(), TxFault> {
    forget(tx, &row(key))?;
    let until = tx.now().plus(KEPT);
    tx.put(&OUTCOME_BY_KEY, &row(key), &Remembered { fingerprint, outcome, until })?;
    tx.put(&OUTCOME_BY_END, &(until, key.principal.clone(), key.key.clone()), &Present)
}

/// The outcome, stored at `now` for at most as long as a new one: an operator may have accepted an earlier time.
pub fn shortened(found: &Remembered, now: Timestamp) -> Remembered {
    Remembered { until: found.until.min(now.plus(KEPT)), ..found.clone() }
}

/// Replaces a stored outcome.
pub fn replace(tx: &mut Tx<'_>, key: &(String, String), outcome: &Remembered) -> Result<(), TxFault> {
    forget(tx, key)?;
    tx.put(&OUTCOME_BY_KEY, key, outcome)?;
    tx.put(&OUTCOME_BY_END, &(outcome.until, key.0.clone(), key.1.clone()), &Present)
}

/// Removes at most `limit` outcomes that have ended; returns their number.
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
