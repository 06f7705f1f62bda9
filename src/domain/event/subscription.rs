//! How far a subscriber has come: its watermark, what it could not take yet, and what it never will.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EventType;
use crate::types::{
    Timestamp,
    id::{EventId, UserId},
    limits,
};

/// The first wait of an event that was not taken.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// A subscriber of the event log, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Every event up to here is settled, delayed, dead or not wanted.
    pub watermark: u64,
    /// When the subscriber was first seen.
    pub since: Timestamp,
}

/// An event that a subscriber could not take yet, or that stands behind one of the same subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delayed {
    /// How often it was handed over; 0: it stands behind another.
    pub attempts: u32,
    /// When it is handed over again, once it is the first of its subject.
    pub due: Timestamp,
    /// What the subscriber said last.
    pub last_error: String,
}

/// Why an event went to the dead letters. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadReason {
    /// The subscriber said that it will never take it.
    Refused,
    /// It was handed over `limits::RELAY_ATTEMPTS` times.
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

/// An event that a subscriber did not take: a pointer into the log, for operators to requeue or discard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The event; `None` if it was gone from the log.
    pub event: Option<EventId>,
    /// Its type.
    pub event_type: Option<EventType>,
    /// Whom it was about.
    pub subject: UserId,
    /// Why it is here.
    pub reason: DeadReason,
    /// How often it was handed over.
    pub attempts: u32,
    /// What the subscriber said last.
    pub last_error: String,
    /// Since when it is here.
    pub at: Timestamp,
}

/// What becomes of an event after it was not taken for the `attempts`th time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// It is handed over again after this.
    After(Duration),
    /// It goes to the dead letters.
    Never,
}

/// One second, doubling to five minutes, spread by `roll` over the last fifth; nothing after the tenth time.
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
