//! A registration: the record that becomes a user.

use serde::{Deserialize, Serialize};

use crate::{
    domain::user::{Profile, User},
    types::{EmailAddress, Timestamp, id::UserId},
};

/// The state of the address at the time of the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressState {
    /// No user has it: a code is sent to it.
    Free,
    /// A user has it: the owner gets a notice, and this registration can never be verified.
    Taken,
}

impl AddressState {
    /// The state of an address with the user `holder`. A user with an unproven address does not reserve it.
    pub fn held_by(holder: Option<&User>) -> Self {
        match holder {
            Some(owner) if owner.email_verified => Self::Taken,
            Some(_) | None => Self::Free,
        }
    }
}

/// A registration. It expires after 24 h, has its own password, and becomes a user only by its own code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The id of its future user.
    pub id: UserId,
    /// The address, as typed.
    pub email: EmailAddress,
    /// The state of the address.
    pub address: AddressState,
    /// The profile of the future user; it reserves the user name until the registration expires.
    pub profile: Profile,
    /// The password's hash as a PHC string.
    pub password_hash: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Registration {
    /// Whether it may still become a user.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether a code can still turn it into a user. Registrations of taken addresses and placeholders cannot; no
    /// answer distinguishes them from registrations that do not exist.
    pub fn is_verifiable(&self, now: Timestamp) -> bool {
        self.is_live(now)
            && match self.address {
                AddressState::Free => true,
                AddressState::Taken => false,
            }
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self {
            created_at: self.created_at.min(now),
            expires_at: self.created_at.end_by(self.expires_at, now),
            ..self.clone()
        }
    }
}
