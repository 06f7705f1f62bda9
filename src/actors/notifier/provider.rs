//! What the process knows of the mail provider: whether it works, and what the log says of that.

use crate::{
    domain::notification::Breaker,
    types::{Timestamp, limits, provider_answer::ProviderAnswer},
};

/// What is known of the provider; lost with the process, and learnt again.
#[derive(Default)]
pub(super) struct ProviderState {
    pub(super) breaker: Breaker,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) last_failure: Option<String>,
    /// When the log last named a failure.
    told_at: Option<Timestamp>,
}

/// What the log says of an exchange with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderChange {
    /// Nothing new.
    Nothing,
    /// It fails, for the first time or still.
    Fails,
    /// It failed so often that nothing is sent for a while.
    Opened,
    /// It works again.
    Mended,
}

impl ProviderState {
    /// The provider, the way to it, or our account with it failed.
    pub(super) fn failed(&mut self, now: Timestamp, answer: &ProviderAnswer) -> ProviderChange {
        let was_open = self.breaker.is_open();
        self.breaker.failed(now);
        self.failing_since.get_or_insert(now);
        self.last_failure = Some(answer.to_string());
        let is_told = self.told_at.is_some_and(|at| now.since(at) < limits::PROVIDER_TOLD_EVERY);
        let told = match (self.breaker.is_open(), is_told) {
            (true, _) if !was_open => ProviderChange::Opened,
            (true | false, false) => ProviderChange::Fails,
            (true | false, true) => return ProviderChange::Nothing,
        };
        self.told_at = Some(now);
        told
    }

    /// It answered for itself, whatever it said of the recipient.
    pub(super) fn answered(&mut self) -> ProviderChange {
        self.breaker.succeeded();
        self.last_failure = None;
        // What was not told of need not be called off: a provider may well fail every other time.
        match self.failing_since.take() {
            Some(since) if self.told_at.is_some_and(|told_at| told_at >= since) => ProviderChange::Mended,
            Some(_) | None => ProviderChange::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::provider_answer::SmtpStep;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_log_hears_of_the_first_failure_of_the_open_circuit_and_of_the_end_but_not_of_each() {
        let (mut provider, away) = (ProviderState::default(), ProviderAnswer::broken(SmtpStep::Connect, "refused"));
        let told: Vec<ProviderChange> = (0..6).map(|second| provider.failed(at(second), &away)).collect();
        use ProviderChange::{Fails, Mended, Nothing, Opened};
        assert_eq!(told, [Fails, Nothing, Nothing, Nothing, Opened, Nothing]);
        assert_eq!(provider.failed(at(65), &away), Fails, "a minute later it still does");
        assert_eq!(provider.last_failure.as_deref(), Some("broken at connect: refused"));
        assert_eq!(provider.answered(), Mended);
        assert_eq!((provider.answered(), provider.last_failure.take()), (Nothing, None));
        assert_eq!(provider.failed(at(70), &away), Nothing, "told of five seconds ago");
        assert_eq!(provider.answered(), Nothing);
    }
}
