//! Events that a subscriber is to be handed again later, by subject, since the later ones of a subject queue behind.

use serde::{Deserialize, Serialize};

use crate::{
    persistence::{
        reader::{Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{Timestamp, id::UserId},
};

/// The delayed events: subscriber, subject, sequence.
pub static DELAYED_BY_SUBJECT: Table<(String, UserId, u64), Delayed> =
    Table::new(0x26, "delayed_by_subject", "until handed over or dead");
/// Which are due when: subscriber, time, sequence, subject.
pub static DELAYED_BY_DUE: Table<(String, Timestamp, u64, UserId), Present> =
    Table::new(0x27, "delayed_by_due", "as delayed_by_subject");

/// What delays an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delayed {
    /// Attempts so far; 0: it waits behind another event of its subject.
    pub attempts: u32,
    /// When it is to be handed over.
    pub due: Timestamp,
    /// What the subscriber said last.
    pub last_error: String,
}

impl Record for Delayed {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "delayed";
}

/// Which event of which subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The person the event is about.
    pub subject: UserId,
    /// The event.
    pub sequence: u64,
}

fn row(name: &str, place: Place) -> (String, UserId, u64) {
    (name.to_owned(), place.subject, place.sequence)
}

/// The delay of an event, if it is delayed.
pub fn find(reader: &impl Reader, name: &str, place: Place) -> Result<Option<Delayed>, TxFault> {
    reader.get(&DELAYED_BY_SUBJECT, &row(name, place))
}

/// Delays an event, or changes its delay.
pub fn put(tx: &mut Tx<'_>, name: &str, place: Place, delayed: &Delayed) -> Result<(), TxFault> {
    remove(tx, name, place)?;
    tx.put(&DELAYED_BY_SUBJECT, &row(name, place), delayed)?;
    tx.put(&DELAYED_BY_DUE, &(name.to_owned(), delayed.due, place.sequence, place.subject), &Present)
}

/// An event is no longer delayed; nothing happens if it was not.
pub fn remove(tx: &mut Tx<'_>, name: &str, place: Place) -> Result<(), TxFault> {
    let Some(before) = find(tx, name, place)? else { return Ok(()) };
    tx.delete(&DELAYED_BY_DUE, &(name.to_owned(), before.due, place.sequence, place.subject))?;
    tx.delete(&DELAYED_BY_SUBJECT, &row(name, place))
}

/// The delayed events of a subject in order of sequence, at most `limits::SCAN_MAX`.
pub fn of_subject(reader: &impl Reader, name: &str, subject: UserId) -> Result<Vec<(u64, Delayed)>, TxFault> {
    let rows = reader.scan(&DELAYED_BY_SUBJECT, Scan::prefix(&(name.to_owned(), subject)))?;
    Ok(rows.into_iter().map(|((_, _, sequence), delayed)| (sequence, delayed)).collect())
}

/// Whether an event of a subject waits, so that later ones queue behind it.
pub fn holds_back(reader: &impl Reader, name: &str, subject: UserId) -> Result<bool, TxFault> {
    Ok(!reader.keys(&DELAYED_BY_SUBJECT, Scan::prefix(&(name.to_owned(), subject)).limit(1))?.is_empty())
}

/// The delayed events of a subscriber by when they are due, first due first, at most `limit`.
pub fn next(reader: &impl Reader, name: &str, limit: usize) -> Result<Vec<(Timestamp, Place)>, TxFault> {
    let rows = reader.keys(&DELAYED_BY_DUE, Scan::prefix(&(name.to_owned(),)).limit(limit))?;
    Ok(rows.into_iter().map(|(_, due, sequence, subject)| (due, Place { subject, sequence })).collect())
}
