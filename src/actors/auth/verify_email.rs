//! Verification of an address: the right code turns its registration into a user, in one commit.
//!
//! A code is tried for the one registration that is named, a link's secret for the one whose mail carried it. The
//! address alone names none: it may have been registered by several people, and the code of one would activate the
//! password of another.

use std::{sync::Arc, time::Duration};

use super::{AuthContext, proof};
use crate::{
    actors::otp::Tried,
    crypto::{code::CodeDigits, link_secret::LinkSecret},
    domain::{otp::CodePurpose, user::User},
    supervision::Command,
    types::{
        Call, Failure, Secret,
        id::{SessionId, UserId},
        limits,
    },
};

/// The proof that the caller reads mail to the address.
#[derive(Debug, Clone)]
pub enum EmailProof {
    /// The code from the mail of a registration.
    Code {
        /// The registration, or the user that it became.
        owner: UserId,
        /// The code as typed.
        code: String,
    },
    /// The secret of the link in the same mail.
    Link(Secret),
}

/// Verifies the address of a registration.
#[derive(Debug, Clone)]
pub struct VerifyEmail {
    pub proof: EmailProof,
    /// The session of the token in the request; see `Auth::session_named_by`. The user's other sessions end.
    pub prover: Option<SessionId>,
}

/// The answer to a valid proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailVerified {
    /// The proof verified the address of this user.
    Now(Box<User>),
    /// The code was used before. The answer has no profile, so that a leaked used code reveals none.
    Before,
}

/// The only refusal of a verification, for every reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInvalid;

impl Command<AuthContext> for VerifyEmail {
    type Answer = EmailVerified;
    type Refusal = CodeInvalid;
    const KIND: &'static str = "verify_email";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<EmailVerified, Failure<CodeInvalid>> {
        let effect = |owner| proof::verify_email(&context.keys.identifier, owner, self.prover);
        let (otp, purpose) = (&context.otp, CodePurpose::VerifyEmail);
        // A text without the form of a code or secret is refused before the search for an owner, so that the cost does
        // not depend on the owner.
        let (owner, tried) = match &self.proof {
            EmailProof::Code { owner, code } if CodeDigits::parse(code).is_ok() => {
                (*owner, otp.verify(call.context, *owner, purpose, code, effect(*owner)).await?)
            }
            EmailProof::Code { .. } => return Err(Failure::Refused(CodeInvalid)),
            EmailProof::Link(text) => {
                let secret = LinkSecret::parse(text).map_err(|_| Failure::Refused(CodeInvalid))?;
                let owner = secret.owner();
                (owner, otp.follow_link(call.context, secret, purpose, effect(owner)).await?)
            }
        };
        match tried {
            Tried::Right => {
                let found = context.store.read(move |view| proof::came_to_be(view, owner)).await?;
                found.map(|user| EmailVerified::Now(Box::new(user))).ok_or(Failure::Refused(CodeInvalid))
            }
            Tried::RightAgain => Ok(EmailVerified::Before),
            Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => Err(Failure::Refused(CodeInvalid)),
        }
    }
}
