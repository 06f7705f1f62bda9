//! Ending all sessions of somebody else.

use std::sync::Arc;

use super::{NoSuchUser, UserContext, change_status::end_all};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::SessionEnd,
    },
    persistence::{Verdict, Write, tables::user},
    types::{Call, EmailAddress, Fault},
};

/// Whose sessions end.
#[derive(Debug, Clone)]
pub struct EndSessions {
    /// The user's address.
    pub email: EmailAddress,
}

/// Gives how many have ended.
pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: EndSessions,
) -> Result<Result<usize, NoSuchUser>, Fault> {
    let write = Write::of(&call, context.system.stamp());
    context
        .store
        .old_write(write.reclaim(), move |tx| {
            let Some(found) = user::find_by_email(tx, &command.email)? else {
                return Ok(Verdict::Discard(Err(NoSuchUser)));
            };
            let ended = end_all(tx, found.id, SessionEnd::Administrator)?;
            tx.audit(AuditRecord {
                action: AuditAction::EndSession,
                result: AuditResult::Done,
                subject: Some(found.id),
                detail: format!("sessions={ended}"),
            })?;
            Ok(Verdict::Commit(Ok(ended)))
        })
        .await
}
