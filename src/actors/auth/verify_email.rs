//! Verification of an address: the right code turns its registration into a user, in one commit.
//!
//! A code is tried for the one registration that is named. The address alone names none: it may have been registered by
//! several people, and the code of one would activate the password of another.

use std::{sync::Arc, time::Duration};

use super::{AuthContext, proof};
use crate::{
    actors::otp::Tried,
    crypto::code::CodeDigits,
    domain::{otp::CodePurpose, user::User},
    persistence::{
        Reader, TxFault,
        tables::{registration, user},
    },
    supervision::Command,
    types::{
        Call, Failure,
        id::{SessionId, UserId},
        limits,
    },
};

/// A code for the address of a registration.
#[derive(Debug, Clone)]
pub struct VerifyEmail {
    /// The registration, or the user it became.
    pub owner: UserId,
    /// What was typed.
    pub code: String,
    /// The session whose token came with the code; see `Auth::session_named_by`. The user's other sessions end.
    pub prover: Option<SessionId>,
}

/// The address is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailVerified {
    /// By this code: the user.
    Now(Box<User>),
    /// The code was used before. It shows no profile: a used code that leaks must not.
    Before,
}

/// The one way in which verification fails, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInvalid;

impl Command<AuthContext> for VerifyEmail {
    type Answer = EmailVerified;
    type Refusal = CodeInvalid;
    const KIND: &'static str = "verify_email";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<EmailVerified, Failure<CodeInvalid>> {
        // What cannot be a code is refused before an owner is looked up: it would cost nothing for those who have one.
        if CodeDigits::parse(&self.code).is_err() {
            return Err(Failure::Refused(CodeInvalid));
        }
        let effect = proof::verify_email(self.owner, self.prover);
        let otp = &context.otp;
        match otp.verify(call.context, self.owner, CodePurpose::VerifyEmail, &self.code, effect).await? {
            Tried::Right => {
                let found = context.store.read(move |view| came_to_be(view, self.owner)).await?;
                found.map(|user| EmailVerified::Now(Box::new(user))).ok_or(Failure::Refused(CodeInvalid))
            }
            Tried::RightAgain => Ok(EmailVerified::Before),
            Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => Err(Failure::Refused(CodeInvalid)),
        }
    }
}

/// The user a registration became: of the same id, or who held its address without having proven it.
fn came_to_be(reader: &impl Reader, owner: UserId) -> Result<Option<User>, TxFault> {
    if let Some(user) = user::find(reader, owner)? {
        return Ok(Some(user));
    }
    let Some(registered) = registration::find(reader, owner)? else { return Ok(None) };
    Ok(user::find_by_email(reader, &registered.email)?.filter(|user| user.email_verified))
}
