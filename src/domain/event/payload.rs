//! The payload of an event (member `data`): field names and values, which the edge writes as JSON.

use std::fmt::Display;

use super::{EventKind, Personal};

/// A value of the payload. Amounts and sequences are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadValue {
    /// Text, an id, a time.
    Text(String),
    /// A boolean.
    Flag(bool),
    /// A small count.
    Count(u64),
    /// Several texts.
    Texts(Vec<String>),
}

impl EventKind {
    /// The fields of the payload without the personal ones, camelCase.
    pub fn fields(&self) -> Vec<(&'static str, PayloadValue)> {
        let told = match self {
            Self::UserRegistered { user, expires_at } => of(user).text("expiresAt", expires_at),
            Self::UserRegistrationRepeated { user }
            | Self::UserVerified { user }
            | Self::UserDeleted { user }
            | Self::UserLoginFailed { user }
            | Self::PasswordResetCompleted { user }
            | Self::PasswordChanged { user } => of(user),
            Self::UserUpdated { user, fields } => of(user).texts("fields", fields),
            Self::UserRoleChanged { user, from, to } => of(user).texts("from", from.iter()).texts("to", to.iter()),
            Self::UserStatusChanged { user, from, to } => {
                of(user).text("from", from.as_str()).text("status", to.as_str())
            }
            Self::UserLoggedIn { user, session, first_login, new_device } => {
                of(user).text("sessionId", session).flag("firstLogin", *first_login).flag("newDevice", *new_device)
            }
            Self::UserLockedOut { user, until } => of(user).text("until", until),
            Self::UserLoggedOut { user, session } | Self::SessionReuseDetected { user, session } => {
                of(user).text("sessionId", session)
            }
            Self::SessionRefreshed { user, session, generation } => {
                of(user).text("sessionId", session).count("generation", *generation)
            }
            Self::SessionRevoked { user, session, reason } => {
                of(user).text("sessionId", session).text("reason", reason.as_str())
            }
            Self::OtpVerificationRequired { owner, code, purpose, expires_at } => {
                of(owner).text("codeId", code).text("purpose", purpose.as_str()).text("expiresAt", expires_at)
            }
            Self::OtpPasswordReset { owner, code, expires_at } => {
                of(owner).text("codeId", code).text("expiresAt", expires_at)
            }
            Self::OtpSent { owner, code, purpose, channel } => {
                let told = of(owner).text("codeId", code).text("purpose", purpose.as_str());
                told.text("channel", channel.as_str())
            }
            Self::OtpVerified { owner, code, purpose } | Self::OtpExpired { owner, code, purpose } => {
                of(owner).text("codeId", code).text("purpose", purpose.as_str())
            }
            Self::OtpFailed { owner, code, purpose, attempts_left } => {
                let told = of(owner).text("codeId", code).text("purpose", purpose.as_str());
                told.count("attemptsLeft", *attempts_left)
            }
            Self::UserInvited { invitation, expires_at } => {
                Told::default().text("invitationId", invitation).text("expiresAt", expires_at)
            }
            Self::PasswordResetRequested { user, reset } => of(user).text("requestId", reset),
            Self::NotificationQueued { notification, delivery, template }
            | Self::NotificationDelivered { notification, delivery, template } => Told::default()
                .text("notificationId", notification)
                .text("deliveryId", delivery)
                .text("template", template),
            Self::NotificationFailed { notification, delivery, template, reason }
            | Self::NotificationSuppressed { notification, delivery, template, reason } => {
                let told = Told::default().text("notificationId", notification).text("deliveryId", delivery);
                told.text("template", template).text("reason", reason)
            }
        };
        told.0
    }
}

/// Fields in the order of the document.
#[derive(Default)]
struct Told(Vec<(&'static str, PayloadValue)>);

/// The payload of an event about one user begins with that user.
fn of(user: &impl Display) -> Told {
    Told::default().text("userId", user)
}

impl Told {
    fn with(mut self, name: &'static str, value: PayloadValue) -> Self {
        self.0.push((name, value));
        self
    }

    fn text(self, name: &'static str, value: impl Display) -> Self {
        self.with(name, PayloadValue::Text(value.to_string()))
    }

    fn texts<T: Display>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        self.with(name, PayloadValue::Texts(values.into_iter().map(|value| value.to_string()).collect()))
    }

    fn flag(self, name: &'static str, value: bool) -> Self {
        self.with(name, PayloadValue::Flag(value))
    }

    fn count(self, name: &'static str, value: impl Into<u64>) -> Self {
        self.with(name, PayloadValue::Count(value.into()))
    }
}

impl Personal {
    /// The personal fields that are set, in camelCase.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        [
            ("email", &self.email),
            ("ipAddress", &self.ip_address),
            ("userAgent", &self.user_agent),
            ("firstName", &self.first_name),
            ("lastName", &self.last_name),
            ("phone", &self.phone),
            ("username", &self.username),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.clone().map(|value| (name, value)))
        .collect()
    }
}
