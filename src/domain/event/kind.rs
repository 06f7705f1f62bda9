//! The catalogue: one variant for each event there is. Events tell; they do not decide. No secret and no personal
//! field is ever in here: persons' fields are in `Personal`, which is sealed under that person's own key.
//!
//! A row ends with the type's name, its source, the subscribers that hear it, and, after `also`, its names in the
//! source documents. Nothing else says who hears what: `Subscriber::types` is derived from here.

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
        /// What happened. Stored by position: new ones go to the end, none is ever removed.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum EventKind { $($(#[$doc])* $variant { $($(#[$fdoc])* $field: $type),* },)* }

        /// The name of an event, without what it tells.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType { $($(#[$doc])* $variant,)* }

        impl EventKind {
            /// Its type.
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$variant { .. } => EventType::$variant,)* }
            }
        }

        impl EventType {
            /// The whole catalogue, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The attribute `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The attribute `source`: the service that says it.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }

            /// The names of the subscribers that hear it.
            pub fn subscribers(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($subscriber),*],)* }
            }

            /// Its names in the source documents, where they differ from its own.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($($alias),*)?],)* }
            }
        }
    };
}

impl EventType {
    /// The types that the subscriber of this name hears, in the order of the catalogue.
    pub fn heard_by(subscriber: &str) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|kind| kind.subscribers().contains(&subscriber)).collect()
    }

    /// The type of that name, or of that name in the source documents.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name || kind.aliases().contains(&name))
    }
}

catalogue! {
    /// An address that was free was registered.
    UserRegistered {
        /// The registration, which is the user to be.
        user: UserId,
        /// When the registration ends.
        expires_at: Timestamp,
    } = "user.registered", "/auth", ["otp"], also ["user.created", "USER_REGISTERED"];
    /// An address that is a user's already was registered again.
    UserRegistrationRepeated {
        /// The user whose address it is.
        user: UserId,
    } = "user.registration_repeated", "/auth", ["notifier"];
    /// The address was proven; the user may enter.
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
    /// The user is gone.
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
    /// The user was shut out or let in again.
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
        /// Whether it was the first time ever.
        first_login: bool,
        /// Whether the device was not known.
        new_device: bool,
    } = "user.logged_in", "/auth", ["notifier"], also ["user.login", "USER_LOGGED_IN"];
    /// A sign-in failed for a user that exists.
    UserLoginFailed {
        /// The user.
        user: UserId,
    } = "user.login_failed", "/auth", [];
    /// Too many failures: sign-in is shut for a while.
    UserLockedOut {
        /// The user.
        user: UserId,
        /// Until when.
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
        /// The generation handed out.
        generation: u32,
    } = "session.refreshed", "/auth", [];
    /// A session was ended other than by its own logout.
    SessionRevoked {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
        /// Why.
        reason: SessionEnd,
    } = "session.revoked", "/auth", [];
    /// A refresh token came back that only a thief or a broken client would send: the session was ended.
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
        /// What for.
        purpose: CodePurpose,
        /// When it is void.
        expires_at: Timestamp,
    } = "otp.verification_required", "/otp", ["notifier"];
    /// A channel took the message that carries a code.
    OtpSent {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// What for.
        purpose: CodePurpose,
        /// By which channel it went.
        channel: Channel,
    } = "otp.sent", "/otp", [];
    /// A code to reset a password is ready to be sent.
    OtpPasswordReset {
        /// The user.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// When it is void.
        expires_at: Timestamp,
    } = "otp.password_reset", "/otp", ["notifier"];
    /// The right code was given.
    OtpVerified {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// What for.
        purpose: CodePurpose,
    } = "otp.verified", "/otp", [];
    /// A wrong code was given.
    OtpFailed {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// What for.
        purpose: CodePurpose,
        /// How many tries are left.
        attempts_left: u8,
    } = "otp.failed", "/otp", [];
    /// A code ran out unused.
    OtpExpired {
        /// The user or registration.
        owner: UserId,
        /// The code.
        code: CodeId,
        /// What for.
        purpose: CodePurpose,
    } = "otp.expired", "/otp", [];
    /// A reset of a user's password was asked for.
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
    /// The password was changed by its owner, or set by an operator.
    PasswordChanged {
        /// The user.
        user: UserId,
    } = "password.changed", "/auth", ["notifier"];
    /// A notification was taken on.
    NotificationQueued {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
    } = "notification.queued", "/notifier", [];
    /// A channel took the delivery.
    NotificationDelivered {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
    } = "notification.delivered", "/notifier", [];
    /// The delivery was given up.
    NotificationFailed {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
        /// Why; the class of the failure, never a peer's text.
        reason: String,
    } = "notification.failed", "/notifier", [];
    /// The delivery was not sent, on purpose.
    NotificationSuppressed {
        /// The notification.
        notification: NotificationId,
        /// The delivery.
        delivery: DeliveryId,
        /// The template's name.
        template: String,
        /// Why: preference, rate_limit, expired, suppression_list.
        reason: String,
    } = "notification.suppressed", "/notifier", [];
    /// An address was invited to register.
    UserInvited {
        /// The invitation; as a person, its guest has the same id.
        invitation: InvitationId,
        /// When it is void.
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
        assert_eq!(EventType::heard_by("stranger"), []);
    }
}
