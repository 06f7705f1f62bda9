//! Failed logins: by subject and origin, and by subject for the day. Identifiers are keyed hashes.

use crate::{
    domain::auth::lockout::{Counters, DayFailures, FORGOTTEN_AFTER, OriginFailures, RateOrigin, Subject},
    persistence::machinery::{
        key::{KeyBytes, TableKey, TableKeyFault},
        reader::{Reader, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{Network, id::UserId, limits},
};

/// Failures of one subject from one origin.
pub static FAILURE_BY_ORIGIN: Table<(Subject, RateOrigin), OriginFailures> =
    Table::new(0x18, "failure_by_origin", "24 h after the last attempt");
/// Failures of one subject from all networks in a day.
pub static FAILURE_BY_SUBJECT: Table<Subject, DayFailures> =
    Table::new(0x19, "failure_by_subject", "24 h after the first attempt");

impl Record for OriginFailures {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "origin_failures";
}

impl Record for DayFailures {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "day_failures";
}

impl TableKey for Subject {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::User(user) => {
                out.push(0);
                user.write(out);
            }
            Self::Identifier(hash) => {
                out.push(1);
                hash.write(out);
            }
        }
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        match bytes.take()? {
            [0] => UserId::read(bytes).map(Self::User),
            [1] => bytes.take().map(Self::Identifier),
            [_] => Err(TableKeyFault),
        }
    }
}

impl TableKey for RateOrigin {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Network(network) => {
                out.push(0);
                network.write(out);
            }
            Self::Device(device) => {
                out.push(1);
                device.write(out);
            }
        }
    }
    fn read(bytes: &mut KeyBytes<'_>) -> Result<Self, TableKeyFault> {
        match bytes.take()? {
            [0] => Network::read(bytes).map(Self::Network),
            [1] => bytes.take().map(Self::Device),
            [_] => Err(TableKeyFault),
        }
    }
}

/// Both counters of a login attempt.
pub fn find(reader: &impl Reader, subject: Subject, origin: RateOrigin) -> Result<Counters, TxFault> {
    Ok(Counters {
        origin: reader.get(&FAILURE_BY_ORIGIN, &(subject, origin))?,
        day: reader.get(&FAILURE_BY_SUBJECT, &subject)?,
    })
}

/// Writes both counters; a counter that is `None` is removed.
pub fn put(tx: &mut Tx<'_>, subject: Subject, origin: RateOrigin, counters: &Counters) -> Result<(), TxFault> {
    match &counters.origin {
        Some(failures) => tx.put(&FAILURE_BY_ORIGIN, &(subject, origin), failures)?,
        None => tx.delete(&FAILURE_BY_ORIGIN, &(subject, origin))?,
    }
    match &counters.day {
        Some(day) => tx.put(&FAILURE_BY_SUBJECT, &subject, day),
        None => tx.delete(&FAILURE_BY_SUBJECT, &subject),
    }
}

/// Removes the failures of a subject from one origin and, if the day counts that origin, those of the day.
pub fn forget_origin(tx: &mut Tx<'_>, subject: Subject, origin: RateOrigin) -> Result<(), TxFault> {
    tx.delete(&FAILURE_BY_ORIGIN, &(subject, origin))?;
    match origin {
        RateOrigin::Network(_) => tx.delete(&FAILURE_BY_SUBJECT, &subject),
        // The day does not count known devices, so its counter stays.
        RateOrigin::Device(_) => Ok(()),
    }
}

/// Removes all failures of a subject, from every origin.
pub fn clear(tx: &mut Tx<'_>, subject: Subject) -> Result<(), TxFault> {
    for key in tx.keys(&FAILURE_BY_ORIGIN, Scan::prefix(&(subject,)))? {
        tx.delete(&FAILURE_BY_ORIGIN, &key)?;
    }
    tx.delete(&FAILURE_BY_SUBJECT, &subject)
}

/// The progress of a pass over all counters: continue after this one; `None`: from the beginning.
pub type Walked = Option<(Subject, RateOrigin)>;

/// Removes expired counters, at most `limit`, among the next `limits::SCAN_MAX` rows of a pass; returns their number
/// and the progress. Counters are not ordered by time, so only a pass over all finds the expired ones.
pub fn remove_forgotten(tx: &mut Tx<'_>, walked: Walked, limit: usize) -> Result<(usize, Walked), TxFault> {
    let scan = Scan::all().limit(limits::SCAN_MAX);
    let rows = tx.scan(&FAILURE_BY_ORIGIN, walked.iter().fold(scan, Scan::after))?;
    let is_last = rows.len() < limits::SCAN_MAX;
    let (mut removed, mut came_to) = (0, None);
    for (key, failures) in rows {
        if removed == limit {
            return Ok((removed, came_to));
        }
        came_to = Some(key);
        if failures.last_at.plus(FORGOTTEN_AFTER) <= tx.now() {
            tx.delete(&FAILURE_BY_ORIGIN, &key)?;
            forget_day(tx, key.0)?;
            removed += 1;
        }
    }
    Ok((removed, came_to.filter(|_| !is_last)))
}

fn forget_day(tx: &mut Tx<'_>, subject: Subject) -> Result<(), TxFault> {
    match tx.get(&FAILURE_BY_SUBJECT, &subject)? {
        Some(day) if day.since.plus(FORGOTTEN_AFTER) <= tx.now() => tx.delete(&FAILURE_BY_SUBJECT, &subject),
        Some(_) | None => Ok(()),
    }
}
