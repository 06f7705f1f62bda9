//! Reads the state of a code, for the owner who requested it.

use super::context::OtpContext;
use crate::{
    domain::otp::{CodeProgress, CodePurpose, progress, resend_at},
    persistence::tables::code,
    types::{
        Fault, Timestamp,
        id::{CodeId, UserId},
    },
};

/// The state of a code, without its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeState {
    pub code: CodeId,
    pub purpose: CodePurpose,
    pub progress: CodeProgress,
    pub expires_at: Timestamp,
    /// The time from which the code can be requested again.
    pub resend_at: Timestamp,
}

/// The code `wanted` of `owner`; `None` if it does not exist or was replaced.
pub(super) async fn run(context: &OtpContext, owner: UserId, wanted: CodeId) -> Result<Option<CodeState>, Fault> {
    let now = context.system.clock().now();
    let codes = context.store.read(move |view| code::of_owner(view, owner)).await?;
    let found = codes.into_iter().find(|code| code.id == wanted);
    Ok(found.map(|code| CodeState {
        code: code.id,
        purpose: code.purpose,
        progress: progress(&code, now, &context.limits),
        expires_at: code.expires_at,
        resend_at: resend_at(&code, &context.limits),
    }))
}
