//! The table of the meaning of each provider answer.

use crate::types::provider_answer::{Enhanced, ProviderAnswer, SmtpStep};

/// The meaning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The provider accepted the message.
    Taken,
    /// The delivery is tried again later.
    Temporary(Blame),
    /// The delivery fails; another try would fail too.
    Permanent,
}

/// The cause of a temporary failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The provider, the network, or the program's credentials: counted by the provider's circuit breaker.
    Provider,
    /// This recipient or message only; other deliveries continue.
    Recipient,
}

/// A range of enhanced status codes (subject and detail), or any.
#[derive(Clone, Copy)]
enum Detail {
    Any,
    Missing,
    Is(u16, u16),
    Subject(u16),
}

impl Detail {
    fn matches(self, enhanced: Option<Enhanced>) -> bool {
        match self {
            Self::Any => true,
            Self::Missing => enhanced.is_none(),
            Self::Is(subject, detail) => enhanced.is_some_and(|e| e.subject == subject && e.detail == detail),
            Self::Subject(subject) => enhanced.is_some_and(|e| e.subject == subject),
        }
    }
}

struct Row {
    /// The steps to which the row applies.
    steps: &'static [SmtpStep],
    /// The first and last reply code.
    codes: (u16, u16),
    detail: Detail,
    /// Phrases in lower case, one of which the reply's text must contain; empty: any text.
    phrases: &'static [&'static str],
    meaning: Meaning,
}

impl Row {
    fn matches(&self, step: SmtpStep, code: u16, enhanced: Option<Enhanced>, text: &str) -> bool {
        self.steps.contains(&step)
            && (self.codes.0..=self.codes.1).contains(&code)
            && self.detail.matches(enhanced)
            && (self.phrases.is_empty() || {
                let text = text.to_lowercase();
                self.phrases.iter().any(|phrase| text.contains(phrase))
            })
    }
}

/// No condition on the text.
const ANY: &[&str] = &[];
const PROVIDER: Meaning = Meaning::Temporary(Blame::Provider);
const RECIPIENT: Meaning = Meaning::Temporary(Blame::Recipient);
const BEFORE_MAIL: &[SmtpStep] = &[SmtpStep::Connect, SmtpStep::StartTls, SmtpStep::Authenticate];
const MAIL: &[SmtpStep] = &[SmtpStep::Sender, SmtpStep::Recipient, SmtpStep::Content];

/// Replies about the operator's account that servers give at the recipient or the content, under codes that they also
/// use for recipients: relaying is denied, the sender is not verified, a sending limit is reached.
const ACCOUNT_PHRASES: &[&str] = &[
    "relay",
    "not verified",
    "unverified",
    "verified sender",
    "sender identity",
    "sender verify",
    "sending limit",
    "sending quota",
    "daily",
    "limit exceeded",
    "rate limit",
    "too many messages",
    "authentication required",
    "not authenticated",
    "not authorized to send",
    "account suspended",
    "account disabled",
];

/// Refusals; the first matching row applies. Reply codes by RFC 5321 section 4.2, enhanced codes by RFC 3463.
const REFUSALS: &[Row] = &[
    // A refused greeting, TLS handshake or credential needs an operator or time; the mail must not be dropped.
    Row { steps: BEFORE_MAIL, codes: (400, 599), detail: Detail::Any, phrases: ANY, meaning: PROVIDER },
    // "Service not available, closing": concerns the whole server, at any step.
    Row { steps: MAIL, codes: (421, 421), detail: Detail::Any, phrases: ANY, meaning: PROVIDER },
    // "Authentication required": concerns the program's credentials, not the recipient.
    Row { steps: MAIL, codes: (530, 535), detail: Detail::Any, phrases: ANY, meaning: PROVIDER },
    // 4.3.x: a problem of the mail system (disk full, not accepting).
    Row { steps: MAIL, codes: (400, 499), detail: Detail::Subject(3), phrases: ANY, meaning: PROVIDER },
    // Other 4xx codes: greylisting, a busy mailbox, a limit of this recipient.
    Row { steps: MAIL, codes: (400, 499), detail: Detail::Any, phrases: ANY, meaning: RECIPIENT },
    // Many servers report a full mailbox as permanent, but its owner can empty it.
    Row { steps: MAIL, codes: (500, 599), detail: Detail::Is(2, 2), phrases: ANY, meaning: RECIPIENT },
    // 5.3.x: the system is full or not accepting now.
    Row { steps: MAIL, codes: (500, 599), detail: Detail::Subject(3), phrases: ANY, meaning: PROVIDER },
    // "Exceeded storage allocation" (RFC 5321 section 4.2.3) without an enhanced code: a full mailbox.
    Row { steps: MAIL, codes: (552, 552), detail: Detail::Missing, phrases: ANY, meaning: RECIPIENT },
    // MAIL FROM names the operator's sender only: an operator has to correct what is refused there.
    Row { steps: &[SmtpStep::Sender], codes: (500, 599), detail: Detail::Any, phrases: ANY, meaning: PROVIDER },
    // 5.1.x: the recipient's address, also where the text reads "unverified address".
    Row { steps: MAIL, codes: (500, 599), detail: Detail::Subject(1), phrases: ANY, meaning: Meaning::Permanent },
    // 5.4.5: the daily sending limit of the account.
    Row { steps: MAIL, codes: (500, 599), detail: Detail::Is(4, 5), phrases: ANY, meaning: PROVIDER },
    Row { steps: MAIL, codes: (500, 599), detail: Detail::Any, phrases: ACCOUNT_PHRASES, meaning: PROVIDER },
    // Other 5xx codes: no such mailbox, or refused by policy or content; not tried again.
    Row { steps: MAIL, codes: (500, 599), detail: Detail::Any, phrases: ANY, meaning: Meaning::Permanent },
];

/// The meaning of `answer`.
pub fn meaning(answer: &ProviderAnswer) -> Meaning {
    match answer {
        ProviderAnswer::Taken { .. } => Meaning::Taken,
        ProviderAnswer::Silent { .. } | ProviderAnswer::Broken { .. } => PROVIDER,
        ProviderAnswer::Unfit { .. } => Meaning::Permanent,
        ProviderAnswer::Refused { step, code, enhanced, text } => {
            REFUSALS.iter().find(|row| row.matches(*step, *code, *enhanced, text)).map_or(PROVIDER, |row| row.meaning)
        }
    }
}

/// The class of a failure, for events and counters; never the peer's text.
pub fn class(answer: &ProviderAnswer) -> &'static str {
    match answer {
        ProviderAnswer::Taken { .. } => "taken",
        ProviderAnswer::Silent { .. } => "timeout",
        ProviderAnswer::Broken { .. } => "connection",
        ProviderAnswer::Unfit { .. } => "unfit",
        ProviderAnswer::Refused { .. } => match meaning(answer) {
            Meaning::Taken => "taken",
            Meaning::Permanent => "refused",
            Meaning::Temporary(Blame::Provider) => "provider",
            Meaning::Temporary(Blame::Recipient) => "recipient_busy",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line for each row of the table, and for similar answers that no row matches.
    const CASES: &[(SmtpStep, u16, &str, Meaning)] = &[
        (SmtpStep::Connect, 554, "no SMTP service here", PROVIDER),
        (SmtpStep::Connect, 450, "try later", PROVIDER),
        (SmtpStep::StartTls, 454, "TLS not available", PROVIDER),
        (SmtpStep::Authenticate, 535, "5.7.8 authentication credentials invalid", PROVIDER),
        (SmtpStep::Authenticate, 454, "4.7.0 temporary authentication failure", PROVIDER),
        (SmtpStep::Recipient, 421, "4.3.2 shutting down", PROVIDER),
        (SmtpStep::Content, 421, "closing", PROVIDER),
        (SmtpStep::Sender, 530, "5.7.0 authentication required", PROVIDER),
        (SmtpStep::Sender, 452, "4.3.1 insufficient storage", PROVIDER),
        (SmtpStep::Recipient, 450, "4.2.0 greylisted", RECIPIENT),
        (SmtpStep::Recipient, 451, "greylisted, try again", RECIPIENT),
        (SmtpStep::Content, 452, "4.2.2 over quota", RECIPIENT),
        (SmtpStep::Recipient, 552, "5.2.2 mailbox full", RECIPIENT),
        (SmtpStep::Content, 554, "5.3.4 message too big for system", PROVIDER),
        (SmtpStep::Sender, 550, "5.7.1 sender not allowed", PROVIDER),
        (SmtpStep::Sender, 553, "5.1.8 bad sender", PROVIDER),
        (SmtpStep::Sender, 550, "sender not verified", PROVIDER),
        (SmtpStep::Recipient, 552, "exceeded storage allocation", RECIPIENT),
        (SmtpStep::Recipient, 554, "5.7.1 <ada@example.com>: Relay access denied", PROVIDER),
        (SmtpStep::Recipient, 550, "relay not permitted", PROVIDER),
        (SmtpStep::Content, 550, "5.4.5 Daily user sending limit exceeded", PROVIDER),
        (SmtpStep::Content, 554, "Message rejected: Email address is not verified.", PROVIDER),
        (SmtpStep::Content, 550, "The from address does not match a verified Sender Identity", PROVIDER),
        (SmtpStep::Recipient, 550, "5.1.1 unverified address: no such user", Meaning::Permanent),
        (SmtpStep::Recipient, 550, "5.1.1 no such user", Meaning::Permanent),
        (SmtpStep::Recipient, 550, "no such user", Meaning::Permanent),
        (SmtpStep::Recipient, 550, "5.7.1 refused by policy", Meaning::Permanent),
        (SmtpStep::Content, 554, "5.6.0 content refused", Meaning::Permanent),
        // A code outside the protocol's range gives no information about the recipient.
        (SmtpStep::Content, 604, "?", PROVIDER),
    ];

    #[test]
    fn every_refusal_means_what_the_table_says() {
        for (step, code, text, expected) in CASES {
            assert_eq!(meaning(&ProviderAnswer::refused(*step, *code, text)), *expected, "{step:?} {code} {text}");
        }
    }

    #[test]
    fn every_row_is_reached_by_a_case() {
        for (index, row) in REFUSALS.iter().enumerate() {
            let reached = CASES.iter().any(|(step, code, text, _)| {
                let ProviderAnswer::Refused { enhanced, .. } = ProviderAnswer::refused(*step, *code, text) else {
                    return false;
                };
                let fits = |row: &Row| row.matches(*step, *code, enhanced, text);
                fits(row) && !REFUSALS[..index].iter().any(fits)
            });
            assert!(reached, "no case reaches row {index}");
        }
    }

    #[test]
    fn silence_and_broken_connections_are_the_providers_and_never_final() {
        for step in SmtpStep::ALL {
            assert_eq!(meaning(&ProviderAnswer::Silent { step }), PROVIDER);
            assert_eq!(meaning(&ProviderAnswer::broken(step, "reset")), PROVIDER);
        }
        assert_eq!(meaning(&ProviderAnswer::Unfit { text: "no such header".into() }), Meaning::Permanent);
        assert_eq!(meaning(&ProviderAnswer::taken("2.0.0 queued")), Meaning::Taken);
    }
}
