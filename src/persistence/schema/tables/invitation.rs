//! Invitations to register, by address and by end.

use crate::{
    domain::user::Invitation,
    persistence::machinery::{
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{EmailAddress, Page, PageLimit, Timestamp, id::InvitationId},
};

/// The records.
pub static INVITATION_BY_ID: Table<InvitationId, Invitation> = Table::sealed(0x2a, "invitation_by_id", "30 d at most");
/// The invitation of an address, by its normal form: at most one.
pub static INVITATION_ID_BY_EMAIL: Table<String, InvitationId> =
    Table::new(0x2b, "invitation_id_by_email", "as invitation_by_id");
/// Invitations by end.
pub static INVITATION_BY_END: Table<(Timestamp, InvitationId), Present> =
    Table::new(0x2c, "invitation_by_end", "as invitation_by_id");

impl Record for Invitation {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "invitation";
}

/// The index rows of an invitation.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, invitation) = row.decode(reader, &INVITATION_BY_ID)?;
    let linked = LinkedRows::default().with(&INVITATION_ID_BY_EMAIL, &invitation.email.normal());
    Ok(linked.with(&INVITATION_BY_END, &(invitation.expires_at, id)))
}

/// The invitation of an id; it may have ended.
pub fn find(reader: &impl Reader, id: InvitationId) -> Result<Option<Invitation>, TxFault> {
    reader.get(&INVITATION_BY_ID, &id)
}

/// The invitation of an address; it may have ended.
pub fn find_by_email(reader: &impl Reader, email: &EmailAddress) -> Result<Option<Invitation>, TxFault> {
    match reader.get(&INVITATION_ID_BY_EMAIL, &email.normal())? {
        Some(id) => find(reader, id),
        None => Ok(None),
    }
}

/// Invitations, newest first.
pub fn page(
    reader: &impl Reader,
    after: Option<InvitationId>,
    limit: PageLimit,
) -> Result<Page<Invitation, InvitationId>, TxFault> {
    let scan = Scan::all().backward().limit(limit.rows() + 1);
    let mut found = reader.scan(&INVITATION_BY_ID, after.iter().fold(scan, Scan::after))?;
    let more = found.len() > limit.rows();
    found.truncate(limit.rows());
    let next = found.last().filter(|_| more).map(|(id, _)| *id);
    Ok(Page { rows: found.into_iter().map(|(_, row)| row).collect(), next })
}

/// The ids of invitations that have ended at `now`, earliest first, at most `limit`.
pub fn ended(reader: &impl Reader, now: Timestamp, limit: usize) -> Result<Vec<InvitationId>, TxFault> {
    let scan = Scan::below(&super::end_of(now)).limit(limit);
    Ok(reader.keys(&INVITATION_BY_END, scan)?.into_iter().map(|(_, id)| id).collect())
}

/// Adds an invitation; its address must have no other.
pub fn insert(tx: &mut Tx<'_>, invitation: &Invitation) -> Result<(), TxFault> {
    tx.put(&INVITATION_BY_ID, &invitation.id, invitation)?;
    tx.put(&INVITATION_ID_BY_EMAIL, &invitation.email.normal(), &invitation.id)?;
    tx.put(&INVITATION_BY_END, &(invitation.expires_at, invitation.id), &Present)
}

/// Removes an invitation, if there is one.
pub fn remove(tx: &mut Tx<'_>, id: InvitationId) -> Result<(), TxFault> {
    let Some(before) = find(tx, id)? else { return Ok(()) };
    tx.delete(&INVITATION_ID_BY_EMAIL, &before.email.normal())?;
    tx.delete(&INVITATION_BY_END, &(before.expires_at, id))?;
    tx.delete(&INVITATION_BY_ID, &id)
}
