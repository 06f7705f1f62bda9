//! The audit chain: linking an entry, verifying the chain, reading the bodies of entries.

use sha2::{Digest as _, Sha256};

use super::{AuditBody, AuditHead, AuditRow, log, read::entry, table};
use crate::{
    domain::audit::AuditLog,
    persistence::machinery::{
        codec::{self, CodecFault},
        keyring::Keyring,
        log::LogLink,
        reader::{Reader, TxFault, codec_fault},
        record::Record as _,
        scan::Scan,
    },
    types::limits,
};

/// The row of an encoded `AuditBody` after `before`.
pub(super) fn link(log: AuditLog, ring: &Keyring, (before, body): (AuditHead, Vec<u8>)) -> Result<LogLink, TxFault> {
    let hash = hash(log, before.number + 1, &before.hash, &body);
    let row = encoded(&AuditRow { previous: before.hash, hash, mac: ring.log_mac(&hash), body })?;
    Ok(LogLink { hash, row })
}

fn encoded(row: &AuditRow) -> Result<Vec<u8>, TxFault> {
    codec::encode(row).map_err(|fault| codec_fault(AuditRow::NAME, &fault))
}

fn decoded(row: &[u8]) -> Result<AuditRow, TxFault> {
    codec::decode::<AuditRow>(row).map_err(|fault| codec_fault(AuditRow::NAME, &fault))
}

/// Whether an encoded row has the hash of its content and was written with the ring. Its place in the chain is not
/// looked at.
pub(super) fn is_proven(log: AuditLog, ring: &Keyring, (number, row): (u64, &[u8])) -> Result<bool, TxFault> {
    let row = decoded(row)?;
    Ok(is_whole(log, ring, number, &row))
}

/// The encoded row with its MAC under the newest key; `None` if it has that.
pub(super) fn renewed(ring: &Keyring, row: &[u8]) -> Result<Option<Vec<u8>>, TxFault> {
    let row = decoded(row)?;
    let mac = ring.log_mac(&row.hash);
    if row.mac == mac { Ok(None) } else { encoded(&AuditRow { mac, ..row }).map(Some) }
}

/// The hash of the head after an encoded `AuditRow`.
pub(super) fn hash_of(row: &[u8]) -> Result<[u8; 32], TxFault> {
    Ok(decoded(row)?.hash)
}

fn hash(log: AuditLog, number: u64, previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"majordomo/audit/2/");
    digest.update(log.as_str());
    digest.update([0]);
    digest.update(number.to_be_bytes());
    digest.update(previous);
    digest.update(Sha256::digest(body));
    digest.finalize().into()
}

/// The head of a chain as it is stored.
pub fn head(reader: &impl Reader, log: AuditLog) -> Result<AuditHead, TxFault> {
    self::log(log).read_head(reader)
}

/// The link of this number, as a place from which to continue; 0: before the first.
pub fn at(reader: &impl Reader, log: AuditLog, number: u64) -> Result<Option<AuditHead>, TxFault> {
    if number == 0 {
        return Ok(Some(AuditHead::default()));
    }
    let row = reader.get(table(log), &number)?;
    Ok(row.map(|row| AuditHead { number, hash: row.hash }))
}

/// The progress of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// Valid up to here; continue from there.
    Further(AuditHead),
    /// Valid to the end.
    Whole(AuditHead),
    /// The entry of this number was changed, or an earlier one was changed, removed or added; or it was written without
    /// the key ring.
    Broken {
        /// The first entry that does not match.
        number: u64,
        /// The last entry that matches.
        last: AuditHead,
    },
}

/// Verifies up to `limits::SCAN_MAX` entries of a chain after `from` (`AuditHead::default()`: from the first); call it
/// again with the returned place until it returns `Whole` or `Broken`.
pub fn verify(reader: &impl Reader, log: AuditLog, from: AuditHead) -> Result<Walk, TxFault> {
    let rows = match reader.scan(table(log), Scan::all().after(&from.number)) {
        Ok(rows) => rows,
        // A row that does not decode was changed: find it one by one.
        Err(TxFault::Corrupt(_)) => return first_unreadable(reader, log, from),
        Err(fault) => return Err(fault),
    };
    let mut at = from;
    let full = rows.len() == limits::SCAN_MAX;
    for (number, row) in rows {
        if !follows(log, reader.ring(), at, (number, &row)) {
            return Ok(Walk::Broken { number, last: at });
        }
        at = AuditHead { number, hash: row.hash };
    }
    Ok(if full { Walk::Further(at) } else { Walk::Whole(at) })
}

fn follows(log: AuditLog, ring: &Keyring, at: AuditHead, (number, row): (u64, &AuditRow)) -> bool {
    number == at.number + 1 && row.previous == at.hash && is_whole(log, ring, number, row)
}

fn is_whole(log: AuditLog, ring: &Keyring, number: u64, row: &AuditRow) -> bool {
    row.hash == hash(log, number, &row.previous, &row.body) && ring.is_log_mac(&row.hash, &row.mac)
}

fn first_unreadable(reader: &impl Reader, log: AuditLog, from: AuditHead) -> Result<Walk, TxFault> {
    let mut at = from;
    for number in reader.keys(table(log), Scan::all().after(&from.number))? {
        match reader.get(table(log), &number) {
            Ok(Some(row)) if follows(log, reader.ring(), at, (number, &row)) => {
                at = AuditHead { number, hash: row.hash }
            }
            Ok(_) | Err(TxFault::Corrupt(_)) => return Ok(Walk::Broken { number, last: at }),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Walk::Further(at))
}

/// Reads the bodies of the entries after `from` up to `to`, at most `limits::SCAN_MAX`, and the personal fields in
/// them; the error names the entry whose body does not decode.
pub(in crate::persistence::schema) fn understand(
    reader: &impl Reader,
    log: AuditLog,
    from: AuditHead,
    to: AuditHead,
) -> Result<(), TxFault> {
    for (number, row) in reader.scan(table(log), Scan::all().after(&from.number))? {
        if number > to.number {
            break;
        }
        let named =
            |fault: &dyn std::fmt::Display| TxFault::Corrupt(format!("entry {number} of {}: {fault}", log.as_str()));
        let body: AuditBody = codec::decode(&row.body).map_err(|fault: CodecFault| named(&fault))?;
        entry(reader, log, AuditHead { number, hash: row.hash }, body).map_err(|fault| named(&fault))?;
    }
    Ok(())
}
