//! What an event tells in the member `data`: field names and values as text, for JSON at the edge.

use super::{EventKind, Personal};

/// A value of the payload; amounts and sequences are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, an id, a time.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A small count.
    Count(u64),
    /// Several texts.
    Texts(Vec<String>),
}

impl EventKind {
    /// The fields of the payload without the personal ones, camelCase.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let text = |value: &dyn ToString| Value::Text(value.to_string());
        let roles = |roles: &crate::types::Roles| Value::Texts(roles.iter().map(|role| role.to_string()).collect());
        match self {
            Self::UserRegistered { user, expires_at } => {
                vec![("userId", text(user)), ("expiresAt", text(expires_at))]
            }
            Self::UserRegistrationRepeated { user }
            | Self::UserVerified { user }
            | Self::UserDeleted { user }
            | Self::UserLoginFailed { user }
            | Self::PasswordResetCompleted { user }
            | Self::PasswordChanged { user } => vec![("userId", text(user))],
            Self::UserUpdated { user, fields } => {
                vec![("userId", text(user)), ("fields", Value::Texts(fields.clone()))]
            }
            Self::UserRoleChanged { user, from, to } => {
                vec![("userId", text(user)), ("from", roles(from)), ("to", roles(to))]
            }
            Self::UserStatusChanged { user, from, to } => {
                vec![("userId", text(user)), ("from", text(&from.as_str())), ("status", text(&to.as_str()))]
            }
            Self::UserLoggedIn { user, session, first_login, new_device } => vec![
                ("userId", text(user)),
                ("sessionId", text(session)),
                ("firstLogin", Value::Flag(*first_login)),
                ("newDevice", Value::Flag(*new_device)),
            ],
            Self::UserLockedOut { user, until } => {
                vec![("userId", text(user)), ("until", text(until))]
            }
            Self::UserLoggedOut { user, session } | Self::SessionReuseDetected { user, session } => {
                vec![("userId", text(user)), ("sessionId", text(session))]
            }
            Self::SessionRefreshed { user, session, generation } => vec![
                ("userId", text(user)),
                ("sessionId", text(session)),
                ("generation", Value::Count(u64::from(*generation))),
            ],
            Self::SessionRevoked { user, session, reason } => {
                vec![("userId", text(user)), ("sessionId", text(session)), ("reason", text(&reason.as_str()))]
            }
            Self::OtpVerificationRequired { owner, code, purpose, expires_at } => vec![
                ("userId", text(owner)),
                ("codeId", text(code)),
                ("purpose", text(&purpose.as_str())),
                ("expiresAt", text(expires_at)),
            ],
            Self::OtpPasswordReset { owner, code, expires_at } => {
                vec![("userId", text(owner)), ("codeId", text(code)), ("expiresAt", text(expires_at))]
            }
            Self::OtpSent { owner, code, purpose }
            | Self::OtpVerified { owner, code, purpose }
            | Self::OtpExpired { owner, code, purpose } => {
                vec![("userId", text(owner)), ("codeId", text(code)), ("purpose", text(&purpose.as_str()))]
            }
            Self::OtpFailed { owner, code, purpose, attempts_left } => vec![
                ("userId", text(owner)),
                ("codeId", text(code)),
                ("purpose", text(&purpose.as_str())),
                ("attemptsLeft", Value::Count(u64::from(*attempts_left))),
            ],
            Self::PasswordResetRequested { user, reset } => {
                vec![("userId", text(user)), ("requestId", text(reset))]
            }
            Self::NotificationQueued { notification, delivery, template }
            | Self::NotificationDelivered { notification, delivery, template } => vec![
                ("notificationId", text(notification)),
                ("deliveryId", text(delivery)),
                ("template", text(template)),
            ],
            Self::NotificationFailed { notification, delivery, template, reason }
            | Self::NotificationSuppressed { notification, delivery, template, reason } => vec![
                ("notificationId", text(notification)),
                ("deliveryId", text(delivery)),
                ("template", text(template)),
                ("reason", text(reason)),
            ],
        }
    }
}

impl Personal {
    /// The personal fields that are there, camelCase.
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
