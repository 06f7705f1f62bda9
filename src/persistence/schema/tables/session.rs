//! Sessions, by user and by end. A stored session is valid, or has expired and waits to be removed.

use crate::{
    domain::auth::Session,
    persistence::machinery::{
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{
        Timestamp,
        id::{SessionId, UserId},
        limits,
    },
};

/// The records, sealed: each holds the seed of its refresh tokens.
pub static SESSION_BY_ID: Table<SessionId, Session> =
    Table::sealed(0x09, "session_by_id", "until ended, 30 days at most");
/// The sessions of each user.
pub static SESSION_BY_USER: Table<(UserId, SessionId), Present> =
    Table::new(0x0a, "session_by_user", "as session_by_id");
/// Sessions by end.
pub static SESSION_BY_END: Table<(Timestamp, SessionId), Present> =
    Table::new(0x0b, "session_by_end", "as session_by_id");

impl Record for Session {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "session";
}

/// The index rows of a session.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, session) = row.decode(reader, &SESSION_BY_ID)?;
    let linked = LinkedRows::default().with(&SESSION_BY_USER, &(session.user, id));
    Ok(linked.with(&SESSION_BY_END, &(end(&session), id)))
}

fn end(session: &Session) -> Timestamp {
    session.idle_until.min(session.ends_at)
}

/// The session of an id; it may have expired.
pub fn find(reader: &impl Reader, id: SessionId) -> Result<Option<Session>, TxFault> {
    reader.get(&SESSION_BY_ID, &id)
}

/// The sessions of a user, oldest first; some may have expired.
pub fn of_user(reader: &impl Reader, user: UserId) -> Result<Vec<Session>, TxFault> {
    let mut sessions = Vec::new();
    for (_, id) in reader.keys(&SESSION_BY_USER, Scan::prefix(&(user,)))? {
        sessions.extend(find(reader, id)?);
    }
    Ok(sessions)
}

/// The ids of sessions that have expired at `now`, earliest first, at most `limit`.
pub fn ended(reader: &impl Reader, now: Timestamp, limit: usize) -> Result<Vec<SessionId>, TxFault> {
    let scan = Scan::below(&super::end_of(now)).limit(limit);
    Ok(reader.keys(&SESSION_BY_END, scan)?.into_iter().map(|(_, id)| id).collect())
}

/// Adds a session.
pub fn insert(tx: &mut Tx<'_>, session: &Session) -> Result<(), TxFault> {
    tx.put(&SESSION_BY_ID, &session.id, session)?;
    tx.put(&SESSION_BY_USER, &(session.user, session.id), &Present)?;
    tx.put(&SESSION_BY_END, &(end(session), session.id), &Present)
}

/// Replaces the session of the same id.
pub fn update(tx: &mut Tx<'_>, session: &Session) -> Result<(), TxFault> {
    if let Some(before) = find(tx, session.id)?
        && end(&before) != end(session)
    {
        tx.delete(&SESSION_BY_END, &(end(&before), session.id))?;
    }
    insert(tx, session)
}

/// Removes the sessions that began before `time`, of the next `limits::RESEALED_AT_ONCE` behind `after`. Returns how
/// many it removed, and where to continue; `None`: at the end.
pub fn remove_begun_before(
    tx: &mut Tx<'_>,
    time: Timestamp,
    after: Option<SessionId>,
) -> Result<(usize, Option<SessionId>), TxFault> {
    let scan = after.map_or_else(Scan::all, |after| Scan::all().after(&after)).limit(limits::RESEALED_AT_ONCE);
    let rows = tx.scan(&SESSION_BY_ID, scan)?;
    let next = rows.last().map(|(id, _)| *id).filter(|_| rows.len() == limits::RESEALED_AT_ONCE);
    let mut removed = 0;
    for (id, session) in rows {
        if session.created_at < time {
            remove(tx, id)?;
            removed += 1;
        }
    }
    Ok((removed, next))
}

/// Removes a session, if there is one.
pub fn remove(tx: &mut Tx<'_>, id: SessionId) -> Result<(), TxFault> {
    let Some(before) = find(tx, id)? else { return Ok(()) };
    tx.delete(&SESSION_BY_USER, &(before.user, id))?;
    tx.delete(&SESSION_BY_END, &(end(&before), id))?;
    tx.delete(&SESSION_BY_ID, &id)
}
