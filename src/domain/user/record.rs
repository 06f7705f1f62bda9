//! The user record.

use serde::{Deserialize, Serialize};

use super::Profile;
use crate::types::{EmailAddress, Roles, Timestamp, id::UserId};

/// Whether a user may enter. Stored by position: new ones go to the end.
///
/// ```text
/// pending --verified--> active <--unlocked-- locked
///                         |  ^                 ^
///                         |  '--enabled--.     |
///                         '--disabled--> disabled ('locked' from active; each ends all sessions)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Registered or made by an administrator, the address not verified yet.
    Pending,
    /// May enter.
    Active,
    /// Shut out for safety's sake until an operator unlocks.
    Locked,
    /// Shut out by an administrator.
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

/// Free-form JSON object as text, at most 8 KiB; validated where it comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata(pub String);

impl Default for Metadata {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

/// A user. Unique by the normal form of the address and by the user name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id, from the registration on.
    pub id: UserId,
    /// The address mail goes to.
    pub email: EmailAddress,
    /// Whether the owner of the address has proven it.
    pub email_verified: bool,
    /// What the user says of themselves.
    pub profile: Profile,
    /// Whether the phone number was proven.
    pub phone_verified: bool,
    /// What the user may do.
    pub roles: Roles,
    /// Whether the user may enter.
    pub status: Status,
    /// Written by the user.
    pub metadata: Metadata,
    /// Written by administrators only.
    pub app_metadata: Metadata,
    /// When the account ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The password's hash as a PHC string; `None`: no password sign-in.
    pub password_hash: Option<String>,
    /// When the password was set last.
    pub password_changed_at: Option<Timestamp>,
    /// When the user signed in for the first time.
    pub first_login_at: Option<Timestamp>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the record was changed last.
    pub updated_at: Timestamp,
    /// Counts changes; the entity tag.
    pub version: u64,
}

/// Whether users enter before they have proven their address: `auth.require_verified_email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRule {
    /// Only who has proven it enters.
    MustBeProven,
    /// Who has not enters too.
    MayBeUnproven,
}

impl User {
    /// Whether the account may be used at `now`: active, or pending where addresses may be unproven; and not past its
    /// end.
    pub fn may_enter(&self, now: Timestamp, rule: AddressRule) -> bool {
        let open = match (self.status, rule) {
            (Status::Active, AddressRule::MustBeProven | AddressRule::MayBeUnproven)
            | (Status::Pending, AddressRule::MayBeUnproven) => true,
            (Status::Pending, AddressRule::MustBeProven)
            | (Status::Locked | Status::Disabled, AddressRule::MustBeProven | AddressRule::MayBeUnproven) => false,
        };
        open && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the user may hold these roles from now on. Before the address is proven the user may be anyone, and
    /// loses the account to the person who proves it: such a user is given no role that they do not hold.
    pub fn may_be_given(&self, roles: &Roles) -> bool {
        self.email_verified || roles.iter().all(|role| self.roles.has(role))
    }
}
