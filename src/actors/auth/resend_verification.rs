//! Asking for the verification code again: the same answer for every address.

use std::sync::Arc;

use super::{
    AuthContext, Call,
    verify_email::{Registrant, owners},
};
use crate::{
    actors::otp::CodeOrder,
    domain::otp::CodePurpose,
    types::{Fault, Timestamp},
};

/// What everybody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resent {
    /// The latest time at which a code sent now runs out; a code that is sent again keeps its own end, which the mail
    /// names.
    pub expires_at: Timestamp,
    /// From when on one may be asked for again.
    pub resend_at: Timestamp,
}

pub(super) async fn run(context: Arc<AuthContext>, call: Call, registrant: Registrant) -> Result<Resent, Fault> {
    let now = context.system.clock().now();
    let owners = context.store.read(|view| owners(view, &registrant, now))?;
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
