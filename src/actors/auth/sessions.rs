//! The sessions of a user: read, and ended one by one.

use std::sync::Arc;

use super::{AuthContext, Call, logout};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{Session, SessionEnd},
    },
    persistence::{Verdict, tables::session},
    types::{
        Fault,
        id::{SessionId, UserId},
    },
};

/// There is no such session, or it is another user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchSession;

/// A session of somebody's own.
#[derive(Debug, Clone, Copy)]
pub struct EndSession {
    /// Whose it has to be.
    pub user: UserId,
    /// Which.
    pub session: SessionId,
}

/// The sessions that live, the one used last first. A read of the store.
pub(super) fn list(context: &AuthContext, user: UserId) -> Result<Vec<Session>, Fault> {
    let now = context.system.clock().now();
    let mut sessions = context.store.read(|view| session::of_user(view, user))?;
    sessions.retain(|session| session.is_live(now));
    sessions.sort_by_key(|session| (std::cmp::Reverse(session.last_used_at), session.id));
    Ok(sessions)
}

pub(super) async fn end(
    context: Arc<AuthContext>,
    call: Call,
    command: EndSession,
) -> Result<Result<(), NoSuchSession>, Fault> {
    context
        .store
        .old_write(context.write(&call).reclaim(), move |tx| {
            let found = session::find(tx, command.session)?;
            let Some(own) = found.filter(|session| session.user == command.user && session.is_live(tx.now())) else {
                return Ok(Verdict::Discard(Err(NoSuchSession)));
            };
            logout::end(tx, &own, SessionEnd::LoggedOut)?;
            tx.audit(AuditRecord {
                action: AuditAction::EndSession,
                result: AuditResult::Done,
                subject: Some(own.user),
                detail: format!("session={}", own.id),
            })?;
            Ok(Verdict::Commit(Ok(())))
        })
        .await
}
