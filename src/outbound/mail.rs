//! An outgoing mail, and the trait of mail transports.

use futures::future::BoxFuture;

use crate::types::{EmailAddress, Invalid, Secret, Timestamp, provider_answer::ProviderAnswer};

/// The sender of all mail: a name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name that mail programs show; may be empty.
    pub name: String,
    pub address: EmailAddress,
}

impl Sender {
    /// Reads `no-reply@example.com` or `Example <no-reply@example.com>`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (name, address) = match text.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"'), address),
            None => ("", text),
        };
        if name.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            return Err(Invalid::new(
                "sender_name",
                "the sender's name must not contain control characters, '<' or '>'",
            ));
        }
        Ok(Self { name: name.to_owned(), address: EmailAddress::parse(address)? })
    }
}

/// A mail with all data that the transport needs.
pub struct OutgoingMail {
    /// `Message-ID` without angle brackets; the same for each try of this mail.
    pub message_id: String,
    pub from: Sender,
    /// The recipient: one address.
    pub to: EmailAddress,
    /// The template's name, for the inbox or a provider's statistics.
    pub kind: &'static str,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The code in the mail, for the development inbox.
    pub code: Option<Secret>,
    /// The link in the mail, for the development inbox.
    pub link: Option<Secret>,
    /// The header `Date` (RFC 5322 section 3.6.1).
    pub date: Timestamp,
}

/// One delivery try: the answer, and the conversation that led to it, for operators. It contains no secret and no part
/// of the mail.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub answer: ProviderAnswer,
    /// The lines of the conversation: `>` sent, `<` received.
    pub conversation: Vec<String>,
}

/// A mail transport. An implementation answers within its own timeout, whatever the server does.
pub trait MailTransport: Send + Sync + 'static {
    /// The name in health and logs.
    fn name(&self) -> &'static str;
    /// Sends one mail.
    fn send<'a>(&'a self, mail: &'a OutgoingMail) -> BoxFuture<'a, Exchange>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        let read = |text| Sender::parse(text).map(|sender| (sender.name, sender.address.as_str().to_owned()));
        let address = || "no-reply@example.com".to_owned();
        assert_eq!(read("no-reply@example.com"), Ok((String::new(), address())));
        assert_eq!(read("Example <no-reply@example.com>"), Ok(("Example".to_owned(), address())));
        assert_eq!(read("\"Example, Inc.\" <no-reply@example.com>"), Ok(("Example, Inc.".to_owned(), address())));
        assert!(read("Example").is_err());
        assert!(read("Exa\r\nBcc: x <no-reply@example.com>").is_err());
    }
}
