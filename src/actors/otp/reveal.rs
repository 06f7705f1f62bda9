//! Handing a code to its delivery: only while it lives, so that an expired code is never sent late.

use super::context::{OtpContext, linked};
use crate::{
    crypto::{code::CodeDigits, link_secret::LinkSecret},
    domain::otp::{CodeProgress, CodePurpose, CodeStage, progress},
    persistence::tables::code,
    types::{
        Fault, Secret, Timestamp,
        id::{CodeId, UserId},
    },
};

/// A code that may be sent now.
#[derive(Debug, Clone)]
pub struct LiveCode {
    /// Six digits, or eight.
    pub digits: Secret,
    /// The secret of the link in the same mail.
    pub link_secret: Option<Secret>,
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
    let live = found.filter(|code| match progress(code, now, &context.limits) {
        CodeProgress::Pending { .. } => code.id == wanted,
        CodeProgress::Verified | CodeProgress::Expired | CodeProgress::Void => false,
    });
    Ok(live.map(|code| LiveCode {
        link_secret: context.links.secret(&linked(&code)),
        expires_at: code.expires_at,
        digits: Secret::new(CodeDigits::of_record(code.digits).reveal()),
    }))
}

/// Whether `secret` is that of a code of its owner for `purpose` that was not ended.
pub(super) async fn knows_link(context: &OtpContext, secret: &LinkSecret, purpose: CodePurpose) -> Result<bool, Fault> {
    let now = context.system.clock().now();
    let owner = secret.owner();
    let found = context.store.read(move |view| code::find(view, owner, purpose)).await?;
    Ok(found.is_some_and(|code| match code.state {
        CodeStage::Live | CodeStage::Used => now < code.expires_at && context.links.match_code(secret, &linked(&code)),
        CodeStage::Void => false,
    }))
}
