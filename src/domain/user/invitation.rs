//! An invitation to register, for `auth.registration` = "invite" or "domains".

use serde::{Deserialize, Serialize};

use crate::types::{
    EmailAddress, Locale, Timestamp,
    id::{InvitationId, UserId},
};

/// The number of bytes of an invitation's code.
pub const INVITATION_CODE_BYTES: usize = 10;

/// An invitation of one address. The table that holds it is sealed. Its code is only in the mail, and is valid for
/// that address only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The id. The invited person has the same id in events, so that the person's fields can be erased.
    pub id: InvitationId,
    /// The address that may register.
    pub email: EmailAddress,
    /// The language of the mail.
    pub locale: Option<Locale>,
    /// The code that the invited person sends.
    pub code: [u8; INVITATION_CODE_BYTES],
    /// The user who invited; `None`: an operator.
    pub invited_by: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Whether its address may still register.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
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

    /// The invited person, as the subject of events.
    pub fn invited(&self) -> UserId {
        UserId::from(self.id.uuid())
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("id", &self.id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
