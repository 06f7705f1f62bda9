//! The limit of deliveries of one template to one owner.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SendLimit, TemplateName};
use crate::types::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The recent send times of one template to one owner, oldest first; older ones than a day are removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Budget {
    sent_at: Vec<Timestamp>,
}

impl Budget {
    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self { sent_at: self.sent_at.iter().map(|sent| (*sent).min(now)).collect() }
    }

    /// Whether `template` may be sent at `now`; if so, it is counted. `same_kind_every` is the usual minimum interval.
    #[must_use]
    pub fn take(&mut self, template: TemplateName, now: Timestamp, same_kind_every: Duration) -> bool {
        let (apart, a_day) = match template.send_limit() {
            SendLimit::AtItsSource => return true,
            SendLimit::Usual { a_day } => (same_kind_every, a_day),
            SendLimit::Hourly { a_day } => (HOUR, a_day),
        };
        self.sent_at.retain(|sent| now.since(*sent) < DAY);
        let too_soon = self.sent_at.last().is_some_and(|last| now.since(*last) < apart);
        if too_soon || self.sent_at.len() >= a_day {
            return false;
        }
        self.sent_at.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + minutes * 60_000_000)
    }

    #[test]
    fn an_address_taken_notice_goes_once_an_hour_and_three_times_a_day() {
        let mut budget = Budget::default();
        let mut take = |minutes| budget.take(TemplateName::AddressTaken, at(minutes), MINUTE);
        assert_eq!(
            [0, 1, 59, 60, 61, 120, 180, 600].map(&mut take),
            [true, false, false, true, false, true, false, false]
        );
        assert!(take(24 * 60), "a day after the first another one may be sent");
    }

    #[test]
    fn one_mail_of_a_kind_goes_a_minute() {
        let mut budget = Budget::default();
        assert!(budget.take(TemplateName::NewDevice, at(0), MINUTE));
        assert!(!budget.take(TemplateName::NewDevice, at(0), MINUTE));
        assert!(budget.take(TemplateName::NewDevice, at(1), MINUTE));
    }

    #[test]
    fn codes_are_never_held_back_here() {
        let mut budget = Budget::default();
        assert!((0..50).all(|_| budget.take(TemplateName::VerificationCode, at(0), MINUTE)));
    }
}
