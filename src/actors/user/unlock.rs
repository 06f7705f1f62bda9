//! Letting somebody in again who was locked: the status, and the failures that locked them out.

use std::sync::Arc;

use super::{UserContext, change_status};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::lockout::Subject,
        user::{Status, User, transition::StatusCommand},
    },
    persistence::{
        Verdict, Write,
        tables::{failure, user},
    },
    types::{Call, EmailAddress, Fault},
};

/// Who is let in again.
#[derive(Debug, Clone)]
pub struct Unlock {
    /// The user's address.
    pub email: EmailAddress,
}

/// Why the user is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlockRefusal {
    /// No user has the address.
    NotFound,
    /// The user is shut out otherwise than by a lock.
    NotFrom(Status),
}

pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: Unlock,
) -> Result<Result<User, UnlockRefusal>, Fault> {
    let write = Write::of(&call, context.system.stamp());
    context
        .store
        .old_write(write.reclaim(), move |tx| {
            let Some(found) = user::find_by_email(tx, &command.email)? else {
                return Ok(Verdict::Discard(Err(UnlockRefusal::NotFound)));
            };
            let unlocked = match change_status::apply(tx, &found, StatusCommand::Unlock)? {
                Ok(unlocked) => unlocked,
                // No status keeps such a user out, failed logins may.
                Err(_no_way) if found.status == Status::Pending => found.clone(),
                Err(_no_way) => return Ok(Verdict::Discard(Err(UnlockRefusal::NotFrom(found.status)))),
            };
            failure::clear(tx, Subject::User(found.id))?;
            tx.audit(AuditRecord {
                action: AuditAction::Unlock,
                result: AuditResult::Done,
                subject: Some(found.id),
                detail: String::new(),
            })?;
            Ok(Verdict::Commit(Ok(unlocked)))
        })
        .await
}
