//! From an event to a notification and its delivery, in the commit that settles the event.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{actor::NotifierMessage, context::NotifierContext};
use crate::{
    actors::relay::{HandOver, NotTaken, Subscriber},
    domain::{
        event::{Event, EventEnvelope, EventKind, EventType, Personal},
        notification::{
            Category, Channel, CodeReference, Delivery, DeliveryState, Facts, Notification, Suppression, TemplateName,
            describe,
        },
        otp::CodePurpose,
    },
    persistence::{
        Reader, Tx, TxFault, Verdict,
        tables::{invitation, notification, registration, user},
    },
    supervision::Addr,
    types::{
        Locale, Timestamp,
        id::{InvitationId, UserId},
    },
};

/// The notifier's ear.
pub struct NotifierSubscriber {
    context: Arc<NotifierContext>,
    addr: Addr<NotifierMessage>,
}

impl NotifierSubscriber {
    /// Takes events on, and wakes the senders at `addr`.
    pub fn new(context: Arc<NotifierContext>, addr: Addr<NotifierMessage>) -> Self {
        Self { context, addr }
    }
}

impl Subscriber for NotifierSubscriber {
    fn name(&self) -> &'static str {
        "notifier"
    }

    fn types(&self) -> &'static [EventType] {
        &[
            EventType::UserRegistrationRepeated,
            EventType::UserVerified,
            EventType::UserLoggedIn,
            EventType::UserLockedOut,
            EventType::SessionReuseDetected,
            EventType::OtpVerificationRequired,
            EventType::OtpPasswordReset,
            EventType::PasswordResetCompleted,
            EventType::PasswordChanged,
            EventType::UserInvited,
        ]
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        Box::pin(async move {
            let Some(plan) = plan(&hand_over.event) else { return Ok(()) };
            let same_kind_every = self.context.same_kind_every;
            let write = hand_over.write();
            let taken = self.context.store.old_write(write, move |tx| {
                if !hand_over.settle(tx)? {
                    return Ok(Verdict::Discard(()));
                }
                take_on(tx, &hand_over.event, &plan, same_kind_every)?;
                Ok(Verdict::Commit(()))
            });
            taken.await?;
            self.addr.nudge(|| NotifierMessage::LookDue);
            Ok(())
        })
    }
}

/// What is to be said because of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    owner: UserId,
    template: TemplateName,
    code: Option<CodeReference>,
    until: Option<Timestamp>,
}

fn plan(event: &EventEnvelope) -> Option<Plan> {
    let say = |owner, template| Some(Plan { owner, template, code: None, until: None });
    match event.kind {
        EventKind::OtpVerificationRequired { owner, code, purpose, expires_at } => {
            let template = match purpose {
                CodePurpose::VerifyEmail => TemplateName::VerificationCode,
                CodePurpose::StepUp => TemplateName::StepUpCode,
                CodePurpose::VerifyPhone => TemplateName::PhoneCode,
                CodePurpose::ResetPassword => TemplateName::ResetCode,
            };
            let code = Some(CodeReference { owner, purpose, code });
            Some(Plan { owner, template, code, until: Some(expires_at) })
        }
        EventKind::OtpPasswordReset { owner, code, expires_at } => {
            let code = Some(CodeReference { owner, purpose: CodePurpose::ResetPassword, code });
            Some(Plan { owner, template: TemplateName::ResetCode, code, until: Some(expires_at) })
        }
        EventKind::UserVerified { user } => say(user, TemplateName::Welcome),
        EventKind::UserRegistrationRepeated { user } => say(user, TemplateName::AddressTaken),
        EventKind::PasswordChanged { user } | EventKind::PasswordResetCompleted { user } => {
            say(user, TemplateName::PasswordChanged)
        }
        // The very first sign-in is on a new device too, and no news to the one who has just registered.
        EventKind::UserLoggedIn { user, new_device: true, first_login: false, .. } => {
            say(user, TemplateName::NewDevice)
        }
        EventKind::UserLockedOut { user, until } => {
            Some(Plan { owner: user, template: TemplateName::LockedOut, code: None, until: Some(until) })
        }
        EventKind::UserInvited { invitation, expires_at } => {
            let (owner, template) = (UserId::from(invitation.uuid()), TemplateName::Invitation);
            Some(Plan { owner, template, code: None, until: Some(expires_at) })
        }
        EventKind::SessionReuseDetected { user, .. } => say(user, TemplateName::SessionEnded),
        EventKind::UserLoggedIn { .. }
        | EventKind::UserRegistered { .. }
        | EventKind::UserUpdated { .. }
        | EventKind::UserDeleted { .. }
        | EventKind::UserRoleChanged { .. }
        | EventKind::UserStatusChanged { .. }
        | EventKind::UserLoginFailed { .. }
        | EventKind::UserLoggedOut { .. }
        | EventKind::SessionRefreshed { .. }
        | EventKind::SessionRevoked { .. }
        | EventKind::OtpSent { .. }
        | EventKind::OtpVerified { .. }
        | EventKind::OtpFailed { .. }
        | EventKind::OtpExpired { .. }
        | EventKind::PasswordResetRequested { .. }
        | EventKind::NotificationQueued { .. }
        | EventKind::NotificationDelivered { .. }
        | EventKind::NotificationFailed { .. }
        | EventKind::NotificationSuppressed { .. } => None,
    }
}

/// Whom a message goes to: always the stored address or number.
struct Recipient {
    to: String,
    locale: Option<Locale>,
    first_name: Option<String>,
}

/// The guest of an invitation; the user, if the address is proven or a code is to prove it; else the registration, for
/// codes alone. What a stranger typed into a registration is left behind.
fn recipient(reader: &impl Reader, plan: &Plan) -> Result<Option<Recipient>, TxFault> {
    if plan.template == TemplateName::Invitation {
        let invited = invitation::find(reader, InvitationId::from(plan.owner.uuid()))?;
        return Ok(invited.map(|invited| Recipient {
            to: invited.email.as_str().to_owned(),
            locale: invited.locale,
            first_name: None,
        }));
    }
    let is_code = plan.template.category() == Category::Code;
    if let Some(user) = user::find(reader, plan.owner)? {
        let to = match plan.template.channel() {
            Channel::Email => (is_code || user.email_verified).then(|| user.email.as_str().to_owned()),
            Channel::Sms => user.phone.map(String::from),
        };
        let (locale, first_name) = (user.locale, user.first_name.map(String::from));
        return Ok(to.map(|to| Recipient { to, locale, first_name }));
    }
    if !is_code {
        return Ok(None);
    }
    Ok(registration::find(reader, plan.owner)?.map(|waiting| Recipient {
        to: waiting.email.as_str().to_owned(),
        locale: waiting.locale,
        first_name: None,
    }))
}

fn take_on(tx: &mut Tx<'_>, event: &EventEnvelope, plan: &Plan, same_kind_every: Duration) -> Result<(), TxFault> {
    let Some(recipient) = recipient(tx, plan)? else { return Ok(()) };
    let now = tx.now();
    let (template, owner) = (plan.template, plan.owner);
    let mut delivery = Delivery {
        id: tx.id(),
        notification: tx.id(),
        owner,
        template,
        channel: template.channel(),
        lane: template.category().lane(),
        to: recipient.to,
        state: DeliveryState::Queued { due: now },
        attempts: Vec::new(),
        created_at: now,
        expires_at: now.plus(template.worth_sending_for()),
    };
    if let (Some(_), Some(until)) = (plan.code, plan.until) {
        delivery.expires_at = until;
    }
    notification::insert(
        tx,
        &Notification {
            id: delivery.notification,
            owner,
            template,
            locale: recipient.locale,
            cause: Some(event.id),
            facts: Facts {
                at: event.time,
                ip_address: event.personal.ip_address.clone(),
                device: event.personal.user_agent.as_deref().and_then(describe),
                first_name: recipient.first_name,
                until: plan.until,
            },
            code: plan.code,
            deliveries: vec![delivery.id],
            created_at: now,
        },
    )?;
    if !may_send_more(tx, (owner, template), same_kind_every)? {
        return suppress(tx, delivery, Suppression::RateLimit);
    }
    supersede_older(tx, &delivery)?;
    notification::put_delivery(tx, &delivery)?;
    let kind = EventKind::NotificationQueued {
        notification: delivery.notification,
        delivery: delivery.id,
        template: template.as_str().to_owned(),
    };
    tx.emit(Event { subject: owner, kind, personal: Personal::default() })?;
    Ok(())
}

/// A code's older mail that still waits says nothing that the newer one does not say.
fn supersede_older(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), TxFault> {
    let Some(kind) = delivery.collapses_with() else { return Ok(()) };
    for older in notification::waiting_of_kind(tx, kind)? {
        match older.state {
            DeliveryState::Queued { .. } | DeliveryState::Failed { .. } => {
                suppress(tx, older, Suppression::Superseded)?;
            }
            // In a sender's hands: it is let go.
            DeliveryState::Sending { .. }
            | DeliveryState::Sent { .. }
            | DeliveryState::Delivered { .. }
            | DeliveryState::Bounced { .. }
            | DeliveryState::Suppressed { .. }
            | DeliveryState::Dead { .. } => {}
        }
    }
    Ok(())
}

/// Whether the owner may be sent one more of the template; if so it is counted.
fn may_send_more(
    tx: &mut Tx<'_>,
    (owner, template): (UserId, TemplateName),
    same_kind_every: Duration,
) -> Result<bool, TxFault> {
    let before = notification::budget(tx, owner, template)?;
    let mut budget = before.clone();
    let has_room = budget.take(template, tx.now(), same_kind_every);
    if budget != before {
        notification::put_budget(tx, (owner, template), &budget)?;
    }
    Ok(has_room)
}

/// Ends a delivery that is not sent, on purpose, and says so.
pub(super) fn suppress(tx: &mut Tx<'_>, mut delivery: Delivery, reason: Suppression) -> Result<(), TxFault> {
    delivery.state = DeliveryState::Suppressed { at: tx.now(), reason };
    notification::put_delivery(tx, &delivery)?;
    let kind = EventKind::NotificationSuppressed {
        notification: delivery.notification,
        delivery: delivery.id,
        template: delivery.template.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
    };
    tx.emit(Event { subject: delivery.owner, kind, personal: Personal::default() })?;
    Ok(())
}
