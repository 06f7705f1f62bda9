//! Inviting an address to register, and taking that back.

use std::sync::Arc;

use super::UserContext;
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        event::{Event, EventKind, Personal},
        user::Invitation,
    },
    persistence::{
        Tx, TxFault, Verdict, Write, persons,
        tables::{invitation, user},
    },
    types::{Call, EmailAddress, Fault, Locale, Timestamp, id::InvitationId},
};

/// Who is invited.
#[derive(Debug, Clone)]
pub struct Invite {
    /// The address that may register; the code is mailed to it.
    pub email: EmailAddress,
    /// The language of the mail.
    pub locale: Option<Locale>,
}

/// Why nobody is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteRefusal {
    /// The address is a user's already.
    EmailTaken,
    /// The address was invited just now.
    TooSoon {
        /// When it may be invited again.
        until: Timestamp,
    },
}

/// There is no such invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchInvitation;

pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: Invite,
) -> Result<Result<Invitation, InviteRefusal>, Fault> {
    let rules = context.invitations;
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()).growth(), move |tx| {
            let now = tx.now();
            if user::find_by_email(tx, &command.email)?.is_some_and(|user| user.email_verified) {
                return Ok(Verdict::Discard(Err(InviteRefusal::EmailTaken)));
            }
            if let Some(earlier) = invitation::find_by_email(tx, &command.email)? {
                let until = earlier.created_at.plus(rules.again_after);
                if now < until {
                    return Ok(Verdict::Discard(Err(InviteRefusal::TooSoon { until })));
                }
                drop_invitation(tx, &earlier)?;
            }
            let made = Invitation {
                id: tx.id(),
                email: command.email.clone(),
                locale: command.locale.clone(),
                code: tx.random(),
                invited_by: tx.context().principal().map(|principal| principal.user),
                created_at: now,
                expires_at: now.plus(rules.lifetime),
            };
            invitation::insert(tx, &made)?;
            tx.emit(Event {
                subject: made.guest(),
                kind: EventKind::UserInvited { invitation: made.id, expires_at: made.expires_at },
                personal: Personal { email: Some(made.email.as_str().to_owned()), ..Personal::of_call(tx.context()) },
            })?;
            audit(tx, AuditAction::Invite, &made)?;
            Ok(Verdict::Commit(Ok(made)))
        })
        .await
}

pub(super) async fn revoke(
    context: Arc<UserContext>,
    call: Call,
    id: InvitationId,
) -> Result<Result<(), NoSuchInvitation>, Fault> {
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()).reclaim(), move |tx| {
            let Some(found) = invitation::find(tx, id)?.filter(|found| found.is_live(tx.now())) else {
                return Ok(Verdict::Discard(Err(NoSuchInvitation)));
            };
            audit(tx, AuditAction::RevokeInvitation, &found)?;
            drop_invitation(tx, &found)?;
            Ok(Verdict::Commit(Ok(())))
        })
        .await
}

/// Removes an invitation with its guest's key.
pub(crate) fn drop_invitation(tx: &mut Tx<'_>, gone: &Invitation) -> Result<(), TxFault> {
    invitation::remove(tx, gone.id)?;
    persons::erase(tx, gone.guest())
}

/// Removes the invitation of an address, which has served: its guest is a user.
pub(crate) fn drop_invitation_of(tx: &mut Tx<'_>, email: &EmailAddress) -> Result<(), TxFault> {
    match invitation::find_by_email(tx, email)? {
        Some(served) => drop_invitation(tx, &served),
        None => Ok(()),
    }
}

fn audit(tx: &mut Tx<'_>, action: AuditAction, about: &Invitation) -> Result<(), TxFault> {
    tx.audit(AuditRecord {
        action,
        result: AuditResult::Done,
        subject: Some(about.guest()),
        detail: format!("invitation={}", about.id),
    })
}
