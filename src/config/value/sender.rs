//! The sender of mail.

use super::Text;
use crate::types::EmailAddress;

/// The sender of all mail: `no-reply@example.com` or `Example <no-reply@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSender {
    /// The name that mail programs show; may be empty.
    pub name: String,
    /// The address.
    pub address: EmailAddress,
}

impl Text for MailSender {
    fn notation() -> String {
        "an address, or a name and an address such as \"Example <no-reply@example.com>\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"'), address),
            None => ("", text),
        };
        if name.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
            return Err("the name holds control characters, '<' or '>'".to_owned());
        }
        let address = EmailAddress::parse(address).map_err(|_| "not an address".to_owned())?;
        Ok(Self { name: name.to_owned(), address })
    }

    fn text(&self) -> String {
        match self.name.as_str() {
            "" => self.address.as_str().to_owned(),
            name => format!("{name} <{}>", self.address.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_reads_as_it_is_written() {
        for text in ["no-reply@example.com", "Example <no-reply@example.com>", "Example, Inc. <no-reply@example.com>"] {
            assert_eq!(MailSender::parse(text).unwrap().text(), text);
        }
        for text in
            ["", "Example", "Example <no-reply@example.com", "A <b> <c@example.com>", "A\r\nBcc: <c@example.com>"]
        {
            assert!(MailSender::parse(text).is_err(), "{text}");
        }
    }
}
