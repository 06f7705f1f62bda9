//! Events that a subscriber could not be brought to take. Pointers: the event itself stays in the log.

use serde::{Deserialize, Serialize};

use crate::{
    domain::event::EventType,
    persistence::{
        reader::{Reader, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{
        Page, Timestamp,
        id::{EventId, UserId},
    },
};

/// The dead letters: subscriber, sequence.
pub static DEAD_LETTER_BY_SUBSCRIBER: Table<(String, u64), DeadLetter> =
    Table::new(0x28, "dead_letter_by_subscriber", "until requeued or discarded");

/// Why an event was given up. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeathCause {
    /// The subscriber said that it will never take it.
    Refused,
    /// It was tried as often as is allowed.
    TooManyAttempts,
}

/// A pointer to an event that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The event.
    pub event: EventId,
    /// Its type.
    pub event_type: EventType,
    /// The person it is about.
    pub subject: UserId,
    /// Why it was given up.
    pub cause: DeathCause,
    /// How often it was tried.
    pub attempts: u32,
    /// What the subscriber said last.
    pub last_error: String,
    /// When it was given up.
    pub died_at: Timestamp,
}

impl Record for DeadLetter {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "dead_letter";
}

/// Where a dead letter lies.
pub type Place = (String, u64);

/// The dead letter at a place.
pub fn find(reader: &impl Reader, place: &Place) -> Result<Option<DeadLetter>, TxFault> {
    reader.get(&DEAD_LETTER_BY_SUBSCRIBER, place)
}

/// Puts an event among the dead letters.
pub fn put(tx: &mut Tx<'_>, place: &Place, letter: &DeadLetter) -> Result<(), TxFault> {
    tx.put(&DEAD_LETTER_BY_SUBSCRIBER, place, letter)
}

/// Takes a letter away: it was requeued or discarded.
pub fn remove(tx: &mut Tx<'_>, place: &Place) -> Result<(), TxFault> {
    tx.delete(&DEAD_LETTER_BY_SUBSCRIBER, place)
}

/// Dead letters of all subscribers behind `after`, by subscriber and sequence.
pub fn page(
    reader: &impl Reader,
    after: Option<&Place>,
    limit: usize,
) -> Result<Page<(Place, DeadLetter), Place>, TxFault> {
    let scan = Scan::all().limit(limit + 1);
    let scan = match after {
        Some(place) => scan.after(place),
        None => scan,
    };
    let mut rows = reader.scan(&DEAD_LETTER_BY_SUBSCRIBER, scan)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().map(|(place, _)| place.clone()).filter(|_| more);
    Ok(Page { rows, next })
}

/// How many dead letters there are, counted up to `limits::SCAN_MAX`.
pub fn count(reader: &impl Reader) -> Result<usize, TxFault> {
    Ok(reader.keys(&DEAD_LETTER_BY_SUBSCRIBER, Scan::all())?.len())
}
