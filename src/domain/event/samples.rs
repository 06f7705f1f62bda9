//! One event of each type, for tests of subscribers.

use std::time::Duration;

use uuid::Uuid;

use super::{EventEnvelope, EventKind, EventType, Personal};
use crate::{
    domain::{auth::SessionEnd, notification::Channel, otp::CodePurpose, user::Status},
    types::{Role, Roles, Timestamp, id::UserId},
};

fn id<I: From<Uuid>>() -> I {
    I::from(Uuid::from_u128(7))
}

/// The payload of a sample. Where there is a choice, it is the case that leads to a notification.
fn kind_of(event_type: EventType) -> EventKind {
    let (user, until): (UserId, _) = (id(), Timestamp::ZERO.plus(Duration::from_secs(600)));
    let (notification, delivery, template) = (id(), id(), "welcome".to_owned());
    let purpose = CodePurpose::VerifyEmail;
    match event_type {
        EventType::UserRegistered => EventKind::UserRegistered { user, expires_at: until },
        EventType::UserRegistrationRepeated => EventKind::UserRegistrationRepeated { user },
        EventType::UserVerified => EventKind::UserVerified { user },
        EventType::UserUpdated => EventKind::UserUpdated { user, fields: vec!["phone".to_owned()] },
        EventType::UserDeleted => EventKind::UserDeleted { user },
        EventType::UserRoleChanged => {
            EventKind::UserRoleChanged { user, from: Roles::default(), to: Roles::from(vec![Role::Admin]) }
        }
        EventType::UserStatusChanged => {
            EventKind::UserStatusChanged { user, from: Status::Active, to: Status::Disabled }
        }
        EventType::UserLoggedIn => {
            EventKind::UserLoggedIn { user, session: id(), first_login: false, new_device: true }
        }
        EventType::UserLoginFailed => EventKind::UserLoginFailed { user },
        EventType::UserLockedOut => EventKind::UserLockedOut { user, until },
        EventType::UserLoggedOut => EventKind::UserLoggedOut { user, session: id() },
        EventType::SessionRefreshed => EventKind::SessionRefreshed { user, session: id(), generation: 1 },
        EventType::SessionRevoked => {
            EventKind::SessionRevoked { user, session: id(), reason: SessionEnd::Administrator }
        }
        EventType::SessionReuseDetected => EventKind::SessionReuseDetected { user, session: id() },
        EventType::OtpVerificationRequired => {
            EventKind::OtpVerificationRequired { owner: user, code: id(), purpose, expires_at: until }
        }
        EventType::OtpSent => EventKind::OtpSent { owner: user, code: id(), purpose, channel: Channel::Email },
        EventType::OtpPasswordReset => EventKind::OtpPasswordReset { owner: user, code: id(), expires_at: until },
        EventType::OtpVerified => EventKind::OtpVerified { owner: user, code: id(), purpose },
        EventType::OtpFailed => EventKind::OtpFailed { owner: user, code: id(), purpose, attempts_left: 4 },
        EventType::OtpExpired => EventKind::OtpExpired { owner: user, code: id(), purpose },
        EventType::PasswordResetRequested => EventKind::PasswordResetRequested { user, reset: id() },
        EventType::PasswordResetCompleted => EventKind::PasswordResetCompleted { user },
        EventType::PasswordChanged => EventKind::PasswordChanged { user },
        EventType::NotificationQueued => EventKind::NotificationQueued { notification, delivery, template },
        EventType::NotificationDelivered => EventKind::NotificationDelivered { notification, delivery, template },
        EventType::NotificationFailed => {
            EventKind::NotificationFailed { notification, delivery, template, reason: "refused".to_owned() }
        }
        EventType::NotificationSuppressed => {
            EventKind::NotificationSuppressed { notification, delivery, template, reason: "expired".to_owned() }
        }
        EventType::UserInvited => EventKind::UserInvited { invitation: id(), expires_at: until },
    }
}

/// An event of this type, as a subscriber receives it.
pub fn sample(event_type: EventType) -> EventEnvelope {
    EventEnvelope {
        id: id(),
        sequence: 1,
        subject: id(),
        time: Timestamp::ZERO,
        correlation: "test".to_owned(),
        causation: None,
        traceparent: None,
        kind: kind_of(event_type),
        personal: Personal::default(),
    }
}
