//! Passes over all sealed tables: dropping values that no key opens, and resealing values under the newest key.

use futures::FutureExt as _;

use super::{
    base::BaseError,
    catalog::{StoreCatalog, TableRow},
    engine::{ByteScan, Direction},
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
    Ok(())
}

fn drop_batch(tx: &mut Tx<'_>, row: &TableRow) -> Result<usize, TxFault> {
    let rows = tx.scan_bytes(&whole(row, None))?;
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

/// The progress of a pass over all sealed tables: the last key that was read.
pub type LossPlace = Vec<u8>;

/// Reseals under the ring's newest key what an older one sealed, reading `limits::RESEALED_AT_ONCE` rows behind
/// `after`; returns where to continue, or `None` at the end. After a complete pass the older keys can be dropped from
/// the ring.
pub fn reseal(tx: &mut Tx<'_>, after: Option<&LossPlace>) -> Result<Option<LossPlace>, TxFault> {
    let mut sealed: Vec<&TableRow> = tx.catalog().sealed().collect();
    sealed.sort_by_key(|row| row.tag);
    let tag = after.and_then(|place| place.first().copied()).unwrap_or(0);
    let Some(row) = sealed.iter().find(|row| row.tag >= tag) else { return Ok(None) };
    let within = after.filter(|_| row.tag == tag).cloned();
    let rows = tx.scan_bytes(&whole(row, within))?;
    let last = rows.last().map(|(place, _)| place.clone());
    let full = rows.len() == limits::RESEALED_AT_ONCE;
    for (place, value) in rows {
        reseal_row(tx, row, place, &value)?;
    }
    Ok(match last {
        Some(place) if full => Some(place),
        Some(_) | None => Some(vec![row.tag + 1]),
    })
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

/// The rows of a table behind a key, bounded so that one transaction can hold them whatever their size.
fn whole(row: &TableRow, after: Option<LossPlace>) -> ByteScan {
    let (start, end) = prefix_range(vec![row.tag]);
    let scan = ByteScan { start, end, direction: Direction::Ascending, limit: limits::RESEALED_AT_ONCE };
    match after {
        Some(place) => scan.after(place),
        None => scan,
    }
}
