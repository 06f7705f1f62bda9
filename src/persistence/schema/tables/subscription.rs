//! The progress of each subscriber of the event log. A subscriber's name never changes.
//!
//! ```text
//!                     watermark
//!  settled, dead, ... |  mark  .  mark  mark  .  .   head
//!  nothing is stored  |  settled above it are marked; the others are to be handed over
//! ```
//!
//! An event that is delayed or a dead letter has a row of its own, and the watermark passes over it.

use std::ops::Bound;

use uuid::Uuid;

use crate::{
    domain::event::{DeadLetter, Delayed, Subscription},
    persistence::machinery::{
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{Page, Timestamp, id::UserId},
};

/// The watermarks.
pub static SUBSCRIPTION_BY_NAME: Table<String, Subscription> = Table::new(0x24, "subscription_by_name", "always");
/// Settled events above a subscriber's watermark.
pub static MARK_BY_SEQUENCE: Table<(String, u64), Present> =
    Table::new(0x25, "mark_by_sequence", "until the watermark passes");
/// Events whose hand-over failed, in the order of each subject.
pub static DELAYED_BY_SUBJECT: Table<(String, UserId, u64), Delayed> =
    Table::new(0x26, "delayed_by_subject", "until accepted or a dead letter");
/// The first delayed event of each subject, by the time of its next hand-over.
pub static DELAYED_BY_DUE: Table<(String, Timestamp, UserId), Present> =
    Table::new(0x27, "delayed_by_due", "as delayed_by_subject");
/// Dead letters: events that are no longer handed over.
pub static DEAD_LETTER_BY_SEQUENCE: Table<(String, u64), DeadLetter> =
    Table::new(0x28, "dead_letter_by_sequence", "until requeued or discarded");

impl Record for Subscription {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "subscription";
}

impl Record for Delayed {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "delayed";
}

impl Record for DeadLetter {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "dead_letter";
}

/// The index row of a delayed event: that of the first one of its subject.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let ((subscriber, subject, sequence), delayed) = row.decode(reader, &DELAYED_BY_SUBJECT)?;
    let first = reader.keys(&DELAYED_BY_SUBJECT, of_subject(&subscriber, subject).limit(1))?;
    let linked = LinkedRows::default();
    Ok(match first.first() {
        Some((.., first)) if *first == sequence => linked.with(&DELAYED_BY_DUE, &(subscriber, delayed.due, subject)),
        Some(_) | None => linked,
    })
}

/// The record of an index row: the first delayed event of its subject.
pub(super) fn due_links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let ((subscriber, _, subject), Present) = row.decode(reader, &DELAYED_BY_DUE)?;
    let first = reader.keys(&DELAYED_BY_SUBJECT, of_subject(&subscriber, subject).limit(1))?;
    Ok(first.iter().fold(LinkedRows::default(), |linked, first| linked.with(&DELAYED_BY_SUBJECT, first)))
}

/// One event of one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace<'a> {
    pub subscriber: &'a str,
    /// The person whom the event is about.
    pub subject: UserId,
    pub sequence: u64,
}

impl EventPlace<'_> {
    fn row(&self) -> (String, UserId, u64) {
        (self.subscriber.to_owned(), self.subject, self.sequence)
    }

    fn mark(&self) -> (String, u64) {
        (self.subscriber.to_owned(), self.sequence)
    }
}

/// The status of an event for a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventStanding {
    /// It was not handed over, or no hand-over has had a lasting result.
    Open,
    /// Its hand-over failed, and is repeated later.
    Delayed(Delayed),
    /// It is finished, with or without an effect.
    Settled,
}

/// The result of `settle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a transaction that goes on after `Already` has its effect twice"]
pub enum Settlement {
    /// This transaction makes the effect.
    First,
    /// Another transaction has made it before.
    Already,
}

/// A subscriber's watermark.
pub fn find(reader: &impl Reader, subscriber: &str) -> Result<Option<Subscription>, TxFault> {
    reader.get(&SUBSCRIPTION_BY_NAME, &subscriber.to_owned())
}

/// The status of an event.
pub fn standing(reader: &impl Reader, place: EventPlace<'_>) -> Result<EventStanding, TxFault> {
    if let Some(delayed) = reader.get(&DELAYED_BY_SUBJECT, &place.row())? {
        return Ok(EventStanding::Delayed(delayed));
    }
    let watermark = find(reader, place.subscriber)?.map_or(0, |found| found.watermark);
    let settled = place.sequence <= watermark
        || reader.has(&MARK_BY_SEQUENCE, &place.mark())?
        || reader.has(&DEAD_LETTER_BY_SEQUENCE, &place.mark())?;
    Ok(if settled { EventStanding::Settled } else { EventStanding::Open })
}

/// Claims the event's effect for this transaction; it succeeds only once.
pub fn settle(tx: &mut Tx<'_>, place: EventPlace<'_>) -> Result<Settlement, TxFault> {
    match standing(tx, place)? {
        EventStanding::Settled => return Ok(Settlement::Already),
        EventStanding::Open => {}
        EventStanding::Delayed(_) => {
            change_delayed(tx, place, |tx| tx.delete(&DELAYED_BY_SUBJECT, &place.row()))?;
        }
    }
    mark(tx, place)?;
    Ok(Settlement::First)
}

/// Adds a mark if the watermark has not passed.
fn mark(tx: &mut Tx<'_>, place: EventPlace<'_>) -> Result<(), TxFault> {
    let watermark = find(tx, place.subscriber)?.map_or(0, |found| found.watermark);
    if place.sequence > watermark {
        tx.put(&MARK_BY_SEQUENCE, &place.mark(), &Present)?;
    }
    Ok(())
}

/// Whether events of a subject are delayed, so that later ones have to wait behind them.
pub fn has_delayed(reader: &impl Reader, subscriber: &str, subject: UserId) -> Result<bool, TxFault> {
    Ok(!reader.keys(&DELAYED_BY_SUBJECT, of_subject(subscriber, subject).limit(1))?.is_empty())
}

fn of_subject(subscriber: &str, subject: UserId) -> Scan<(String, UserId, u64)> {
    Scan::prefix(&(subscriber.to_owned(), subject))
}

/// Stores a delayed event; later events of its subject wait behind it.
pub fn delay(tx: &mut Tx<'_>, place: EventPlace<'_>, delayed: &Delayed) -> Result<(), TxFault> {
    change_delayed(tx, place, |tx| tx.put(&DELAYED_BY_SUBJECT, &place.row(), delayed))
}

/// Makes an event a dead letter; the next event of its subject moves to the front.
pub fn add_dead_letter(tx: &mut Tx<'_>, place: EventPlace<'_>, letter: &DeadLetter) -> Result<(), TxFault> {
    change_delayed(tx, place, |tx| tx.delete(&DELAYED_BY_SUBJECT, &place.row()))?;
    tx.put(&DEAD_LETTER_BY_SEQUENCE, &place.mark(), letter)
}

/// Changes the delayed events of a subject and updates the index of the first one.
fn change_delayed(
    tx: &mut Tx<'_>,
    place: EventPlace<'_>,
    change: impl FnOnce(&mut Tx<'_>) -> Result<(), TxFault>,
) -> Result<(), TxFault> {
    let first = |tx: &Tx<'_>| tx.first(&DELAYED_BY_SUBJECT, of_subject(place.subscriber, place.subject));
    let index = |due: Timestamp| (place.subscriber.to_owned(), due, place.subject);
    let before = first(tx)?;
    change(tx)?;
    let after = first(tx)?;
    if let Some((_, delayed)) = before {
        tx.delete(&DELAYED_BY_DUE, &index(delayed.due))?;
    }
    if let Some((_, delayed)) = after {
        tx.put(&DELAYED_BY_DUE, &index(delayed.due), &Present)?;
    }
    Ok(())
}

/// The first delayed event of each subject that is due at `now`, at most `limit`.
pub fn due(
    reader: &impl Reader,
    subscriber: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(UserId, u64, Delayed)>, TxFault> {
    let low = (subscriber.to_owned(), Timestamp::from_micros(i64::MIN), UserId::from(Uuid::nil()));
    let high = (subscriber.to_owned(), now.plus(super::TICK), UserId::from(Uuid::nil()));
    let scan = Scan::range(Bound::Included(&low), Bound::Excluded(&high)).limit(limit);
    let mut found = Vec::new();
    for (_, _, subject) in reader.keys(&DELAYED_BY_DUE, scan)? {
        if let Some(((_, _, sequence), delayed)) = reader.first(&DELAYED_BY_SUBJECT, of_subject(subscriber, subject))? {
            found.push((subject, sequence, delayed));
        }
    }
    Ok(found)
}

/// When the next delayed event of a subscriber is due.
pub fn next_due(reader: &impl Reader, subscriber: &str) -> Result<Option<Timestamp>, TxFault> {
    let keys = reader.keys(&DELAYED_BY_DUE, Scan::prefix(&(subscriber.to_owned(),)).limit(1))?;
    Ok(keys.first().map(|(_, due, _)| *due))
}

/// Advances a subscriber's watermark and clears the marks that it passes, at most `limits::SCAN_MAX`; the next call
/// clears the rest. A watermark never moves back here.
pub fn advance(tx: &mut Tx<'_>, subscriber: &str, watermark: u64) -> Result<(), TxFault> {
    let before = find(tx, subscriber)?.unwrap_or(Subscription { watermark: 0, since: tx.now() });
    let name = subscriber.to_owned();
    let watermark = watermark.max(before.watermark);
    let (low, high) = ((name.clone(), 0), (name.clone(), watermark));
    for passed in tx.keys(&MARK_BY_SEQUENCE, Scan::range(Bound::Included(&low), Bound::Included(&high)))? {
        tx.delete(&MARK_BY_SEQUENCE, &passed)?;
    }
    tx.put(&SUBSCRIPTION_BY_NAME, &name, &Subscription { watermark, since: before.since })
}

/// A dead letter.
pub fn dead_letter(reader: &impl Reader, subscriber: &str, sequence: u64) -> Result<Option<DeadLetter>, TxFault> {
    reader.get(&DEAD_LETTER_BY_SEQUENCE, &(subscriber.to_owned(), sequence))
}

/// Dead letters of one subscriber, oldest first, after the sequence `after`.
pub fn dead_letters(
    reader: &impl Reader,
    subscriber: &str,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<(u64, DeadLetter), u64>, TxFault> {
    let mut scan = Scan::prefix(&(subscriber.to_owned(),));
    if let Some(after) = after {
        scan = scan.after(&(subscriber.to_owned(), after));
    }
    let mut rows: Vec<_> = reader
        .scan(&DEAD_LETTER_BY_SEQUENCE, scan.limit(limit + 1))?
        .into_iter()
        .map(|((_, sequence), letter)| (sequence, letter))
        .collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.last().map(|(sequence, _)| *sequence) } else { None };
    Ok(Page { rows, next })
}

/// The number of dead letters and of delayed events of a subscriber, each counted to `limits::SCAN_MAX`.
pub fn counts(reader: &impl Reader, subscriber: &str) -> Result<(usize, usize), TxFault> {
    let prefix = (subscriber.to_owned(),);
    let dead = reader.keys(&DEAD_LETTER_BY_SEQUENCE, Scan::prefix(&prefix))?.len();
    Ok((dead, reader.keys(&DELAYED_BY_SUBJECT, Scan::prefix(&prefix))?.len()))
}

/// The result of an operator's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterFound {
    /// The dead letter was changed.
    Changed,
    /// There is no such dead letter.
    Missing,
}

/// Requeues a dead letter in the order of its subject, as if for the first hand-over.
pub fn requeue(tx: &mut Tx<'_>, subscriber: &str, sequence: u64) -> Result<LetterFound, TxFault> {
    let Some(letter) = dead_letter(tx, subscriber, sequence)? else { return Ok(LetterFound::Missing) };
    let place = EventPlace { subscriber, subject: letter.subject, sequence };
    tx.delete(&DEAD_LETTER_BY_SEQUENCE, &place.mark())?;
    let delayed = Delayed { attempts: 0, due: tx.now(), last_error: letter.last_error };
    delay(tx, place, &delayed)?;
    Ok(LetterFound::Changed)
}

/// Discards a dead letter permanently.
pub fn discard(tx: &mut Tx<'_>, subscriber: &str, sequence: u64) -> Result<LetterFound, TxFault> {
    let Some(letter) = dead_letter(tx, subscriber, sequence)? else { return Ok(LetterFound::Missing) };
    let place = EventPlace { subscriber, subject: letter.subject, sequence };
    tx.delete(&DEAD_LETTER_BY_SEQUENCE, &place.mark())?;
    mark(tx, place)?;
    Ok(LetterFound::Changed)
}
