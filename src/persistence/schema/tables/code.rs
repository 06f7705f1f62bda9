//! One-time codes: one for each owner and purpose, and when each is due.

use std::time::Duration;

use crate::{
    domain::otp::{CodePurpose, CodeStage, OneTimeCode},
    persistence::machinery::{
        codec::{self, CodecFault},
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    persistence::schema::records::OneTimeCodeV1,
    types::{Timestamp, id::UserId},
};

/// The records, sealed; the byte is `CodePurpose::as_byte`.
pub static CODE_BY_OWNER: Table<(UserId, u8), OneTimeCode> =
    Table::sealed(0x0c, "code_by_owner", "24 h after the last send");
/// When a valid code expires, and when one that is not valid may be removed.
pub static CODE_BY_DUE: Table<(Timestamp, UserId, u8), Present> = Table::new(0x0d, "code_by_due", "as code_by_owner");

/// The period that the sending limits count.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);

impl Record for OneTimeCode {
    const SCHEMA: u16 = 2;
    const NAME: &'static str = "code";

    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        match schema {
            1 => codec::payload::<OneTimeCodeV1>(Self::NAME, payload).map(Self::from),
            _ => Err(CodecFault::Schema { record: Self::NAME, schema }),
        }
    }
}

/// The index row of a code.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let ((owner, purpose), code) = row.decode(reader, &CODE_BY_OWNER)?;
    Ok(LinkedRows::default().with(&CODE_BY_DUE, &(due(&code), owner, purpose)))
}

/// When the code is due: at its expiry while it is valid, else when its sends no longer count.
pub fn due(code: &OneTimeCode) -> Timestamp {
    match code.state {
        CodeStage::Live => code.expires_at,
        CodeStage::Used | CodeStage::Void => {
            let last_sent = code.sendings.last().map_or(code.issued_at, |sent| sent.at);
            last_sent.plus(REMEMBERED).max(code.expires_at)
        }
    }
}

/// The code of an owner for a purpose; it may have expired.
pub fn find(reader: &impl Reader, owner: UserId, purpose: CodePurpose) -> Result<Option<OneTimeCode>, TxFault> {
    reader.get(&CODE_BY_OWNER, &(owner, purpose.as_byte()))
}

/// All codes of an owner; some may have expired.
pub fn of_owner(reader: &impl Reader, owner: UserId) -> Result<Vec<OneTimeCode>, TxFault> {
    Ok(reader.scan(&CODE_BY_OWNER, Scan::prefix(&(owner,)))?.into_iter().map(|(_, code)| code).collect())
}

/// The codes that are due at `now`, earliest first, at most `limit`.
pub fn all_due(reader: &impl Reader, now: Timestamp, limit: usize) -> Result<Vec<OneTimeCode>, TxFault> {
    let scan = Scan::below(&(now.plus(super::TICK), super::first_user(), 0)).limit(limit);
    let mut codes = Vec::new();
    for (_, owner, purpose) in reader.keys(&CODE_BY_DUE, scan)? {
        codes.extend(reader.get(&CODE_BY_OWNER, &(owner, purpose))?);
    }
    Ok(codes)
}

/// Writes the code of its owner and purpose, replacing the previous one.
pub fn put(tx: &mut Tx<'_>, code: &OneTimeCode) -> Result<(), TxFault> {
    remove(tx, code.owner, code.purpose)?;
    let purpose = code.purpose.as_byte();
    tx.put(&CODE_BY_OWNER, &(code.owner, purpose), code)?;
    tx.put(&CODE_BY_DUE, &(due(code), code.owner, purpose), &Present)
}

/// Removes a code, if there is one.
pub fn remove(tx: &mut Tx<'_>, owner: UserId, purpose: CodePurpose) -> Result<(), TxFault> {
    let Some(before) = find(tx, owner, purpose)? else { return Ok(()) };
    tx.delete(&CODE_BY_DUE, &(due(&before), owner, purpose.as_byte()))?;
    tx.delete(&CODE_BY_OWNER, &(owner, purpose.as_byte()))
}

/// Removes all codes of an owner.
pub fn remove_all(tx: &mut Tx<'_>, owner: UserId) -> Result<(), TxFault> {
    for code in of_owner(tx, owner)? {
        remove(tx, owner, code.purpose)?;
    }
    Ok(())
}
