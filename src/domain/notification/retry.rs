//! The retry times of a failed delivery.

use std::time::Duration;

use super::{
    DeliveryState, Suppression,
    answer::{Meaning, meaning},
};
use crate::types::{Timestamp, limits, provider_answer::ProviderAnswer};

/// The waits after the first, second, ... failure.
pub const WAITS: [Duration; limits::DELIVERY_ATTEMPTS - 1] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
];

/// The time between the last delivery try of a message and its end: late enough for greylisting of five minutes in
/// the ten minutes of a code, and early enough for the user to type the code.
pub const LAST_TRY_BEFORE_END: Duration = Duration::from_secs(2 * 60);

/// Varies `wait` by `roll` between 80 % and 120 %, so that deliveries that failed at the same time are not retried at
/// the same time.
pub fn jitter(wait: Duration, roll: u32) -> Duration {
    let percent = 80 + roll % 41;
    wait * percent / 100
}

/// The state of a delivery after `answer` to its delivery try number `attempts` (from 1).
pub fn after(
    answer: &ProviderAnswer,
    attempts: usize,
    now: Timestamp,
    expires_at: Timestamp,
    roll: u32,
) -> DeliveryState {
    match meaning(answer) {
        Meaning::Taken => DeliveryState::Sent { at: now },
        Meaning::Permanent => DeliveryState::Dead { at: now },
        Meaning::Temporary(_) => match WAITS.get(attempts.saturating_sub(1)) {
            None => DeliveryState::Dead { at: now },
            Some(wait) => {
                let due = now.plus(jitter(*wait, roll));
                let last = expires_at.minus(LAST_TRY_BEFORE_END);
                if due < expires_at {
                    DeliveryState::Failed { due }
                } else if now < last {
                    DeliveryState::Failed { due: last }
                } else {
                    // No further try is in time: the delivery is suppressed now.
                    DeliveryState::Suppressed { at: now, reason: Suppression::Expired }
                }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::provider_answer::SmtpStep;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn never() -> Timestamp {
        NOW.plus(Duration::from_secs(1_000_000))
    }

    #[test]
    fn failures_wait_by_the_table_and_then_the_delivery_is_dead() {
        let busy = ProviderAnswer::Silent { step: SmtpStep::Connect };
        for (attempts, seconds) in [(1, 5), (2, 30), (3, 120), (4, 600), (5, 3_600), (6, 21_600)] {
            let state = after(&busy, attempts, NOW, never(), 20);
            assert_eq!(state, DeliveryState::Failed { due: NOW.plus(Duration::from_secs(seconds)) }, "{attempts}");
        }
        assert_eq!(after(&busy, 7, NOW, never(), 20), DeliveryState::Dead { at: NOW });
    }

    #[test]
    fn a_permanent_answer_is_not_tried_again() {
        let refused = ProviderAnswer::refused(SmtpStep::Recipient, 550, "5.1.1 no such user");
        assert_eq!(after(&refused, 1, NOW, never(), 0), DeliveryState::Dead { at: NOW });
    }

    #[test]
    fn what_would_come_too_late_is_dropped_at_once() {
        let busy = ProviderAnswer::Silent { step: SmtpStep::Content };
        let end = NOW.plus(Duration::from_secs(100));
        assert_eq!(after(&busy, 2, NOW, end, 20), DeliveryState::Failed { due: NOW.plus(Duration::from_secs(30)) });
        assert_eq!(after(&busy, 3, NOW, end, 20), DeliveryState::Suppressed { at: NOW, reason: Suppression::Expired });
    }

    #[test]
    fn a_code_behind_greylisting_of_five_minutes_is_delivered_by_the_last_try_before_its_end() {
        let greylisted = ProviderAnswer::refused(SmtpStep::Recipient, 450, "4.2.0 greylisted for 300 seconds");
        for roll in [0, 20, 40] {
            let (begin, end) = (NOW, NOW.plus(Duration::from_secs(600)));
            let (mut now, mut attempts) = (begin, 0);
            while now.since(begin) < Duration::from_secs(300) {
                attempts += 1;
                match after(&greylisted, attempts, now, end, roll) {
                    DeliveryState::Failed { due } => now = due,
                    other => panic!("{other:?} after {attempts} tries, {:?} after the first", now.since(begin)),
                }
            }
            assert_eq!(now, end.minus(LAST_TRY_BEFORE_END));
            let state = after(&greylisted, attempts + 1, now, end, roll);
            assert_eq!(state, DeliveryState::Suppressed { at: now, reason: Suppression::Expired });
        }
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for roll in 0..200 {
            let wait = jitter(Duration::from_secs(100), roll);
            assert!((80..=120).contains(&wait.as_secs()), "{wait:?}");
        }
    }
}
