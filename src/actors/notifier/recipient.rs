//! The recipient of a notification: always the stored address or number.

use super::plan::Notice;
use crate::{
    domain::notification::{Category, Channel, TemplateName},
    persistence::{
        Reader, TxFault,
        tables::{invitation, registration, user},
    },
    types::{Locale, id::InvitationId},
};

/// An address or number, and the language of its mail.
pub(super) struct Recipient {
    pub(super) to: String,
    pub(super) locale: Option<Locale>,
}

/// The invited person; else the user, if the address is proven or the message has a code; else the registration, for
/// codes only. No typed text is part of a mail. `None`: there is no address to send to.
pub(super) fn recipient(reader: &impl Reader, notice: &Notice) -> Result<Option<Recipient>, TxFault> {
    if notice.template == TemplateName::Invitation {
        let invited = invitation::find(reader, InvitationId::from(notice.owner.uuid()))?;
        return Ok(invited.map(|invited| Recipient { to: invited.email.as_str().to_owned(), locale: invited.locale }));
    }
    let is_code = notice.template.category() == Category::Code;
    if let Some(user) = user::find(reader, notice.owner)? {
        let to = match notice.template.channel() {
            Channel::Email => (is_code || user.email_verified).then(|| user.email.as_str().to_owned()),
            Channel::Sms => user.profile.phone.map(String::from),
        };
        let locale = user.profile.locale;
        return Ok(to.map(|to| Recipient { to, locale }));
    }
    if !is_code {
        return Ok(None);
    }
    Ok(registration::find(reader, notice.owner)?
        .map(|waiting| Recipient { to: waiting.email.as_str().to_owned(), locale: waiting.profile.locale }))
}
