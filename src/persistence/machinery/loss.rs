//! Passes over all sealed tables and all logs with MACs: dropping values that no key opens, and resealing values under
//! the newest key.

use futures::FutureExt as _;

use super::{
    base::BaseError,
    catalog::{StoreCatalog, TableRow},
    engine::{ByteScan, Direction},
    log::Log,
    reader::{ByteReader as _, TxFault, sealed_fault},
    scan::prefix_range,
    sealing::{self, SealContext},
    store::Store,
    tx::Tx,
    writer::{Write, step::StoreWriter},
};
use crate::types::{CallContext, Entropy, Fault, Work, limits};

/// Removes all rows of sealed tables and of the indexes that lead to them, in batches.
pub(super) fn drop_sealed(
    store: &Store,
    writer: &mut StoreWriter,
    entropy: &dyn Entropy,
    catalog: &'static StoreCatalog,
) -> Result<(), BaseError> {
    let dropped = catalog.tables.iter().filter(|row| row.is_sealed() || catalog.leads_to_sealed(row));
    for row in dropped {
        while step(store, writer, entropy, move |tx| drop_batch(tx, row))? > 0 {}
    }
    // No key opens the MACs of before: the rows are taken as they are.
    for log in catalog.logs {
        let mut place = None;
        loop {
            let after = place.clone();
            place = step(store, writer, entropy, move |tx| renew_log(tx, log, after.clone(), LogTrust::AsItIs))?;
            if place.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Whether the rows of a log have to be proven before they get another MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogTrust {
    /// The key of their MACs is lost.
    AsItIs,
    /// A row that was written without the key ring is an error: another MAC would hide it.
    Proven,
}

/// Renews the MACs of the next rows of a log behind `after`; returns where to continue, or `None` at the end.
fn renew_log(
    tx: &mut Tx<'_>,
    log: &'static Log,
    after: Option<LossPlace>,
    trust: LogTrust,
) -> Result<Option<LossPlace>, TxFault> {
    let Some(proof) = &log.proof else { return Ok(None) };
    let rows = tx.scan_bytes(&whole(log.tag, after))?;
    let last = rows.last().map(|(place, _)| place.clone()).filter(|_| rows.len() == limits::RESEALED_AT_ONCE);
    for (place, row) in rows {
        let number = log.number(&place).unwrap_or(0);
        if trust == LogTrust::Proven && !(proof.check)(tx.ring(), number, &row)? {
            let found = format!("entry {number} of {} was written without the key ring", log.name);
            return Err(TxFault::Corrupt(found));
        }
        if let Some(renewed) = (proof.renew)(tx.ring(), &row)? {
            tx.set_bytes(place, Some(renewed))?;
        }
    }
    Ok(last)
}

fn drop_batch(tx: &mut Tx<'_>, row: &TableRow) -> Result<usize, TxFault> {
    let rows = tx.scan_bytes(&whole(row.tag, None))?;
    let count = rows.len();
    for (place, _) in rows {
        tx.set_bytes(place, None)?;
    }
    Ok(count)
}

/// Runs one transaction on a writer that the caller drives.
fn step<T: Send + 'static>(
    store: &Store,
    writer: &mut StoreWriter,
    entropy: &dyn Entropy,
    f: impl Fn(&mut Tx<'_>) -> Result<T, TxFault> + Send + 'static,
) -> Result<T, BaseError> {
    let clock = store.clock();
    let work = Work::until(clock.instant() + limits::WRITER_LOST);
    let stamp = crate::types::clock::stamp(clock.as_ref(), entropy);
    let write = Write::new(work, stamp, CallContext::service("store", "recover")).reclaim();
    let mut answer = Box::pin(store.write(write, f));
    let early = answer.as_mut().now_or_never();
    writer.step();
    let answer = early.or_else(|| answer.now_or_never()).unwrap_or(Err(Fault::Unavailable));
    answer.map_err(|fault| BaseError::Io { step: "dropping sealed values", source: std::io::Error::other(fault) })
}

/// The progress of a pass over all sealed tables and logs: the last key that was read.
pub type LossPlace = Vec<u8>;

/// Reseals under the ring's newest key what an older one sealed, and renews the MACs of the logs, reading
/// `limits::RESEALED_AT_ONCE` rows behind `after`; returns where to continue, or `None` at the end. After a complete
/// pass the older keys can be dropped from the ring.
pub fn reseal(tx: &mut Tx<'_>, after: Option<&LossPlace>) -> Result<Option<LossPlace>, TxFault> {
    let sealed = tx.catalog().sealed().map(|row| (row.tag, Resealed::Table(row)));
    let logs = tx.catalog().logs.iter().map(|log| (log.tag, Resealed::Log(log)));
    let mut all: Vec<_> = sealed.chain(logs).collect();
    all.sort_by_key(|(tag, _)| *tag);
    let from = after.and_then(|place| place.first().copied()).unwrap_or(0);
    let Some((tag, next)) = all.into_iter().find(|(tag, _)| *tag >= from) else { return Ok(None) };
    let within = after.filter(|_| tag == from).cloned();
    let last = match next {
        Resealed::Table(row) => reseal_table(tx, row, within)?,
        Resealed::Log(log) => renew_log(tx, log, within, LogTrust::Proven)?,
    };
    Ok(Some(last.unwrap_or_else(|| vec![tag + 1])))
}

/// What holds something that a key made.
enum Resealed {
    Table(&'static TableRow),
    Log(&'static Log),
}

/// Reseals the next rows of a table behind `after`; returns where to continue, or `None` at the end.
fn reseal_table(tx: &mut Tx<'_>, row: &TableRow, after: Option<LossPlace>) -> Result<Option<LossPlace>, TxFault> {
    let rows = tx.scan_bytes(&whole(row.tag, after))?;
    let last = rows.last().map(|(place, _)| place.clone()).filter(|_| rows.len() == limits::RESEALED_AT_ONCE);
    for (place, value) in rows {
        reseal_row(tx, row, place, &value)?;
    }
    Ok(last)
}

fn reseal_row(tx: &mut Tx<'_>, row: &TableRow, place: Vec<u8>, value: &[u8]) -> Result<(), TxFault> {
    let fault = |fault| sealed_fault(row.name, &fault);
    if sealing::key_id(value).map_err(fault)? == tx.ring().newest() {
        return Ok(());
    }
    let salt = tx.random();
    let plain = tx.ring().unseal(row.name, &place, value).map_err(fault)?;
    let sealed = tx.ring().seal(row.name, &SealContext { associated: &place, salt }, &plain).map_err(fault)?;
    tx.set_bytes(place, Some(sealed))
}

/// The rows of a table or log behind a key, bounded so that one transaction can hold them whatever their size.
fn whole(tag: u8, after: Option<LossPlace>) -> ByteScan {
    let (start, end) = prefix_range(vec![tag]);
    let scan = ByteScan { start, end, direction: Direction::Ascending, limit: limits::RESEALED_AT_ONCE };
    match after {
        Some(place) => scan.after(place),
        None => scan,
    }
}
