//! The progress of a subscriber: its watermark, its delayed events, and its dead letters.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EventType;
use crate::types::{
    Timestamp,
    id::{EventId, UserId},
    limits,
};

/// The wait after the first failed hand-over.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// A subscriber of the event log, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Every event up to this sequence is handed over, delayed, a dead letter, or not subscribed.
    pub watermark: u64,
    /// The time of the subscriber's first start.
    pub since: Timestamp,
}

/// An event whose hand-over failed, or that waits behind one of the same subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delayed {
    /// The number of hand-overs; 0: it waits behind another event.
    pub attempts: u32,
    /// The time of the next hand-over, once it is the first of its subject.
    pub due: Timestamp,
    /// The last error of the subscriber.
    pub last_error: String,
}

impl Delayed {
    /// The record without a hand-over later than the longest wait after `now`, at which an operator has accepted an
    /// earlier time.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self { due: self.due.min(now.plus(LONGEST_WAIT)), ..self.clone() }
    }
}

/// The reason of a dead letter. Stored by position: new variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadReason {
    /// The subscriber reported a permanent failure.
    Refused,
    /// `limits::RELAY_ATTEMPTS` hand-overs failed.
    Exhausted,
    /// The event is no longer in the log.
    Gone,
}

impl DeadReason {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Exhausted => "exhausted",
            Self::Gone => "gone",
        }
    }
}

/// An event that a subscriber did not accept: a reference to the log, for operators to requeue or discard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The event; `None` if it was no longer in the log.
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// The person that the event is about.
    pub subject: UserId,
    pub reason: DeadReason,
    /// The number of hand-overs.
    pub attempts: u32,
    /// The last error of the subscriber.
    pub last_error: String,
    /// The time at which it became a dead letter.
    pub at: Timestamp,
}

/// What follows the `attempts`th failed hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// The event is handed over again after this time.
    After(Duration),
    /// The event becomes a dead letter.
    Never,
}

/// One second, doubled per failure up to five minutes; `roll` varies the last fifth. `Never` from the tenth on.
pub fn next_try(attempts: u32, roll: u8) -> NextTry {
    if attempts >= limits::RELAY_ATTEMPTS {
        return NextTry::Never;
    }
    let doublings = attempts.saturating_sub(1).min(16);
    let wait = (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT);
    NextTry::After(wait - wait * u32::from(roll) / (255 * 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_five_minutes_and_end_with_the_tenth_try() {
        let waits: Vec<u64> = (1..10)
            .map(|attempts| match next_try(attempts, 0) {
                NextTry::After(wait) => wait.as_secs(),
                NextTry::Never => 0,
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!(next_try(10, 0), NextTry::Never);
    }

    #[test]
    fn the_roll_takes_at_most_a_fifth_away() {
        assert_eq!(next_try(5, 255), NextTry::After(Duration::from_millis(12_800)));
        assert_eq!(next_try(5, 0), NextTry::After(Duration::from_secs(16)));
    }
}
