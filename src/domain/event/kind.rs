//! The catalogue: one variant per event. Events report; they do not decide. They contain no secrets. Personal fields
//! are in `Personal`, which is sealed under the person's own key.
//!
//! A row ends with the type's name, its source, its subscribers, and, after `also`, its names in the source documents.
//! No other place names the subscribers of an event: `Subscriber::types` is derived from this table.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{auth::SessionEnd, notification::Channel, otp::CodePurpose, user::Status},
    types::{
        Roles, Timestamp,
        id::{CodeId, DeliveryId, InvitationId, NotificationId, ResetId, SessionId, UserId},
    },
};

macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty),* $(,)? }
        = $name:literal, $source:literal, [$($subscriber:literal),*] $(, also [$($alias:literal),*])?;)*) => {
        /// The type of an event with its payload. Stored by position: new variants go to the end, none is removed.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum EventKind { $($(#[$doc])* $variant { $($(#[$fdoc])* $field: $type),* },)* }

        /// The type of an event, without its payload.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType { $($(#[$doc])* $variant,)* }

        impl EventKind {
            /// Its type.
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$variant { .. } => EventType::$variant,)* }
            }
        }

        impl EventType {
            /// All types, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The attribute `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The attribute `source`: the service that writes it.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }

            /// The names of its subscribers.
            pub fn subscribers(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($subscriber),*],)* }
            }

            /// Its names in the source documents, if they differ.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($($alias),*)?],)* }
            }
        }
    };
}

impl EventType {
    /// The types that this subscriber receives, in the order of the catalogue.
    pub fn heard_by(subscriber: &str) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|kind| kind.subscribers().contains(&subscriber)).collect()
    }

    /// The type with this name or alias.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name || kind.aliases().contains(&name))
    }
}

catalogue! {
    /// A free address was registered.
    UserRegistered {
        /// The registration, which has the id of its future user.
        user: UserId,
        /// When the registration ends.
        expires_at: Timestamp,
    } = "user.registered", "/auth", ["otp"], also ["user.created", "USER_REGISTERED"];
    /// The address of an existing user was registered again.
    UserRegistrationRepeated {
        /// The user with that address.
        user: UserId,
    } = "user.registration_repeated", "/auth", ["notifier"];
    /// The address was proven; the user may sign in.
    UserVerified {
        /// The user.
        user: UserId,
    } = "user.verified", "/user", ["notifier"];
    /// Fields of the user were changed.
    UserUpdated {
        /// The user.
        user: UserId,
        /// The names of the changed fields.
        fields: Vec<String>,
    } = "user.updated", "/user", [];
    /// The user was deleted.
    UserDeleted {
        /// The user.
        user: UserId,
    } = "user.deleted", "/user", [];
    /// The user's roles were changed.
    UserRoleChanged {
        /// The user.
        user: UserId,
        /// Before.
        from: Roles,
        /// After.
        to: Roles,
    } = "user.role_changed", "/user", [];
    /// The user's status was changed.
    UserStatusChanged {
        /// The user.
        user: UserId,
        /// Before.
        from: Status,
        /// After.
        to: Status,
    } = "user.status_changed", "/user", [];
    /// A user signed in.
    UserLoggedIn {
        /// The user.
        user: UserId,
        /// The new session.
        session: SessionId,
        /// Whether it was the user's first sign-in.
        first_login: bool,
        /// Whether the device was unknown.
        new_device: bool,
    } = "user.logged_in", "/auth", ["notifier"], also ["user.login", "USER_LOGGED_IN"];
    /// A sign-in of an existing user failed.
    UserLoginFailed {
        /// The user.
        user: UserId,
    } = "user.login_failed", "/auth", [];
    /// Too many failures: sign-in is locked for a time.
    UserLockedOut {
        /// The user.
        user: UserId,
        /// The end of the lock.
        until: Timestamp,
    } = "user.locked_out", "/auth", ["notifier"];
    /// A user signed out.
    UserLoggedOut {
        /// The user.
        user: UserId,
        /// The session that ended.
        session: SessionId,
    } = "user.logged_out", "/auth", [];
    /// A refresh token was used.
    SessionRefreshed {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// The generation of the new token.
        generation: u32,
    } = "session.refreshed", "/auth", [];
    /// A session was ended, except by its own logout.
    SessionRevoked {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// The reason.
        reason: SessionEnd,
    } = "session.revoked", "/auth", [];
    /// A refresh token was reused, as a thief or a faulty client would: the session was ended.
    SessionReuseDetected {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
    } = "session.reuse_detected", "/auth", ["notifier"];
    /// A code for a new address is ready to be sent.
    OtpVerificationRequired {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// The purpose of the code.
        purpose: CodePurpose,
        /// The expiry time.
        expires_at: Timestamp,
    } = "otp.verification_required", "/otp", ["notifier"];
    /// A channel accepted the message that contains a code.
    OtpSent {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// The purpose of the code.
        purpose: CodePurpose,
        /// The channel.
        channel: Channel,
    } = "otp.sent", "/otp", [];
    /// A code to reset a password is ready to be sent.
    OtpPasswordReset {
        /// The user.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// The expiry time.
        expires_at: Timestamp,
    } = "otp.password_reset", "/otp", ["notifier"];
    /// The correct code was sent.
    OtpVerified {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// The purpose of the code.
        purpose: CodePurpose,
    } = "otp.verified", "/otp", [];
    /// A wrong code was sent.
    OtpFailed {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// The purpose of the code.
        purpose: CodePurpose,
        /// The number of code tries left.
        attempts_left: u8,
    } = "otp.failed", "/otp", [];
    /// A code expired unused.
    OtpExpired {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// The purpose of the code.
        purpose: CodePurpose,
    } = "otp.expired", "/otp", [];
    /// A password reset was requested for a user.
    PasswordResetRequested {
        /// The user.
        user: UserId,
        /// The request.
        reset: ResetId,
    } = "password.reset_requested", "/auth", ["otp"];
    /// The password was reset by a code.
    PasswordResetCompleted {
        /// The user.
        user: UserId,
    } = "password.reset_completed", "/auth", ["notifier"];
    /// The password was changed by its user, or set by an operator.
    PasswordChanged {
        /// The user.
        user: UserId,
    } = "password.changed", "/auth", ["notifier"];
    /// A notification was queued.
    NotificationQueued {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
    } = "notification.queued", "/notifier", [];
    /// A channel accepted the delivery.
    NotificationDelivered {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
    } = "notification.delivered", "/notifier", [];
    /// The delivery failed permanently.
    NotificationFailed {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
        /// The class of the failure, never the peer's text.
        reason: String,
    } = "notification.failed", "/notifier", [];
    /// The delivery was suppressed.
    NotificationSuppressed {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
        /// The reason: preference, rate_limit, expired, suppression_list.
        reason: String,
    } = "notification.suppressed", "/notifier", [];
    /// An address was invited to register.
    UserInvited {
        /// The invitation; the invited person has the same id.
        invitation: InvitationId,
        /// The expiry time.
        expires_at: Timestamp,
    } = "user.invited", "/user", ["notifier"];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_and_alias_leads_to_one_type() {
        let mut seen = BTreeSet::new();
        for kind in EventType::ALL {
            for name in kind.aliases().iter().chain([&kind.as_str()]) {
                assert!(seen.insert(*name), "{name} twice");
                assert_eq!(EventType::from_name(name), Some(*kind));
            }
        }
        assert_eq!(EventType::from_name("user.vanished"), None);
    }

    #[test]
    fn a_subscriber_hears_the_types_whose_rows_name_it() {
        assert_eq!(EventType::heard_by("otp"), [EventType::UserRegistered, EventType::PasswordResetRequested]);
        assert_eq!(EventType::heard_by("another_name"), []);
    }
}
