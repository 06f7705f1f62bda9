//! Handing a code to its delivery: only while it lives, so that an expired code is never sent late.

use super::context::OtpContext;
use crate::{
    crypto,
    domain::otp::{CodePurpose, CodeStage},
    persistence::tables::code,
    types::{
        Fault, Secret, Timestamp,
        id::{CodeId, UserId},
    },
};

/// A code that may be sent now.
#[derive(Debug, Clone)]
pub struct LiveCode {
    /// Six digits.
    pub digits: Secret,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// The digits of the issue `wanted`, unless it was used, is void or over, or another took its place.
pub(super) async fn run(
    context: &OtpContext,
    owner: UserId,
    purpose: CodePurpose,
    wanted: CodeId,
) -> Result<Option<LiveCode>, Fault> {
    let now = context.system.clock().now();
    let found = context.store.read(move |view| code::find(view, owner, purpose)).await?;
    let live = found.filter(|code| code.id == wanted && code.state == CodeStage::Live && now < code.expires_at);
    Ok(live.map(|code| LiveCode {
        digits: Secret::new(crypto::code::CodeDigits::of_record(code.digits).reveal()),
        expires_at: code.expires_at,
    }))
}
