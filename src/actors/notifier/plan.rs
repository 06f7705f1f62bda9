//! Which notification an event leads to. Pure.

use crate::{
    domain::{
        event::{EventEnvelope, EventKind},
        notification::{CodeReference, TemplateName},
        otp::CodePurpose,
    },
    types::{Timestamp, id::UserId},
};

/// What a user is to be told because of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    pub(super) owner: UserId,
    pub(super) template: TemplateName,
    /// The code that it carries; its delivery ends with the code.
    pub(super) code: Option<CodeReference>,
    /// The end that it names.
    pub(super) until: Option<Timestamp>,
}

/// What comes of an event here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventPlan {
    /// A notification.
    Notify(Notice),
    /// Nothing: an event of a type that is heard, in a case that no user has to hear of.
    Nothing,
    /// The type is none of those that the catalogue has the notifier hear.
    NotHeard,
}

/// What comes of `event`. The test below holds it against the catalogue, in both directions.
pub(super) fn plan(event: &EventEnvelope) -> EventPlan {
    let notify = |owner, template| EventPlan::Notify(Notice { owner, template, code: None, until: None });
    match event.kind {
        EventKind::OtpVerificationRequired { owner, code, purpose, expires_at } => {
            of_code(CodeReference { owner, purpose, code }, expires_at)
        }
        EventKind::OtpPasswordReset { owner, code, expires_at } => {
            of_code(CodeReference { owner, purpose: CodePurpose::ResetPassword, code }, expires_at)
        }
        EventKind::UserVerified { user } => notify(user, TemplateName::Welcome),
        EventKind::UserRegistrationRepeated { user } => notify(user, TemplateName::AddressTaken),
        EventKind::PasswordChanged { user } | EventKind::PasswordResetCompleted { user } => {
            notify(user, TemplateName::PasswordChanged)
        }
        // The very first sign-in is on a new device too, and its user has just registered.
        EventKind::UserLoggedIn { user, new_device: true, first_login: false, .. } => {
            notify(user, TemplateName::NewDevice)
        }
        EventKind::UserLoggedIn { .. } => EventPlan::Nothing,
        EventKind::UserLockedOut { user, until } => {
            EventPlan::Notify(Notice { owner: user, template: TemplateName::LockedOut, code: None, until: Some(until) })
        }
        EventKind::UserInvited { invitation, expires_at } => {
            let (owner, template) = (UserId::from(invitation.uuid()), TemplateName::Invitation);
            EventPlan::Notify(Notice { owner, template, code: None, until: Some(expires_at) })
        }
        EventKind::SessionReuseDetected { user, .. } => notify(user, TemplateName::SessionEnded),
        EventKind::UserRegistered { .. }
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
        | EventKind::NotificationSuppressed { .. } => EventPlan::NotHeard,
    }
}

fn of_code(code: CodeReference, expires_at: Timestamp) -> EventPlan {
    let template = match code.purpose {
        CodePurpose::VerifyEmail => TemplateName::VerificationCode,
        CodePurpose::StepUp => TemplateName::StepUpCode,
        CodePurpose::VerifyPhone => TemplateName::PhoneCode,
        CodePurpose::ResetPassword => TemplateName::ResetCode,
    };
    EventPlan::Notify(Notice { owner: code.owner, template, code: Some(code), until: Some(expires_at) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::notifier::subscriber::NAME,
        domain::event::{EventType, samples::sample},
    };

    #[test]
    fn a_notification_is_planned_for_each_type_that_is_heard_and_for_no_other() {
        let heard = EventType::heard_by(NAME);
        assert!(!heard.is_empty());
        for event_type in EventType::ALL {
            match plan(&sample(*event_type)) {
                EventPlan::Notify(_) => {
                    assert!(heard.contains(event_type), "{event_type:?} never reaches the notifier")
                }
                EventPlan::Nothing => panic!("the sample of {event_type:?} is no case that a user has to hear of"),
                EventPlan::NotHeard => assert!(!heard.contains(event_type), "nothing is planned for {event_type:?}"),
            }
        }
    }
}
