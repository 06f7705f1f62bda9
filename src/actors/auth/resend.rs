//! Asking for the verification code again: the same answer for every address.

use std::sync::Arc;

use super::{
    Call, Door,
    verify_email::{Registrant, owners},
};
use crate::{
    actors::otp::Order,
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

pub(super) async fn run(door: Arc<Door>, call: Call, registrant: Registrant) -> Result<Resent, Fault> {
    let now = door.system.clock().now();
    let owners = door.store.read(|view| owners(view, &registrant, now))?;
    // The newest registration is the one its owner is looking at; older ones keep the codes they were sent.
    match owners.first() {
        Some(owner) => {
            door.otp.issue(call.context.clone(), *owner, CodePurpose::VerifyEmail, Order::Asked).await?;
        }
        None => door.otp.pretend(&call).await?,
    }
    Ok(Resent {
        expires_at: now.plus(door.settings.code.lifetime),
        resend_at: now.plus(door.settings.code.resend_after),
    })
}
