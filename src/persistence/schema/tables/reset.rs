//! Requests to reset a password, and when each ends.

use crate::{
    domain::auth::ResetRequest,
    persistence::machinery::{
        codec::{self, CodecFault},
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    persistence::schema::records::ResetRequestV1,
    types::{Timestamp, id::ResetId},
};

/// The records.
pub static RESET_BY_ID: Table<ResetId, ResetRequest> = Table::new(0x1d, "reset_by_id", "24 h at most");
/// Requests by end.
pub static RESET_BY_END: Table<(Timestamp, ResetId), Present> = Table::new(0x1e, "reset_by_end", "as reset_by_id");

impl Record for ResetRequest {
    const SCHEMA: u16 = 2;
    const NAME: &'static str = "reset_request";

    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        match schema {
            1 => codec::payload::<ResetRequestV1>(Self::NAME, payload).map(Self::from),
            _ => Err(CodecFault::Schema { record: Self::NAME, schema }),
        }
    }
}

/// The index row of a request.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, request) = row.decode(reader, &RESET_BY_ID)?;
    Ok(LinkedRows::default().with(&RESET_BY_END, &(request.expires_at, id)))
}

/// The request of an id; it may have ended.
pub fn find(reader: &impl Reader, id: ResetId) -> Result<Option<ResetRequest>, TxFault> {
    reader.get(&RESET_BY_ID, &id)
}

/// Writes a request, replacing the one of the same id.
pub fn put(tx: &mut Tx<'_>, request: &ResetRequest) -> Result<(), TxFault> {
    remove(tx, request.id)?;
    tx.put(&RESET_BY_ID, &request.id, request)?;
    tx.put(&RESET_BY_END, &(request.expires_at, request.id), &Present)
}

/// Removes a request, if there is one.
pub fn remove(tx: &mut Tx<'_>, id: ResetId) -> Result<(), TxFault> {
    let Some(before) = find(tx, id)? else { return Ok(()) };
    tx.delete(&RESET_BY_END, &(before.expires_at, id))?;
    tx.delete(&RESET_BY_ID, &id)
}

/// Removes requests that have ended, earliest first, at most `limit`; returns their number.
pub fn remove_ended(tx: &mut Tx<'_>, limit: usize) -> Result<usize, TxFault> {
    let ended = tx.keys(&RESET_BY_END, Scan::below(&super::end_of(tx.now())).limit(limit))?;
    for (_, id) in &ended {
        remove(tx, *id)?;
    }
    Ok(ended.len())
}
