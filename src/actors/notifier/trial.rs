//! Sends a test mail for an operator, without queue and store.

use std::sync::Arc;

use super::transport::{NotifierFault, sender, smtp};
use crate::{
    config,
    outbound::mail::{Exchange, MailTransport, OutgoingMail},
    types::{Clock, EmailAddress, Stamp, id::uuid_v7},
};

/// Sends one mail to `to` by the mail server of `settings` and returns the conversation, which holds no secret. `None`:
/// the transport is the development inbox, and no server is contacted.
pub async fn try_mail(
    settings: &config::EmailConfig,
    to: &EmailAddress,
    stamp: Stamp,
    clock: Arc<dyn Clock>,
) -> Result<Option<Exchange>, NotifierFault> {
    match settings.transport {
        config::MailTransportChoice::Inbox => Ok(None),
        config::MailTransportChoice::Smtp => {
            let mail = trial(settings, to, stamp)?;
            Ok(Some(smtp(settings, clock)?.send(&mail).await))
        }
    }
}

fn trial(settings: &config::EmailConfig, to: &EmailAddress, stamp: Stamp) -> Result<OutgoingMail, NotifierFault> {
    let from = sender(settings)?;
    let mut random = [0; 10];
    random.copy_from_slice(&stamp.seed[..10]);
    Ok(OutgoingMail {
        message_id: format!("{}@{}", uuid_v7(stamp.now, random), from.address.domain()),
        to: to.clone(),
        kind: "test",
        subject: format!("Test of mail from {}", from.address.domain()),
        text: "This mail shows that mail can be sent. There is nothing to do.\n".to_owned(),
        html: "<p>This mail shows that mail can be sent. There is nothing to do.</p>".to_owned(),
        code: None,
        link: None,
        date: stamp.now,
        from,
    })
}
