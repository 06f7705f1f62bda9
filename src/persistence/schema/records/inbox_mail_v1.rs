//! A mail in the development inbox, as it was before its code and link stood beside it.

use serde::Deserialize;

use crate::{
    domain::notification::{Channel, InboxMail, TemplateName},
    types::{
        Timestamp,
        id::{DeliveryId, MailId},
    },
};

/// Schema 1.
#[derive(Deserialize)]
pub(in crate::persistence::schema) struct InboxMailV1 {
    id: MailId,
    delivery: DeliveryId,
    channel: Channel,
    to: String,
    template: TemplateName,
    subject: String,
    text: String,
    html: String,
    created_at: Timestamp,
}

impl From<InboxMailV1> for InboxMail {
    /// The code of such a mail is in its text alone.
    fn from(before: InboxMailV1) -> Self {
        let InboxMailV1 { id, delivery, channel, to, template, subject, text, html, created_at } = before;
        Self { id, delivery, channel, to, template, subject, text, html, code: None, link: None, created_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::schema::records::stored;

    /// A record that the program stored before mails had their code beside them.
    const STORED: &str = "0100011001a3185c5000786295d1ff52dae2c3cb1001a3185c500078549c337355c99bdb04001270657273\
                          6f6e406578616d706c652e636f6d02077375626a656374206f6e6c792d7365616c65642d616e642d6e6576\
                          65722d696e2d612d66696c652100fd000031512eca0c00";

    #[test]
    fn a_mail_of_before_is_read() {
        let read: InboxMail = stored(STORED);
        assert_eq!((read.to.as_str(), read.template), ("person@example.com", TemplateName::ResetCode));
        assert_eq!((read.code, read.link), (None, None));
        assert_eq!(read.text, "only-sealed-and-never-in-a-file!");
    }
}
