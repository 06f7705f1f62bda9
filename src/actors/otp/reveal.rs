//! Reveals a code to its delivery, only while it is valid, so that no expired code is sent.

use super::context::{OtpContext, linked};
use crate::{
    crypto::{code::CodeDigits, link_secret::LinkSecret},
    domain::otp::{CodeProgress, CodePurpose, CodeStage, OneTimeCode, progress},
    persistence::tables::code,
    types::{
        Fault, Secret, Timestamp,
        id::{CodeId, UserId},
    },
};

/// A valid code, for its delivery.
#[derive(Debug, Clone)]
pub struct LiveCode {
    /// Six or eight digits.
    pub digits: Secret,
    /// The secret of the link in the same mail.
    pub link_secret: Option<Secret>,
    pub expires_at: Timestamp,
}

/// The digits of the issue `wanted`; `None` if it is used, void, expired or replaced. A code without tries left is
/// revealed if its mail has a link, which no wrong try ends.
pub(super) async fn run(
    context: &OtpContext,
    owner: UserId,
    purpose: CodePurpose,
    wanted: CodeId,
) -> Result<Option<LiveCode>, Fault> {
    let now = context.system.clock().now();
    let found = context.store.read(move |view| code::find(view, owner, purpose)).await?;
    let has_link = |code: &OneTimeCode| {
        code.state == CodeStage::Live && now < code.expires_at && context.links.secret(&linked(code)).is_some()
    };
    let live = found.filter(|code| match progress(code, now, &context.limits) {
        CodeProgress::Pending { .. } => code.id == wanted,
        CodeProgress::Void => code.id == wanted && has_link(code),
        CodeProgress::Verified | CodeProgress::Expired => false,
    });
    Ok(live.map(|code| LiveCode {
        link_secret: context.links.secret(&linked(&code)),
        expires_at: code.expires_at,
        digits: Secret::new(CodeDigits::of_record(code.digits).reveal()),
    }))
}

/// Whether `secret` belongs to a code of its owner for `purpose` that is not void and has not expired.
pub(super) async fn knows_link(context: &OtpContext, secret: &LinkSecret, purpose: CodePurpose) -> Result<bool, Fault> {
    let now = context.system.clock().now();
    let owner = secret.owner();
    let found = context.store.read(move |view| code::find(view, owner, purpose)).await?;
    Ok(found.is_some_and(|code| match code.state {
        CodeStage::Live | CodeStage::Used => now < code.expires_at && context.links.match_code(secret, &linked(&code)),
        CodeStage::Void => false,
    }))
}
