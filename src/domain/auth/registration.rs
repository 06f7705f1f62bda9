//! A registration: a user who is not one yet.

use serde::{Deserialize, Serialize};

use crate::{
    domain::user::{Profile, User},
    types::{EmailAddress, Timestamp, id::UserId},
};

/// What was known of the address when somebody registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressState {
    /// Nobody's yet: the address gets a code.
    Free,
    /// A user's already: the owner gets a notice; this registration can never be verified.
    Taken,
}

impl AddressState {
    /// Of an address by who holds it. A user who never proved it does not keep it from the one who can.
    pub fn held_by(holder: Option<&User>) -> Self {
        match holder {
            Some(owner) if owner.email_verified => Self::Taken,
            Some(_) | None => Self::Free,
        }
    }
}

/// A registration: lives 24 h, holds its own password, and becomes a user by its own code only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The id its user will have.
    pub id: UserId,
    /// The address, as typed.
    pub email: EmailAddress,
    /// Whether the address was free.
    pub address: AddressState,
    /// What the user to be says of themselves; it reserves the user name while it lives.
    pub profile: Profile,
    /// The password's hash as a PHC string.
    pub password_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is void.
    pub expires_at: Timestamp,
}

impl Registration {
    /// Whether it may still become a user.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
