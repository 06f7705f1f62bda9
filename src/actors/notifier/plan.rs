//! Maps an event to its notification. Pure.

use crate::{
    domain::{
        auth::events::{AuthEvent, PasswordChanged, PasswordResetCompleted, PasswordSet},
        event::{EventEnvelope, EventKind},
        notification::{CodeReference, TemplateName},
        otp::{CodePurpose, events::OtpEvent},
        user::events::UserEvent,
    },
    types::{Timestamp, id::UserId},
};

/// The notification that an event leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    pub(super) owner: UserId,
    pub(super) template: TemplateName,
    /// The code in the notification; the delivery expires with the code.
    pub(super) code: Option<CodeReference>,
    /// The end of a lockout or an expiry, for the text.
    pub(super) until: Option<Timestamp>,
}

/// The result of `plan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventPlan {
    Notify(Notice),
    /// The event needs no notification, and costs what one that needs a notification costs.
    Imitate,
    /// The type is subscribed, but this event needs no notification.
    Nothing,
    /// The catalogue does not name the notifier as a subscriber of the type.
    NotSubscribed,
}

/// The plan for `event`. The test below compares the plans with the catalogue, in both directions.
pub(super) fn plan(event: &EventEnvelope) -> EventPlan {
    match &event.kind {
        Some(EventKind::Auth(event)) => of_auth(event),
        Some(EventKind::User(event)) => of_user(event),
        Some(EventKind::Otp(event)) => of_otp(event),
        Some(EventKind::Notification(_)) | None => EventPlan::NotSubscribed,
    }
}

fn of_auth(event: &AuthEvent) -> EventPlan {
    match event {
        AuthEvent::UserRegistrationRepeated(event) => notify(event.user, TemplateName::AddressTaken),
        // The first sign-in of a user is on a new device as well, right after the registration.
        AuthEvent::UserLoggedIn(event) if event.new_device && !event.first_login => {
            notify(event.user, TemplateName::NewDevice)
        }
        AuthEvent::UserLoggedIn(_) => EventPlan::Nothing,
        AuthEvent::UserLockedOut(event) => notify_until(event.user, TemplateName::LockedOut, event.until),
        AuthEvent::SessionReuseDetected(event) => notify(event.user, TemplateName::SessionEnded),
        AuthEvent::PasswordResetCompleted(PasswordResetCompleted { user })
        | AuthEvent::PasswordChanged(PasswordChanged { user }) => notify(*user, TemplateName::PasswordChanged),
        AuthEvent::PasswordSet(PasswordSet { user }) => notify(*user, TemplateName::PasswordSet),
        AuthEvent::UserRegistered(_)
        | AuthEvent::UserLoginFailed(_)
        | AuthEvent::UserLoggedOut(_)
        | AuthEvent::SessionRefreshed(_)
        | AuthEvent::SessionRevoked(_)
        | AuthEvent::PasswordResetRequested(_)
        | AuthEvent::PasswordResetUnmatched(_) => EventPlan::NotSubscribed,
    }
}

fn of_user(event: &UserEvent) -> EventPlan {
    match event {
        UserEvent::UserVerified(event) => notify(event.user, TemplateName::Welcome),
        UserEvent::UserInvited(event) => {
            notify_until(UserId::from(event.invitation.uuid()), TemplateName::Invitation, event.expires_at)
        }
        UserEvent::UserUpdated(_)
        | UserEvent::UserDeleted(_)
        | UserEvent::UserRoleChanged(_)
        | UserEvent::UserStatusChanged(_) => EventPlan::NotSubscribed,
    }
}

fn of_otp(event: &OtpEvent) -> EventPlan {
    match event {
        OtpEvent::OtpVerificationRequired(event) => {
            let code = CodeReference { owner: event.owner, purpose: event.purpose, code: event.code };
            of_code(code, event.expires_at)
        }
        OtpEvent::OtpPasswordReset(event) => {
            let code = CodeReference { owner: event.owner, purpose: CodePurpose::ResetPassword, code: event.code };
            of_code(code, event.expires_at)
        }
        OtpEvent::OtpResetUnmatched(_) => EventPlan::Imitate,
        OtpEvent::OtpSent(_) | OtpEvent::OtpVerified(_) | OtpEvent::OtpFailed(_) | OtpEvent::OtpExpired(_) => {
            EventPlan::NotSubscribed
        }
    }
}

fn notify(owner: UserId, template: TemplateName) -> EventPlan {
    EventPlan::Notify(Notice { owner, template, code: None, until: None })
}

fn notify_until(owner: UserId, template: TemplateName, until: Timestamp) -> EventPlan {
    EventPlan::Notify(Notice { owner, template, code: None, until: Some(until) })
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
        domain::event::{EventType, samples},
    };

    #[test]
    fn a_notification_is_planned_for_each_subscribed_type_and_for_no_other() {
        let heard = EventType::subscribed_by(NAME);
        assert!(!heard.is_empty());
        for event in samples::envelopes() {
            let event_type = event.event_type;
            match plan(&event) {
                EventPlan::Notify(_) | EventPlan::Imitate => {
                    assert!(heard.contains(&event_type), "{event_type} never reaches the notifier")
                }
                EventPlan::Nothing => panic!("the sample of {event_type} leads to no notification"),
                EventPlan::NotSubscribed => {
                    assert!(!heard.contains(&event_type), "nothing is planned for {event_type}")
                }
            }
        }
    }
}
