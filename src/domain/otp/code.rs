//! The code record.

use serde::{Deserialize, Serialize};

use crate::types::{
    Timestamp,
    id::{CodeId, UserId},
};

/// What a code proves. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CodePurpose {
    /// That the registrant reads the address.
    VerifyEmail,
    /// That the user reads the phone.
    VerifyPhone,
    /// That the user reads the address, to set a new password.
    ResetPassword,
    /// That the signed-in user is still the one, for dangerous acts.
    StepUp,
}

impl CodePurpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::VerifyEmail, Self::VerifyPhone, Self::ResetPassword, Self::StepUp];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::VerifyPhone => "verify_phone",
            Self::ResetPassword => "reset_password",
            Self::StepUp => "step_up",
        }
    }

    /// The byte in keys.
    pub fn as_byte(self) -> u8 {
        match self {
            Self::VerifyEmail => 0,
            Self::VerifyPhone => 1,
            Self::ResetPassword => 2,
            Self::StepUp => 3,
        }
    }
}

/// How far a code has come.
///
/// ```text
/// live --right--> used
///   |--5 wrong--> void
///   '--time-----> (expired: judged by `expires_at`)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeStage {
    /// May be used.
    Live,
    /// Was used; the same right code again within its life answers as the first time, without effect.
    Used,
    /// Too many wrong tries.
    Void,
}

/// The one code of an owner for a purpose; the table that holds it is sealed. It outlives its expiry so that the
/// limits on sending (an hour, a day) hold.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeCode {
    /// This issue; changes when new digits are drawn.
    pub id: CodeId,
    /// The user or registration it belongs to.
    pub owner: UserId,
    /// What it proves.
    pub purpose: CodePurpose,
    /// Six ASCII digits.
    pub digits: [u8; 6],
    /// How far it has come.
    pub state: CodeStage,
    /// Wrong tries so far.
    pub wrong_tries: u8,
    /// When the digits were drawn.
    pub issued_at: Timestamp,
    /// When they are void.
    pub expires_at: Timestamp,
    /// When the code was sent, oldest first; kept for a day, for the limits on sending.
    pub sent_at: Vec<Timestamp>,
}

impl std::fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("purpose", &self.purpose)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
