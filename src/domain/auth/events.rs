//! The events of registration, sign-in, sessions and passwords.

use super::SessionEnd;
use crate::{
    domain::event::{
        event,
        samples::{id, in_ten_minutes},
        service_events,
    },
    types::{
        Timestamp,
        id::{ResetId, SessionId, UserId},
    },
};

service_events! {
    /// An event of registration, sign-in, a session or a password.
    AuthEvent of Auth:
    UserRegistered, UserRegistrationRepeated, UserLoggedIn, UserLoginFailed, UserLockedOut, UserLoggedOut,
    SessionRefreshed, SessionRevoked, SessionReuseDetected,
    PasswordResetRequested, PasswordResetCompleted, PasswordChanged, PasswordResetUnmatched, PasswordSet,
}

event! {
    /// A free address was registered.
    UserRegistered = 0x0101, "user.registered", to ["otp"], also ["user.created", "USER_REGISTERED"], schema 1 {
        /// The registration, which has the id of its future user.
        user: UserId as "userId" = id(),
        /// When the registration ends.
        expires_at: Timestamp as "expiresAt" = in_ten_minutes(),
    }
}

event! {
    /// The address of an existing user was registered again.
    UserRegistrationRepeated = 0x0102, "user.registration_repeated", to ["notifier"], schema 1 {
        /// The user with that address.
        user: UserId as "userId" = id(),
    }
}

event! {
    /// A user signed in.
    UserLoggedIn = 0x0103, "user.logged_in", to ["notifier"], also ["user.login", "USER_LOGGED_IN"], schema 1 {
        user: UserId as "userId" = id(),
        session: SessionId as "sessionId" = id(),
        /// Whether it was the user's first sign-in.
        first_login: bool as "firstLogin" = false,
        /// Whether the device was unknown.
        new_device: bool as "newDevice" = true,
    }
}

event! {
    /// A sign-in of an existing user failed.
    UserLoginFailed = 0x0104, "user.login_failed", to [], schema 1 {
        user: UserId as "userId" = id(),
    }
}

event! {
    /// Too many failures: sign-in is locked for a time.
    UserLockedOut = 0x0105, "user.locked_out", to ["notifier"], schema 1 {
        user: UserId as "userId" = id(),
        /// The end of the lock.
        until: Timestamp as "until" = in_ten_minutes(),
    }
}

event! {
    /// A user signed out.
    UserLoggedOut = 0x0106, "user.logged_out", to [], schema 1 {
        user: UserId as "userId" = id(),
        /// The session that ended.
        session: SessionId as "sessionId" = id(),
    }
}

event! {
    /// A refresh token was used.
    SessionRefreshed = 0x0107, "session.refreshed", to [], schema 1 {
        user: UserId as "userId" = id(),
        session: SessionId as "sessionId" = id(),
        /// The generation of the new token.
        generation: u32 as "generation" = 1,
    }
}

event! {
    /// A session was ended, except by its own logout.
    SessionRevoked = 0x0108, "session.revoked", to [], schema 1 {
        user: UserId as "userId" = id(),
        session: SessionId as "sessionId" = id(),
        reason: SessionEnd as "reason" = SessionEnd::Administrator,
    }
}

event! {
    /// A refresh token was reused, as a thief or a faulty client would: the session was ended.
    SessionReuseDetected = 0x0109, "session.reuse_detected", to ["notifier"], schema 1 {
        user: UserId as "userId" = id(),
        session: SessionId as "sessionId" = id(),
    }
}

event! {
    /// A password reset was requested for a user.
    PasswordResetRequested = 0x010a, "password.reset_requested", to ["otp"], schema 1 {
        user: UserId as "userId" = id(),
        reset: ResetId as "resetId" = id(),
    }
}

event! {
    /// The password was reset by a code.
    PasswordResetCompleted = 0x010b, "password.reset_completed", to ["notifier"], schema 1 {
        user: UserId as "userId" = id(),
    }
}

event! {
    /// The password was changed by its user.
    PasswordChanged = 0x010c, "password.changed", to ["notifier"], schema 1 {
        user: UserId as "userId" = id(),
    }
}

event! {
    /// A password reset was requested for an address that no user and no registration has. The subject is a stand-in,
    /// derived from the address; the event costs what the one of a user costs.
    PasswordResetUnmatched = 0x010d, "password.reset_unmatched", to ["otp"], schema 1 {
        reset: ResetId as "resetId" = id(),
    }
}

event! {
    /// An operator set a password for a user.
    PasswordSet = 0x010e, "password.set", to ["notifier"], schema 1 {
        user: UserId as "userId" = id(),
    }
}
