//! The code that a mail carries: asked for when the mail is sent, and never stored with it.

use super::{bell::Bell, render::CodeOnMail};
use crate::{
    crypto::invitation_code::InvitationCode,
    domain::notification::{Notification, TemplateName},
    persistence::tables::invitation,
    types::{
        Fault,
        id::{InvitationId, UserId},
    },
};

/// What a mail has to do with a code.
pub(super) enum LiveCode {
    /// It carries none.
    NotNeeded,
    /// It carries this one.
    Live(CodeOnMail),
    /// It carries one that is void: it is not to be sent.
    Void,
}

/// The code of a notification as it is now.
pub(super) async fn of(bell: &Bell, notification: &Notification) -> Result<LiveCode, Fault> {
    let found = match (notification.code, notification.template) {
        (Some(wanted), _) => bell.codes.reveal(wanted.owner, wanted.purpose, wanted.code).await?,
        (None, TemplateName::Invitation) => of_invitation(bell, notification.owner)?,
        (None, _) => return Ok(LiveCode::NotNeeded),
    };
    Ok(found.map_or(LiveCode::Void, LiveCode::Live))
}

/// The code of an invitation that still waits for its guest.
fn of_invitation(bell: &Bell, guest: UserId) -> Result<Option<CodeOnMail>, Fault> {
    let now = bell.system.clock().now();
    let found = bell.store.read(|view| invitation::find(view, InvitationId::from(guest.uuid())))?;
    let live = found.filter(|found| found.is_live(now));
    Ok(live.map(|found| CodeOnMail { digits: InvitationCode::of(found.code).text(), expires_at: found.expires_at }))
}
