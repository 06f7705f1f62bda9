//! Logout: one session, or all of a user's. Answers the same whether there was anything to end.

use std::sync::Arc;

use super::{AuthContext, Call};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{Session, SessionEnd},
        event::{Event, EventKind, Personal},
    },
    persistence::{Tx, TxFault, Verdict, tables::session},
    types::{
        Fault,
        id::{SessionId, UserId},
    },
};

/// Ends one session, if it is still there.
pub(super) async fn run(context: Arc<AuthContext>, call: Call, ended: SessionId) -> Result<(), Fault> {
    context
        .store
        .old_write(context.write(&call).reclaim(), move |tx| {
            let Some(found) = session::find(tx, ended)? else { return Ok(Verdict::Discard(())) };
            end(tx, &found, SessionEnd::LoggedOut)?;
            note(tx, AuditAction::Logout, found.user)?;
            Ok(Verdict::Commit(()))
        })
        .await
}

/// Ends all sessions of a user.
pub(super) async fn run_all(context: Arc<AuthContext>, call: Call, user: UserId) -> Result<(), Fault> {
    context
        .store
        .old_write(context.write(&call).reclaim(), move |tx| {
            let sessions = session::of_user(tx, user)?;
            if sessions.is_empty() {
                return Ok(Verdict::Discard(()));
            }
            for found in &sessions {
                end(tx, found, SessionEnd::LoggedOutEverywhere)?;
            }
            note(tx, AuditAction::LogoutAll, user)?;
            Ok(Verdict::Commit(()))
        })
        .await
}

/// Removes a session and tells why. The one way in which sessions end.
pub(crate) fn end(tx: &mut Tx<'_>, ended: &Session, reason: SessionEnd) -> Result<(), TxFault> {
    session::remove(tx, ended.id)?;
    let (user, session) = (ended.user, ended.id);
    let kind = match reason {
        SessionEnd::LoggedOut => EventKind::UserLoggedOut { user, session },
        SessionEnd::ReuseDetected => EventKind::SessionReuseDetected { user, session },
        SessionEnd::LoggedOutEverywhere
        | SessionEnd::PasswordChanged
        | SessionEnd::PasswordReset
        | SessionEnd::Administrator
        | SessionEnd::Displaced
        | SessionEnd::UserDeleted => EventKind::SessionRevoked { user, session, reason },
    };
    let personal = Personal::of_call(tx.context());
    tx.emit(Event { subject: user, kind, personal })?;
    Ok(())
}

fn note(tx: &mut Tx<'_>, action: AuditAction, user: UserId) -> Result<(), TxFault> {
    tx.audit(AuditRecord { action, result: AuditResult::Done, subject: Some(user), detail: String::new() })
}
