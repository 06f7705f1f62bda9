//! The ceiling on refused codes: how many wrong codes are tried in an hour, over all registrations of an installation
//! and of one domain.
//!
//! Each code allows a few tries, but there may be many codes at once. At the ceiling no code is accepted until the hour
//! is over; the links of the same mails are, because their secrets cannot be guessed. One network causes only a part of
//! each ceiling: after that no code is accepted from it, and its tries are not counted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{Timestamp, limits};

const HOUR: Duration = Duration::from_secs(3_600);

/// Wrong codes of an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCodes {
    /// The start of the hour: the time of its first wrong code.
    pub since: Timestamp,
    /// The number of wrong codes.
    pub count: u32,
}

/// Wrong codes of one network in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkRefusedCodes {
    /// The number of wrong codes.
    pub count: u32,
}

impl NetworkRefusedCodes {
    /// The number of wrong codes that one network can add to a ceiling of `most`.
    pub fn share_of(most: u32) -> u32 {
        most.div_ceil(limits::REFUSED_CODES_NETWORK_PART)
    }
}

impl RefusedCodes {
    /// The latest start of an hour that is over at `now`.
    pub fn is_over_since(now: Timestamp) -> Timestamp {
        now.minus(HOUR)
    }

    /// The record, if its hour is not over.
    pub fn current(refused: Option<Self>, now: Timestamp) -> Option<Self> {
        refused.filter(|refused| now < refused.since.plus(HOUR))
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self { since: self.since.min(now), ..self.clone() }
    }

    /// One more wrong code.
    pub fn with_another(refused: Option<Self>, now: Timestamp) -> Self {
        match Self::current(refused, now) {
            Some(refused) => Self { count: refused.count.saturating_add(1), ..refused },
            None => Self { since: now, count: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_codes_are_counted_by_the_hour_of_the_first() {
        let at = |seconds| Timestamp::ZERO.plus(Duration::from_secs(seconds));
        let mut refused = None;
        for second in 0..3 {
            refused = Some(RefusedCodes::with_another(refused, at(second)));
        }
        let three = Some(RefusedCodes { since: at(0), count: 3 });
        assert_eq!(RefusedCodes::current(refused.clone(), at(3_599)), three);
        assert_eq!(RefusedCodes::current(refused.clone(), at(3_600)), None);
        assert_eq!(RefusedCodes::is_over_since(at(3_600)), at(0));
        assert_eq!(RefusedCodes::with_another(refused, at(3_600)), RefusedCodes { since: at(3_600), count: 1 });
    }

    #[test]
    fn four_networks_reach_a_ceiling_and_three_do_not() {
        for most in [10, 16, 200, 1_000, 1_000_000, u32::MAX] {
            let share = u64::from(NetworkRefusedCodes::share_of(most));
            assert!(share * 3 < u64::from(most) && u64::from(most) <= share * 4, "{most}");
        }
    }
}
