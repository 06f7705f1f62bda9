//! How a code stands, for the owner who asked for it. A read of the store.

use super::context::OtpContext;
use crate::{
    domain::otp::{CodeProgress, CodePurpose, progress, resend_at},
    persistence::tables::code,
    types::{
        Fault, Timestamp,
        id::{CodeId, UserId},
    },
};

/// A code without its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeState {
    /// Its id.
    pub code: CodeId,
    /// What it is to prove.
    pub purpose: CodePurpose,
    /// How far it has come.
    pub progress: CodeProgress,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// From when on it may be asked for again.
    pub resend_at: Timestamp,
}

/// The code `wanted` of `owner`; `None` if there is none, or another took its place.
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
