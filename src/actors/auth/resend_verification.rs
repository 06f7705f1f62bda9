//! Asking for the verification code again: the same answer for every address.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{
    AuthContext,
    verify_email::{Registrant, owners},
};
use crate::{
    actors::otp::CodeOrder,
    domain::otp::CodePurpose,
    supervision::Command,
    types::{Call, Failure, Timestamp, limits},
};

/// Whose code is sent again, if there is one to send.
#[derive(Debug, Clone)]
pub struct ResendVerification {
    /// Whose.
    pub registrant: Registrant,
}

/// What is answered for every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resent {
    /// The latest time at which a code sent now runs out; a code that is sent again keeps its own end, which the mail
    /// names.
    pub expires_at: Timestamp,
    /// From when on one may be asked for again.
    pub resend_at: Timestamp,
}

impl Command<AuthContext> for ResendVerification {
    type Answer = Resent;
    type Refusal = Infallible;
    const KIND: &'static str = "resend_verification";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<Resent, Failure<Infallible>> {
        let now = context.system.clock().now();
        let owners = context.store.read(|view| owners(view, &self.registrant, now))?;
        // The newest registration is the one its owner is looking at; older ones keep the codes they were sent.
        match owners.first() {
            Some(owner) => {
                context.otp.issue(call.context.clone(), *owner, CodePurpose::VerifyEmail, CodeOrder::Asked).await?;
            }
            None => context.otp.pretend(&call).await?,
        }
        Ok(Resent {
            expires_at: now.plus(context.settings.code.lifetime),
            resend_at: now.plus(context.settings.code.resend_after),
        })
    }
}
