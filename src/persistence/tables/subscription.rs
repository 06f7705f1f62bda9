//! How far each subscriber of the event log has come: a watermark, below which all is settled, and marks above it.

use serde::{Deserialize, Serialize};

use crate::{
    persistence::{
        reader::{Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::Timestamp,
};

/// The subscribers.
pub static SUBSCRIPTION_BY_NAME: Table<String, Subscription> =
    Table::new(0x24, "subscription_by_name", "until unsubscribed");
/// Which events above its watermark a subscriber has settled.
pub static SETTLED_BY_SUBSCRIBER: Table<(String, u64), Present> =
    Table::new(0x25, "settled_by_subscriber", "until the watermark passes");

/// A subscriber's cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// All events up to and including this sequence are settled, delayed or dead.
    pub watermark: u64,
    /// Whether events were removed before it read them.
    pub gapped: bool,
    /// When it subscribed.
    pub created_at: Timestamp,
    /// When the watermark moved last.
    pub moved_at: Timestamp,
}

impl Record for Subscription {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "subscription";
}

/// A subscriber's cursor, if it has one.
pub fn find(reader: &impl Reader, name: &str) -> Result<Option<Subscription>, TxFault> {
    reader.get(&SUBSCRIPTION_BY_NAME, &name.to_owned())
}

/// All subscribers by name.
pub fn all(reader: &impl Reader) -> Result<Vec<(String, Subscription)>, TxFault> {
    reader.scan(&SUBSCRIPTION_BY_NAME, Scan::all())
}

/// Begins a subscription behind `watermark`, or sets an existing one back (or on) to it: then its marks are cleared, and
/// what lies behind is handed over again.
pub fn begin(tx: &mut Tx<'_>, name: &str, watermark: u64) -> Result<(), TxFault> {
    clear_marks(tx, name, u64::MAX)?;
    let now = tx.now();
    let subscription = match find(tx, name)? {
        Some(before) => Subscription { watermark, gapped: false, moved_at: now, ..before },
        None => Subscription { watermark, gapped: false, created_at: now, moved_at: now },
    };
    tx.put(&SUBSCRIPTION_BY_NAME, &name.to_owned(), &subscription)
}

/// Whether the subscriber is done with the event.
pub fn is_settled(reader: &impl Reader, name: &str, sequence: u64) -> Result<bool, TxFault> {
    if find(reader, name)?.is_some_and(|subscription| sequence <= subscription.watermark) {
        return Ok(true);
    }
    reader.has(&SETTLED_BY_SUBSCRIBER, &(name.to_owned(), sequence))
}

/// Marks the event as done; false if it was already, and then the effect must not be repeated.
pub fn settle(tx: &mut Tx<'_>, name: &str, sequence: u64) -> Result<bool, TxFault> {
    if is_settled(tx, name, sequence)? {
        return Ok(false);
    }
    tx.put(&SETTLED_BY_SUBSCRIBER, &(name.to_owned(), sequence), &Present)?;
    Ok(true)
}

/// The marks above the watermark behind `after`, in order, at most `limits::SCAN_MAX`.
pub fn marks(reader: &impl Reader, name: &str, after: u64) -> Result<Vec<u64>, TxFault> {
    let scan = Scan::prefix(&(name.to_owned(),)).after(&(name.to_owned(), after));
    Ok(reader.keys(&SETTLED_BY_SUBSCRIBER, scan)?.into_iter().map(|(_, sequence)| sequence).collect())
}

/// Moves the watermark on and clears the marks it passes. Never moves it back.
pub fn advance(tx: &mut Tx<'_>, name: &str, watermark: u64) -> Result<(), TxFault> {
    let Some(before) = find(tx, name)? else { return Ok(()) };
    if watermark <= before.watermark {
        return Ok(());
    }
    clear_marks(tx, name, watermark)?;
    let moved = Subscription { watermark, moved_at: tx.now(), ..before };
    tx.put(&SUBSCRIPTION_BY_NAME, &name.to_owned(), &moved)
}

/// Says that events were removed before the subscriber read them.
pub fn mark_gapped(tx: &mut Tx<'_>, name: &str) -> Result<(), TxFault> {
    let Some(before) = find(tx, name)? else { return Ok(()) };
    tx.put(&SUBSCRIPTION_BY_NAME, &name.to_owned(), &Subscription { gapped: true, ..before })
}

/// Ends a subscription.
pub fn remove(tx: &mut Tx<'_>, name: &str) -> Result<(), TxFault> {
    clear_marks(tx, name, u64::MAX)?;
    tx.delete(&SUBSCRIPTION_BY_NAME, &name.to_owned())
}

fn clear_marks(tx: &mut Tx<'_>, name: &str, up_to: u64) -> Result<(), TxFault> {
    loop {
        let marks = tx.keys(&SETTLED_BY_SUBSCRIBER, Scan::prefix(&(name.to_owned(),)))?;
        let passed = marks.iter().take_while(|(_, sequence)| *sequence <= up_to).count();
        for mark in &marks[..passed] {
            tx.delete(&SETTLED_BY_SUBSCRIBER, mark)?;
        }
        if passed == 0 {
            return Ok(());
        }
    }
}
