//! The walk that corrects later dates after an operator accepted an earlier time.
//!
//! Each table whose records decide something by a date has a step. A step reads `limits::REDATED_AT_ONCE` rows, and its
//! place is stored in the same transaction, so that a crash loses nothing. A record with dates after now is written
//! again as if it was written now: its periods keep their length, so that a lock of an hour lasts an hour.

use std::time::Duration;

use super::{
    events,
    tables::{
        clock_acceptance, code, failure, invitation, notification, outcome, refused_codes, registration, reset,
        session, signing_key,
        subscription::{self, EventPlace},
        user,
    },
};
use crate::{
    domain::operations::{ClockAcceptance, RedatingPlace, RedatingRound},
    persistence::machinery::{
        key::TableKey,
        reader::{Reader as _, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{Timestamp, limits},
};

/// The result of a step of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redated {
    /// More rows are left.
    Further,
    /// The second round begins after this time.
    Waits(Duration),
    /// Nothing is left.
    Finished,
}

/// A step: reads a page of a table behind a key, and returns the key behind which the next page begins.
type RedatingStep = fn(&mut Tx<'_>, Option<&[u8]>) -> Result<Option<Vec<u8>>, TxFault>;

/// All steps, in their order. A place names a step by its number: new ones go to the end.
static STEPS: &[RedatingStep] = &[
    |tx, after| {
        walk(tx, &session::SESSION_BY_ID, after, |row, now| row.dated_by(now), |tx, _, row| session::update(tx, row))
    },
    |tx, after| walk(tx, &code::CODE_BY_OWNER, after, |row, now| row.dated_by(now), |tx, _, row| code::put(tx, row)),
    |tx, after| {
        walk(
            tx,
            &failure::FAILURE_BY_ORIGIN,
            after,
            |row, now| row.dated_by(now),
            |tx, key, row| tx.put(&failure::FAILURE_BY_ORIGIN, key, row),
        )
    },
    |tx, after| {
        walk(
            tx,
            &failure::FAILURE_BY_SUBJECT,
            after,
            |row, now| row.dated_by(now),
            |tx, key, row| tx.put(&failure::FAILURE_BY_SUBJECT, key, row),
        )
    },
    |tx, after| {
        walk(
            tx,
            &refused_codes::REFUSED_CODES_BY_SLOT,
            after,
            |row, now| row.dated_by(now),
            |tx, key, row| tx.put(&refused_codes::REFUSED_CODES_BY_SLOT, key, row),
        )
    },
    |tx, after| {
        walk(
            tx,
            &signing_key::SIGNING_KEY_BY_ID,
            after,
            |row, now| row.dated_by(now),
            |tx, _, row| signing_key::put(tx, row),
        )
    },
    |tx, after| walk(tx, &reset::RESET_BY_ID, after, |row, now| row.dated_by(now), |tx, _, row| reset::put(tx, row)),
    |tx, after| {
        walk(
            tx,
            &registration::REGISTRATION_BY_ID,
            after,
            |row, now| row.dated_by(now),
            |tx, id, row| {
                registration::remove(tx, *id)?;
                registration::insert(tx, row)
            },
        )
    },
    |tx, after| {
        walk(
            tx,
            &invitation::INVITATION_BY_ID,
            after,
            |row, now| row.dated_by(now),
            |tx, id, row| {
                invitation::remove(tx, *id)?;
                invitation::insert(tx, row)
            },
        )
    },
    |tx, after| walk(tx, &user::USER_BY_ID, after, |row, now| row.dated_by(now), |tx, _, row| user::replace(tx, row)),
    |tx, after| walk(tx, &outcome::OUTCOME_BY_KEY, after, outcome::shortened, outcome::replace),
    |tx, after| {
        walk(
            tx,
            &notification::NOTIFICATION_BY_ID,
            after,
            |row, now| row.dated_by(now),
            |tx, _, row| notification::insert(tx, row),
        )
    },
    |tx, after| {
        walk(
            tx,
            &notification::DELIVERY_BY_ID,
            after,
            |row, now| row.dated_by(now),
            |tx, _, row| notification::put_delivery(tx, row),
        )
    },
    |tx, after| {
        walk(
            tx,
            &notification::BUDGET_BY_OWNER,
            after,
            |row, now| row.dated_by(now),
            |tx, key, row| tx.put(&notification::BUDGET_BY_OWNER, key, row),
        )
    },
    |tx, after| {
        walk(
            tx,
            &subscription::DELAYED_BY_SUBJECT,
            after,
            |row, now| row.dated_by(now),
            |tx, key, row| {
                let (subscriber, subject, sequence) = key;
                subscription::delay(tx, EventPlace { subscriber, subject: *subject, sequence: *sequence }, row)
            },
        )
    },
    network_shares,
];

/// Removes what networks have caused of counts that were dated later: their keys hold the date.
fn network_shares(tx: &mut Tx<'_>, after: Option<&[u8]>) -> Result<Option<Vec<u8>>, TxFault> {
    let table = &refused_codes::REFUSED_CODES_BY_NETWORK;
    let (now, (rows, last)) = (tx.now(), page(tx, table, after)?);
    for (key, _) in rows.into_iter().filter(|(key, _)| key.0 > now) {
        tx.delete(table, &key)?;
    }
    Ok(last)
}

/// Records that an operator accepted the transaction's time, which is earlier than `before`, and starts the walk.
pub fn begin(tx: &mut Tx<'_>, before: Timestamp) -> Result<(), TxFault> {
    let acceptance = ClockAcceptance::new(tx.now(), before, events::head(tx)?);
    clock_acceptance::put(tx, &acceptance)
}

/// The next step of the walk, if one is left.
pub fn step(tx: &mut Tx<'_>) -> Result<Redated, TxFault> {
    let Some(acceptance) = clock_acceptance::find(tx)? else { return Ok(Redated::Finished) };
    let Some(place) = acceptance.walk.clone() else { return Ok(Redated::Finished) };
    let RedatingPlace { round, step, after } = place;
    let walk = match STEPS.get(usize::from(step)) {
        Some(walk) => Some(match walk(tx, after.as_deref())? {
            Some(last) => RedatingPlace { round, step, after: Some(last) },
            None => RedatingPlace { round, step: step + 1, after: None },
        }),
        None => match round {
            RedatingRound::First => {
                let wait = acceptance.at.plus(limits::REDATED_AGAIN_AFTER).since(tx.now());
                if !wait.is_zero() {
                    return Ok(Redated::Waits(wait));
                }
                Some(RedatingPlace { round: RedatingRound::Second, step: 0, after: None })
            }
            RedatingRound::Second => None,
        },
    };
    let left = if walk.is_some() { Redated::Further } else { Redated::Finished };
    // The head includes what was committed in the group of the acceptance.
    let events = if (round, step) == (RedatingRound::First, 0) { events::head(tx)? } else { acceptance.events };
    clock_acceptance::put(tx, &ClockAcceptance { events, walk, ..acceptance })?;
    Ok(left)
}

fn walk<K: TableKey, V: Record + PartialEq>(
    tx: &mut Tx<'_>,
    table: &Table<K, V>,
    after: Option<&[u8]>,
    dated: impl Fn(&V, Timestamp) -> V,
    put: impl Fn(&mut Tx<'_>, &K, &V) -> Result<(), TxFault>,
) -> Result<Option<Vec<u8>>, TxFault> {
    let (rows, last) = page(tx, table, after)?;
    for (key, row) in rows {
        let changed = dated(&row, tx.now());
        if changed != row {
            put(tx, &key, &changed)?;
        }
    }
    Ok(last)
}

/// Rows of a table, and the key behind which the next ones begin, if more may be left.
type TablePage<K, V> = (Vec<(K, V)>, Option<Vec<u8>>);

fn page<K: TableKey, V: Record>(
    tx: &Tx<'_>,
    table: &Table<K, V>,
    after: Option<&[u8]>,
) -> Result<TablePage<K, V>, TxFault> {
    let after = after.map(K::from_bytes).transpose();
    let after = after.map_err(|_| TxFault::Corrupt(format!("{}: a place does not decode", table.name)))?;
    let scan = Scan::all().limit(limits::REDATED_AT_ONCE);
    let rows = tx.scan(table, after.iter().fold(scan, Scan::after))?;
    let is_full = rows.len() == limits::REDATED_AT_ONCE;
    let last = rows.last().filter(|_| is_full).map(|(key, _)| key.to_bytes());
    Ok((rows, last))
}
