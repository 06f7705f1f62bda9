//! A session: one signed-in device of one user.

use serde::{Deserialize, Serialize};

use super::refresh::RefreshState;
use crate::types::{
    Timestamp,
    id::{SessionId, UserId},
};

/// The reason of a session's end. Stored by position: new variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEnd {
    /// The user logged out, or ended it from the list.
    LoggedOut,
    /// The user ended all sessions.
    LoggedOutEverywhere,
    /// The password was changed on another device.
    PasswordChanged,
    /// The password was reset.
    PasswordReset,
    /// A refresh token was reused (`refresh.rs`).
    ReuseDetected,
    /// An operator or administrator ended it, or locked or disabled the user.
    Administrator,
    /// The user had too many sessions; this one was unused for longest.
    Displaced,
    /// The user was deleted.
    UserDeleted,
    /// The address was proven, and not by the session: another person may have begun it.
    AddressVerified,
}

impl SessionEnd {
    /// The name in events and audit entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::LoggedOutEverywhere => "logged_out_everywhere",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::ReuseDetected => "reuse_detected",
            Self::Administrator => "administrator",
            Self::Displaced => "displaced",
            Self::UserDeleted => "user_deleted",
            Self::AddressVerified => "address_verified",
        }
    }
}

/// A session. Ended sessions are removed from the store; a stored one is valid until its two end times.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id (claim `sid`).
    pub id: SessionId,
    pub user: UserId,
    /// The key from which refresh tokens are derived. The table that holds sessions is sealed.
    pub seed: [u8; 32],
    /// The state of the refresh tokens.
    pub refresh: RefreshState,
    /// The device name that the client sent.
    pub device_name: Option<String>,
    /// `User-Agent` at login.
    pub user_agent: Option<String>,
    /// The client's address at login or the last refresh.
    pub ip_address: Option<String>,
    /// The time of the user's last authentication.
    pub auth_time: Timestamp,
    /// The methods of that authentication (claim `amr`, RFC 8176).
    pub amr: Vec<String>,
    pub created_at: Timestamp,
    /// The time of the last refresh.
    pub last_used_at: Timestamp,
    /// The end of the session unless it is refreshed before (sliding).
    pub idle_until: Timestamp,
    /// The end of the session in any case.
    pub ends_at: Timestamp,
}

impl Session {
    /// Whether the session may be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.idle_until && now < self.ends_at
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self {
            refresh: self.refresh.dated_by(now),
            auth_time: self.auth_time.min(now),
            created_at: self.created_at.min(now),
            last_used_at: self.last_used_at.min(now),
            idle_until: self.last_used_at.end_by(self.idle_until, now),
            ends_at: self.created_at.end_by(self.ends_at, now),
            ..self.clone()
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("generation", &self.refresh.generation)
            .finish_non_exhaustive()
    }
}
