//! The answer of a mail provider, in types that `outbound` and `domain` share. What an answer means is one table in
//! `domain/notification/answer.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits;

/// The step of an SMTP session (RFC 5321 section 3). Stored by position: new ones are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmtpStep {
    /// Name resolution, connection, TLS if it comes first, greeting and `EHLO`.
    Connect,
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `AUTH` (RFC 4954).
    Authenticate,
    /// `MAIL FROM` (RFC 5321 section 4.1.1.2).
    Sender,
    /// `RCPT TO` (RFC 5321 section 4.1.1.3).
    Recipient,
    /// `DATA` and the message (RFC 5321 section 4.1.1.4).
    Content,
}

impl SmtpStep {
    /// All steps in order.
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::StartTls, Self::Authenticate, Self::Sender, Self::Recipient, Self::Content];

    /// The name in logs and timelines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::StartTls => "starttls",
            Self::Authenticate => "authenticate",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Content => "content",
        }
    }
}

/// An enhanced status code (RFC 3463): class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u8,
    /// The subject: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail of the subject.
    pub detail: u16,
}

impl Enhanced {
    /// The code at the beginning of a reply's text, if there is one.
    pub fn leading(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        let mut parts = word.split('.');
        let class = parts.next()?.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        let subject = parts.next()?.parse().ok()?;
        let detail = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { class, subject, detail })
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// The result of one delivery try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderAnswer {
    /// Accepted: the provider is responsible for the delivery.
    Taken {
        /// The provider's text, truncated.
        text: String,
    },
    /// Refused by the provider.
    Refused {
        /// The step that was refused.
        step: SmtpStep,
        /// The reply code, 400 to 599.
        code: u16,
        /// The enhanced code, if the reply had one.
        enhanced: Option<Enhanced>,
        /// The provider's text, truncated.
        text: String,
    },
    /// No answer before the timeout. The message may have been accepted.
    Silent {
        /// The step without an answer.
        step: SmtpStep,
    },
    /// The connection failed or broke, or TLS was not negotiated, or the reply was not valid.
    Broken {
        /// The step that failed.
        step: SmtpStep,
        /// The error of the connection, truncated.
        text: String,
    },
    /// The message cannot be sent as it is: nothing was sent to the provider.
    Unfit { text: String },
}

impl ProviderAnswer {
    /// A refusal, with its enhanced code read from the text.
    pub fn refused(step: SmtpStep, code: u16, text: &str) -> Self {
        Self::Refused { step, code, enhanced: Enhanced::leading(text), text: cut(text) }
    }

    /// A connection that failed or broke.
    pub fn broken(step: SmtpStep, text: &str) -> Self {
        Self::Broken { step, text: cut(text) }
    }

    /// An acceptance.
    pub fn taken(text: &str) -> Self {
        Self::Taken { text: cut(text) }
    }
}

impl fmt::Display for ProviderAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { text } => write!(f, "taken: {text}"),
            Self::Refused { step, code, text, .. } => write!(f, "refused at {}: {code} {text}", step.as_str()),
            Self::Silent { step } => write!(f, "no answer in time at {}", step.as_str()),
            Self::Broken { step, text } => write!(f, "broken at {}: {text}", step.as_str()),
            Self::Unfit { text } => write!(f, "cannot be sent: {text}"),
        }
    }
}

/// A peer's text in one line, without control characters, at most `limits::ANSWER_TEXT_MAX` characters.
fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limits::ANSWER_TEXT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enhanced_code_is_read_only_where_one_stands() {
        let code = |class, subject, detail| Some(Enhanced { class, subject, detail });
        for (text, expected) in [
            ("5.1.1 no such user", code(5, 1, 1)),
            ("4.7.1", code(4, 7, 1)),
            ("2.0.0 Ok: queued", code(2, 0, 0)),
            ("3.1.1 odd class", None),
            ("5.1 short", None),
            ("5.1.1.1 long", None),
            ("no such user 5.1.1", None),
            ("", None),
        ] {
            assert_eq!(Enhanced::leading(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_peers_text_is_cut_to_one_short_line() {
        let ProviderAnswer::Refused { text, .. } =
            ProviderAnswer::refused(SmtpStep::Content, 550, &"a\r\nb".repeat(500))
        else {
            panic!("a refusal was expected");
        };
        assert_eq!(text.chars().count(), limits::ANSWER_TEXT_MAX);
        assert!(!text.contains(['\r', '\n']));
    }
}
