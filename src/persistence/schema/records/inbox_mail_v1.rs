//! A mail in the development inbox, as it was before it named its code.

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
    /// The code of such a mail is in its text alone; a code lasts ten minutes by default.
    fn from(before: InboxMailV1) -> Self {
        let InboxMailV1 { id, delivery, channel, to, template, subject, text, html, created_at } = before;
        Self { id, delivery, channel, to, template, subject, text, html, code: None, created_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::machinery::codec;

    /// A mail that the program stored before mails named their code.
    const STORED: &str = "0100011001a3185c5000786295d1ff52dae2c3cb1001a3185c500078549c337355c99b\
                          db040012706572736f6e406578616d706c652e636f6d02075375626a65637404546578\
                          7400fd000031512eca0c00";

    #[test]
    fn a_mail_of_before_is_read_and_names_no_code() {
        let bytes: Vec<u8> =
            (0..STORED.len() / 2).map(|at| u8::from_str_radix(&STORED[2 * at..2 * at + 2], 16).unwrap()).collect();
        let read: InboxMail = codec::decode(&bytes).unwrap();
        assert_eq!((read.to.as_str(), read.subject.as_str(), read.code), ("person@example.com", "Subject", None));
    }
}
