//! An invitation: who may register where registration is by invitation.

use serde::{Deserialize, Serialize};

use crate::types::{
    EmailAddress, Locale, Timestamp,
    id::{InvitationId, UserId},
};

/// Bytes of an invitation's code.
pub const INVITATION_CODE_BYTES: usize = 10;

/// An invitation of one address; the table that holds it is sealed. Its code is in the mail alone, and lets only that
/// address register.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The invitation. As a person, whose fields in events can be erased, its guest has the same id.
    pub id: InvitationId,
    /// The address that may register.
    pub email: EmailAddress,
    /// The language of the mail.
    pub locale: Option<Locale>,
    /// What the guest proves the invitation with.
    pub code: [u8; INVITATION_CODE_BYTES],
    /// Who invited; `None`: an operator.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// It is void then.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Whether it still lets its address register.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// The guest, as the person whom events speak of.
    pub fn guest(&self) -> UserId {
        UserId::from(self.id.uuid())
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("id", &self.id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
