//! How much of one kind a recipient gets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TemplateName;
use crate::types::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// When one owner was sent one template lately, oldest first; pruned to a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Budget {
    sent_at: Vec<Timestamp>,
}

/// A limit: at least `apart` between two, at most `a_day` in 24 h.
struct SendLimit {
    apart: Duration,
    a_day: usize,
}

/// Codes are limited where they are issued (sixty seconds, 5 an hour, 10 a day), and so are invitations: their mail is
/// never held back here.
fn send_limit(template: TemplateName, same_kind_every: Duration) -> Option<SendLimit> {
    match template {
        TemplateName::VerificationCode
        | TemplateName::ResetCode
        | TemplateName::StepUpCode
        | TemplateName::PhoneCode
        | TemplateName::Invitation => None,
        TemplateName::AddressTaken => Some(SendLimit { apart: Duration::from_secs(3_600), a_day: 3 }),
        TemplateName::LockedOut => Some(SendLimit { apart: same_kind_every, a_day: 10 }),
        TemplateName::Welcome
        | TemplateName::PasswordChanged
        | TemplateName::NewDevice
        | TemplateName::SessionEnded => Some(SendLimit { apart: same_kind_every, a_day: 100 }),
    }
}

impl Budget {
    /// Whether `template` may be sent at `now`; if so it is counted. `same_kind_every` is the usual time between two.
    #[must_use]
    pub fn take(&mut self, template: TemplateName, now: Timestamp, same_kind_every: Duration) -> bool {
        let Some(send_limit) = send_limit(template, same_kind_every) else { return true };
        self.sent_at.retain(|sent| now.since(*sent) < DAY);
        let too_soon = self.sent_at.last().is_some_and(|last| now.since(*last) < send_limit.apart);
        if too_soon || self.sent_at.len() >= send_limit.a_day {
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
        assert!(take(24 * 60), "a day after the first there is room again");
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
