//! The code in a mail: read when the mail is sent, and not stored with it.

use futures::future::BoxFuture;

use super::{context::NotifierContext, render::CodeOnMail};
use crate::{
    actors::otp::{LiveCode, Otp},
    crypto::invitation_code::InvitationCode,
    domain::{
        notification::{Notification, TemplateName},
        otp::CodePurpose,
    },
    persistence::tables::invitation,
    types::{
        Fault,
        id::{CodeId, InvitationId, UserId},
    },
};

/// Reads the digits of valid codes, and the secrets of their links.
pub trait CodeSource: Send + Sync + 'static {
    /// The digits of this issue of the code while they are valid; `None`: they are void, used or replaced.
    fn reveal(
        &self,
        owner: UserId,
        purpose: CodePurpose,
        code: CodeId,
    ) -> BoxFuture<'_, Result<Option<LiveCode>, Fault>>;
}

impl CodeSource for Otp {
    fn reveal(
        &self,
        owner: UserId,
        purpose: CodePurpose,
        code: CodeId,
    ) -> BoxFuture<'_, Result<Option<LiveCode>, Fault>> {
        Box::pin(Self::reveal(self, owner, purpose, code))
    }
}

/// The code of a mail.
pub(super) enum MailCode {
    /// The template has no code.
    NotNeeded,
    /// The code is valid.
    Live(CodeOnMail),
    /// The code is no longer valid; the mail is not sent.
    Void,
}

/// Reads the present code of a notification.
pub(super) async fn of(context: &NotifierContext, notification: &Notification) -> Result<MailCode, Fault> {
    let found = match (notification.code, notification.template) {
        (Some(wanted), _) => {
            let live = context.codes.reveal(wanted.owner, wanted.purpose, wanted.code).await?;
            live.map(|live| with_link(context, wanted.purpose, live))
        }
        (None, TemplateName::Invitation) => of_invitation(context, notification.owner).await?,
        (None, _) => return Ok(MailCode::NotNeeded),
    };
    Ok(found.map_or(MailCode::Void, MailCode::Live))
}

fn with_link(context: &NotifierContext, purpose: CodePurpose, live: LiveCode) -> CodeOnMail {
    let LiveCode { digits, link_secret, expires_at } = live;
    let link = link_secret.and_then(|secret| context.links.link(purpose, &secret));
    CodeOnMail { digits, link, expires_at }
}

/// The code of an invitation; `None` if it was used, revoked or has expired.
async fn of_invitation(context: &NotifierContext, guest: UserId) -> Result<Option<CodeOnMail>, Fault> {
    let now = context.system.clock().now();
    let id = InvitationId::from(guest.uuid());
    let found = context.store.read(move |view| invitation::find(view, id)).await?;
    let live = found.filter(|found| found.is_live(now));
    Ok(live.map(|found| CodeOnMail {
        digits: InvitationCode::of(found.code).text(),
        link: None,
        expires_at: found.expires_at,
    }))
}
