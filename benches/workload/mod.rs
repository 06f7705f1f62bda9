//! The writes of clients in benchmarks.
//!
//! Owns: the records, and the commit of a login. Must not know: how it is measured. Begin with `login`.

use majordomo::{
    domain::{
        audit::{AuditRecord, AuditResult},
        auth::{actions::AuthAction, events::UserLoginFailed},
        event::{Event, Personal},
    },
    persistence::{Record, Table, Tx, TxFault},
    types::id::UserId,
};

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Entry(pub Vec<u8>);

impl Record for Entry {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "entry";
}

/// Under the name of a sealed table of Majordomo, since the subkeys of those are derived once.
static ENTRY_BY_ID: Table<UserId, Entry> = Table::sealed(0xf0, "session_by_id", "");
/// By owner and id.
pub static ENTRY_BY_OWNER: Table<([u8; 16], UserId), Entry> = Table::new(0xf1, "entry_by_owner", "");

/// The commit of a login: a sealed record, its index, an event with sealed personal fields and an audit entry.
pub fn login(tx: &mut Tx<'_>, user: UserId) -> Result<(), TxFault> {
    let id: UserId = tx.id();
    tx.put(&ENTRY_BY_ID, &id, &Entry(vec![7; 200]))?;
    tx.put(&ENTRY_BY_OWNER, &(*user.as_bytes(), id), &Entry(Vec::new()))?;
    let personal = Personal { email: Some("somebody@example.com".to_owned()), ..Personal::default() };
    tx.emit(Event { subject: user, kind: UserLoginFailed { user }.into(), personal })?;
    tx.audit(AuditRecord {
        action: AuthAction::Login.into(),
        result: AuditResult::Done,
        subject: Some(user),
        detail: String::new(),
    })?;
    Ok(())
}
