//! The user record.

use serde::{Deserialize, Serialize};

use super::Profile;
use crate::types::{EmailAddress, Roles, Timestamp, id::UserId};

/// The status of a user. Stored by position: new variants go to the end.
///
/// ```text
/// pending --verified--> active <--unlocked-- locked
///                         |  ^                 ^
///                         |  '--enabled--.     |
///                         '--disabled--> disabled ('locked' from active; each ends all sessions)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Registered, or created by an administrator; the address is not verified yet.
    Pending,
    /// May sign in.
    Active,
    /// Locked for security until an operator unlocks.
    Locked,
    /// Disabled by an administrator.
    Disabled,
}

impl Status {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }
}

/// A free-form JSON object as text, at most 8 KiB. The API validates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata(pub String);

impl Default for Metadata {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

/// A user. The normal form of the address and the user name are unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id; the same as that of the registration.
    pub id: UserId,
    /// The address that mail is sent to.
    pub email: EmailAddress,
    /// Whether the owner of the address has proven it.
    pub email_verified: bool,
    pub profile: Profile,
    /// Whether the phone number was proven.
    pub phone_verified: bool,
    /// The roles of the user.
    pub roles: Roles,
    /// The status of the user.
    pub status: Status,
    /// A JSON object that the user writes.
    pub metadata: Metadata,
    /// A JSON object that only administrators write.
    pub app_metadata: Metadata,
    /// The end of the user's validity; `None`: unlimited.
    pub expires_at: Option<Timestamp>,
    /// The password's hash as a PHC string; `None`: no sign-in by password.
    pub password_hash: Option<String>,
    /// The time of the last password change.
    pub password_changed_at: Option<Timestamp>,
    /// The time of the first sign-in.
    pub first_login_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The number of changes; the entity tag.
    pub version: u64,
}

/// Whether users may sign in with an unproven address: `auth.require_verified_email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRule {
    /// Only users with a proven address sign in.
    MustBeProven,
    /// Users with an unproven address sign in too.
    MayBeUnproven,
}

impl User {
    /// Whether the user may sign in at `now`: active, or pending under `MayBeUnproven`, and before `expires_at`.
    pub fn may_enter(&self, now: Timestamp, rule: AddressRule) -> bool {
        let open = match (self.status, rule) {
            (Status::Active, AddressRule::MustBeProven | AddressRule::MayBeUnproven)
            | (Status::Pending, AddressRule::MayBeUnproven) => true,
            (Status::Pending, AddressRule::MustBeProven)
            | (Status::Locked | Status::Disabled, AddressRule::MustBeProven | AddressRule::MayBeUnproven) => false,
        };
        open && self.expires_at.is_none_or(|end| now < end)
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        let by = |at: Option<Timestamp>| at.map(|at| at.min(now));
        Self {
            password_changed_at: by(self.password_changed_at),
            first_login_at: by(self.first_login_at),
            created_at: self.created_at.min(now),
            updated_at: self.updated_at.min(now),
            ..self.clone()
        }
    }

    /// Whether the user may get these roles. A user with an unproven address may be another person, and loses the user
    /// record to the person who proves the address. Such a user gets no additional role.
    pub fn may_be_given(&self, roles: &Roles) -> bool {
        self.email_verified || roles.iter().all(|role| self.roles.has(role))
    }
}
