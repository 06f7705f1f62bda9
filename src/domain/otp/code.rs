//! The code record.

use serde::{Deserialize, Serialize};

use crate::types::{
    Network, Timestamp,
    id::{CodeId, UserId},
};

/// The purpose of a code. Stored by position: new variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CodePurpose {
    /// Proof that the registrant reads the address.
    VerifyEmail,
    /// Proof that the user reads the phone.
    VerifyPhone,
    /// Proof that the user reads the address, to set a new password.
    ResetPassword,
    /// Renewed proof of a signed-in user, for sensitive actions (step-up).
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

/// The stage of a code.
///
/// ```text
/// live --right, or the link--> used
///   |--5 wrong--> (out of tries: judged by `wrong_tries`; the link can still be used)
///   |--ended----> void
///   '--time-----> (expired: judged by `expires_at`)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeStage {
    /// It may be used.
    Live,
    /// It was used. The correct code again before its expiry gets the same answer, without effect.
    Used,
    /// It was ended: its time is over, or its act is settled otherwise. Its link is void too.
    Void,
}

/// The only code of an owner for a purpose. The table that holds it is sealed. It is kept after its expiry, because it
/// holds the send times for the limits per hour and day.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeCode {
    /// The id of this issue, from which the secret of its link is derived. Digits that take the place of guessed ones
    /// keep it, so that the link of an earlier mail can still be used.
    pub id: CodeId,
    /// The user or registration that owns it.
    pub owner: UserId,
    pub purpose: CodePurpose,
    /// Six or eight ASCII digits.
    pub digits: Vec<u8>,
    pub state: CodeStage,
    /// The number of wrong tries.
    pub wrong_tries: u8,
    /// The time at which the digits were drawn.
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// The sendings of the last day, oldest first, for the limits on sending.
    pub sendings: Vec<CodeSending>,
}

/// One sending of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSending {
    /// The time of the sending.
    pub at: Timestamp,
    /// The network that requested it: those of one network do not use up what another one may request.
    pub network: Network,
}

impl OneTimeCode {
    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        let sent = |sending: &CodeSending| CodeSending { at: sending.at.min(now), ..*sending };
        Self {
            issued_at: self.issued_at.min(now),
            expires_at: self.issued_at.end_by(self.expires_at, now),
            sendings: self.sendings.iter().map(sent).collect(),
            ..self.clone()
        }
    }
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
