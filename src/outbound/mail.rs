//! Mail as it leaves the process, and the trait of whoever takes it.

use futures::future::BoxFuture;

use crate::types::{EmailAddress, Invalid, Timestamp, provider_answer::ProviderAnswer};

/// The sender of all mail: a name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name that mail programs show; may be empty.
    pub name: String,
    /// The address.
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

/// A mail with all that its receiver needs.
pub struct OutgoingMail {
    /// `Message-ID` without angle brackets: the same each time this mail is sent.
    pub message_id: String,
    /// Who sends.
    pub from: Sender,
    /// Who receives: one address.
    pub to: EmailAddress,
    /// What kind of mail it is: the template's name, for an inbox or a provider's statistics.
    pub kind: &'static str,
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// `Date`.
    pub date: Timestamp,
}

/// One handing over: the answer, and the conversation that led to it, for an operator's eyes. It holds no secret and
/// nothing of the mail's content.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What came of it.
    pub answer: ProviderAnswer,
    /// What was said, `>` by us and `<` by the party.
    pub conversation: Vec<String>,
}

/// Whoever takes mail. An implementation answers within a time of its own, whatever the party does.
pub trait MailTransport: Send + Sync + 'static {
    /// Its name in health and logs.
    fn name(&self) -> &'static str;
    /// Hands one mail over.
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
