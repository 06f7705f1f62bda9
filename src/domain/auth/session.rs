//! A session: one device of one user, from login to its end.

use serde::{Deserialize, Serialize};

use super::refresh::RefreshState;
use crate::types::{
    Timestamp,
    id::{SessionId, UserId},
};

/// Why a session ended. Stored by position: new ones go to the end.
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
    /// A refresh token was used again after it had a used successor.
    ReuseDetected,
    /// An operator or administrator ended it, or shut the user out.
    Administrator,
    /// The user had too many sessions; the one unused for longest went.
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

/// A session. Ended ones are removed from the store: what is there, lives (until its two times).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id (claim `sid`).
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The key from which refresh tokens are made; the table that holds sessions is sealed.
    pub seed: [u8; 32],
    /// Which refresh token is current, and what is remembered of the ones before.
    pub refresh: RefreshState,
    /// The name the client gave its device.
    pub device_name: Option<String>,
    /// `User-Agent` at login.
    pub user_agent: Option<String>,
    /// The client's address at login or the last refresh.
    pub ip_address: Option<String>,
    /// When the user last proved who they are.
    pub auth_time: Timestamp,
    /// How (claim `amr`, RFC 8176).
    pub amr: Vec<String>,
    /// When the session began.
    pub created_at: Timestamp,
    /// When it was refreshed last.
    pub last_used_at: Timestamp,
    /// Unless refreshed before, it is over then (sliding).
    pub idle_until: Timestamp,
    /// It is over then whatever happens.
    pub ends_at: Timestamp,
}

impl Session {
    /// Whether the session may be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.idle_until && now < self.ends_at
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
