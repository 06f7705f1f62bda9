//! The state of the mail provider in this process: whether it works, and what the log reports about it.

use std::collections::BTreeSet;

use crate::{
    domain::notification::Breaker,
    types::{Timestamp, limits, provider_answer::ProviderAnswer},
};

/// The state of the provider. It is in memory only; a new process starts without it.
#[derive(Default)]
pub(super) struct ProviderState {
    pub(super) breaker: Breaker,
    pub(super) failing_since: Option<Timestamp>,
    /// The provider's last failure or permanent refusal, without addresses.
    pub(super) last_failure: Option<String>,
    /// The recipients that were refused permanently since the last accepted mail, at most
    /// `limits::RECIPIENTS_REFUSED`.
    refused: BTreeSet<String>,
    /// The time of the last failure that the log reported.
    logged_at: Option<Timestamp>,
}

/// What the log reports about an exchange with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderChange {
    /// Nothing is logged.
    Nothing,
    /// The provider fails, for the first time or still.
    Fails,
    /// The provider refuses recipients permanently: the first time, or many different ones in a row.
    Refuses,
    /// Sending pauses after several failures in a row.
    Opened,
    /// The provider works again.
    Recovered,
}

impl ProviderState {
    /// Records a failure of the provider, of the connection to it, or of the operator's account with it.
    pub(super) fn failed(&mut self, now: Timestamp, answer: &ProviderAnswer) -> ProviderChange {
        let was_open = self.breaker.is_open();
        self.breaker.failed(now);
        self.failing_since.get_or_insert(now);
        self.last_failure = Some(without_addresses(&answer.to_string()));
        if self.breaker.is_open() && !was_open {
            self.logged_at = Some(now);
            return ProviderChange::Opened;
        }
        self.throttled(now, ProviderChange::Fails)
    }

    /// Records the permanent refusal of a recipient. One such answer concerns the recipient; the same answer to
    /// different recipients in a row concerns the operator's account.
    pub(super) fn refused(&mut self, now: Timestamp, recipient: &str, answer: &ProviderAnswer) -> ProviderChange {
        let change = self.answered();
        self.last_failure = Some(without_addresses(&answer.to_string()));
        if self.refused.len() < limits::RECIPIENTS_REFUSED {
            self.refused.insert(recipient.to_owned());
        }
        match change {
            ProviderChange::Recovered => change,
            ProviderChange::Nothing | ProviderChange::Fails | ProviderChange::Refuses | ProviderChange::Opened => {
                self.throttled(now, ProviderChange::Refuses)
            }
        }
    }

    /// Records that the provider accepted a mail.
    pub(super) fn accepted(&mut self) -> ProviderChange {
        self.refused.clear();
        self.last_failure = None;
        self.answered()
    }

    /// Records any answer about the recipient, which shows that the provider works.
    pub(super) fn answered(&mut self) -> ProviderChange {
        self.breaker.succeeded();
        if self.refused.is_empty() {
            self.last_failure = None;
        }
        // A recovery is logged only if its failure was: a provider may fail every other time.
        match self.failing_since.take() {
            Some(since) if self.logged_at.is_some_and(|logged_at| logged_at >= since) => ProviderChange::Recovered,
            Some(_) | None => ProviderChange::Nothing,
        }
    }

    /// Whether the provider refused `limits::RECIPIENTS_REFUSED` different recipients in a row.
    pub(super) fn is_refusing(&self) -> bool {
        self.refused.len() >= limits::RECIPIENTS_REFUSED
    }

    /// `change`, at most once per `limits::PROVIDER_LOGGED_EVERY`.
    fn throttled(&mut self, now: Timestamp, change: ProviderChange) -> ProviderChange {
        if self.logged_at.is_some_and(|at| at.is_within(limits::PROVIDER_LOGGED_EVERY, now)) {
            return ProviderChange::Nothing;
        }
        self.logged_at = Some(now);
        change
    }
}

/// An answer without the addresses in it, because many providers repeat the recipient's address.
fn without_addresses(answer: &str) -> String {
    let words = answer.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::provider_answer::SmtpStep;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn an_answer_is_kept_without_the_address_that_it_repeats() {
        let kept = without_addresses("refused at recipient: 451 4.3.2 <ada@example.org>: try later");
        assert_eq!(kept, "refused at recipient: 451 4.3.2 (address) try later");
    }

    #[test]
    fn different_recipients_that_are_refused_in_a_row_concern_the_account_and_one_accepted_mail_ends_it() {
        let mut provider = ProviderState::default();
        let unknown = ProviderAnswer::refused(SmtpStep::Recipient, 550, "5.7.1 no <ada@example.org> here");
        for second in 0..10 {
            provider.refused(at(second), "ada@example.org", &unknown);
        }
        assert!(!provider.is_refusing(), "one recipient is no sign");
        assert_eq!(provider.last_failure.as_deref(), Some("refused at recipient: 550 5.7.1 no (address) here"));
        for number in 0..limits::RECIPIENTS_REFUSED {
            provider.refused(at(20), &format!("{number}@example.org"), &unknown);
        }
        assert!(provider.is_refusing());
        provider.answered();
        assert!(provider.is_refusing() && provider.last_failure.is_some(), "a busy mailbox is no sign of recovery");
        provider.accepted();
        assert!(!provider.is_refusing() && provider.last_failure.is_none());
    }

    #[test]
    fn the_log_reports_the_first_failure_the_open_circuit_and_the_end_but_not_each_failure() {
        let (mut provider, broken) = (ProviderState::default(), ProviderAnswer::broken(SmtpStep::Connect, "refused"));
        let changes: Vec<ProviderChange> = (0..6).map(|second| provider.failed(at(second), &broken)).collect();
        use ProviderChange::{Fails, Nothing, Opened, Recovered};
        assert_eq!(changes, [Fails, Nothing, Nothing, Nothing, Opened, Nothing]);
        assert_eq!(provider.failed(at(65), &broken), Fails, "it fails a minute later too");
        assert_eq!(provider.last_failure.as_deref(), Some("broken at connect: refused"));
        assert_eq!(provider.answered(), Recovered);
        assert_eq!((provider.answered(), provider.last_failure.take()), (Nothing, None));
        assert_eq!(provider.failed(at(70), &broken), Nothing, "logged five seconds ago");
        assert_eq!(provider.answered(), Nothing);
    }
}
