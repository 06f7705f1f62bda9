//! Encodes an `OutgoingMail` as the bytes of a message (RFC 5322, MIME).

use std::time::{Duration, UNIX_EPOCH};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};

use crate::outbound::mail::OutgoingMail;

/// `Auto-Submitted` (RFC 3834 section 5): prevents automatic replies to this mail.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The message, with text first and HTML second (RFC 2046 section 5.1.4). The error is a text.
pub(super) fn write(mail: &OutgoingMail) -> Result<Message, String> {
    let address = |text: &str| text.parse::<Address>().map_err(|fault| fault.to_string());
    let name = Some(mail.from.name.clone()).filter(|name| !name.is_empty());
    let micros = u64::try_from(mail.date.as_micros()).unwrap_or(0);
    Message::builder()
        .message_id(Some(format!("<{}>", mail.message_id)))
        .date(UNIX_EPOCH + Duration::from_micros(micros))
        .from(Mailbox::new(name, address(mail.from.address.as_str())?))
        .to(Mailbox::new(None, address(mail.to.as_str())?))
        .subject(mail.subject.clone())
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outbound::mail::Sender,
        types::{EmailAddress, Timestamp},
    };

    #[test]
    fn a_message_has_its_headers_and_both_bodies() {
        let mail = OutgoingMail {
            message_id: "0199-x@example.com".into(),
            from: Sender::parse("Söhne <no-reply@example.com>").unwrap(),
            to: EmailAddress::parse("ada@example.org").unwrap(),
            kind: "verification_code",
            subject: "Ihr Bestätigungscode\r\nBcc: x@example.org".into(),
            text: "482913\n".into(),
            html: "<p>482913</p>".into(),
            code: None,
            link: None,
            date: Timestamp::from_micros(1_767_323_045_000_000),
        };
        let bytes = write(&mail).unwrap().formatted();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_ascii());
        for line in [
            "Message-ID: <0199-x@example.com>\r\n",
            "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n",
            "To: ada@example.org\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
        ] {
            assert!(text.contains(line), "{line:?} is missing in\n{text}");
        }
        assert!(!text.contains("\nBcc:"), "no header can be smuggled in");
        assert!(text.find("text/plain").unwrap() < text.find("text/html").unwrap());
    }
}
