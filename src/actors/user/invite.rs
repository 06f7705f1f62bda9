//! Invites an address to register.

use std::{sync::Arc, time::Duration};

use super::{InvitationRules, UserContext, writes};
use crate::{
    domain::{
        audit::AuditRecord,
        event::Event,
        user::{Invitation, actions::UserAction, events::UserInvited},
    },
    persistence::{
        Decision, Tx, refuse,
        tables::{invitation, user},
    },
    supervision::Command,
    types::{Call, EmailAddress, Failure, Locale, limits},
};

/// Invites an address to register and voids its earlier invitation. Answers the invitation.
#[derive(Debug, Clone)]
pub struct Invite {
    /// The invited address; the code is mailed to it.
    pub email: EmailAddress,
    /// The language of the mail.
    pub locale: Option<Locale>,
}

/// The reason why the address is not invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteRefusal {
    /// A user has proven this address.
    EmailTaken,
    /// The last invitation of the address is too recent.
    TooSoon {
        /// The time until the address may be invited again.
        wait: Duration,
    },
}

impl Command<UserContext> for Invite {
    type Answer = Invitation;
    type Refusal = InviteRefusal;
    const KIND: &'static str = "invite";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<Invitation, Failure<InviteRefusal>> {
        let rules = context.invitations;
        context.store.decide(context.write(&call).growth(), move |tx| commit(tx, &self, rules)).await
    }
}

fn commit(tx: &mut Tx<'_>, command: &Invite, rules: InvitationRules) -> Decision<Invitation, InviteRefusal> {
    let now = tx.now();
    if user::find_by_email(tx, &command.email)?.is_some_and(|user| user.email_verified) {
        return refuse(InviteRefusal::EmailTaken);
    }
    if let Some(earlier) = invitation::find_by_email(tx, &command.email)? {
        let until = earlier.created_at.plus(rules.again_after);
        if now < until {
            return refuse(InviteRefusal::TooSoon { wait: until.since(now) });
        }
        writes::drop_invitation(tx, &earlier)?;
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
    let kind = UserInvited { invitation: made.id, expires_at: made.expires_at }.into();
    let event = Event { subject: made.invited(), kind, personal: writes::addressed(&made.email) };
    let entry = AuditRecord::done(UserAction::Invite, made.invited()).detail(format!("invitation={}", made.id));
    tx.record(event, entry)?;
    Ok(made)
}
