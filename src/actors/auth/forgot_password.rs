//! A request to set a new password: one commit and one answer for every address.

use std::sync::Arc;

use super::{AuthContext, Call};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{ResetRequest, registration_rules},
        event::{Event, EventKind, Personal},
    },
    persistence::{
        Reader, Tx, TxFault, Verdict,
        tables::{registration, reset, user},
    },
    types::{
        EmailAddress, Fault, Timestamp,
        id::{ResetId, UserId},
    },
};

/// What everybody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetRequested {
    /// The request.
    pub request: ResetId,
    /// The latest time at which a code sent now runs out; a code that is sent again keeps its own end, which the mail
    /// names.
    pub expires_at: Timestamp,
    /// From when on one may be asked for again.
    pub resend_at: Timestamp,
}

pub(super) async fn run(context: Arc<AuthContext>, call: Call, email: EmailAddress) -> Result<ResetRequested, Fault> {
    let settings = context.settings.code.clone();
    context
        .store
        .old_write(context.write(&call), move |tx| {
            let now = tx.now();
            let request = ResetRequest {
                id: tx.id(),
                email: email.clone(),
                tries_left: u8::try_from(settings.tries).unwrap_or(u8::MAX),
                created_at: now,
                expires_at: now.plus(settings.lifetime),
            };
            reset::put(tx, &request)?;
            if let Some(owner) = owner_of(tx, &email, now)? {
                tell(tx, owner, request.id)?;
            }
            Ok(Verdict::Commit(ResetRequested {
                request: request.id,
                expires_at: request.expires_at,
                resend_at: now.plus(settings.resend_after),
            }))
        })
        .await
}

/// Whose password a code sent to the address may set: the user's or, if it was never verified, that of the newest
/// registration that lives.
pub(super) fn owner_of(reader: &impl Reader, email: &EmailAddress, now: Timestamp) -> Result<Option<UserId>, TxFault> {
    if let Some(user) = user::find_by_email(reader, email)? {
        return Ok(Some(user.id));
    }
    let waiting = registration::of_email(reader, email)?;
    Ok(registration_rules::newest_verifiable(&waiting, now).map(|found| found.id))
}

fn tell(tx: &mut Tx<'_>, owner: UserId, request: ResetId) -> Result<(), TxFault> {
    tx.emit(Event {
        subject: owner,
        kind: EventKind::PasswordResetRequested { user: owner, reset: request },
        personal: Personal::of_call(tx.context()),
    })?;
    tx.audit(AuditRecord {
        action: AuditAction::ForgotPassword,
        result: AuditResult::Done,
        subject: Some(owner),
        detail: format!("request={request}"),
    })
}
