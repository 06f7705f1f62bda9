//! The ceiling on refused codes: how many wrong codes are tried in an hour, over all registrations of an installation
//! and of one domain.
//!
//! Each code allows a few tries, but there may be many codes at once. At the ceiling no code is accepted until the hour
//! is over; the links of the same mails are, because their secrets cannot be guessed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

/// Wrong codes of an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCodes {
    /// The start of the hour: the time of its first wrong code.
    pub since: Timestamp,
    /// The number of wrong codes.
    pub count: u32,
}

impl RefusedCodes {
    /// The end of the hour, if `most` wrong codes were tried in it.
    pub fn reached(refused: Option<&Self>, now: Timestamp, most: u32) -> Option<Timestamp> {
        let refused = refused.filter(|refused| refused.count >= most)?;
        Some(refused.since.plus(HOUR)).filter(|until| now < *until)
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self { since: self.since.min(now), ..self.clone() }
    }

    /// One more wrong code.
    pub fn with_another(refused: Option<Self>, now: Timestamp) -> Self {
        match refused.filter(|refused| now < refused.since.plus(HOUR)) {
            Some(refused) => Self { count: refused.count.saturating_add(1), ..refused },
            None => Self { since: now, count: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_ceiling_no_code_is_accepted_until_the_hour_is_over() {
        let at = |seconds| Timestamp::ZERO.plus(Duration::from_secs(seconds));
        let mut refused = None;
        for second in 0..3 {
            assert_eq!(RefusedCodes::reached(refused.as_ref(), at(second), 3), None);
            refused = Some(RefusedCodes::with_another(refused, at(second)));
        }
        assert_eq!(RefusedCodes::reached(refused.as_ref(), at(3), 3), Some(at(3_600)));
        assert_eq!(RefusedCodes::reached(refused.as_ref(), at(3_599), 3), Some(at(3_600)));
        assert_eq!(RefusedCodes::reached(refused.as_ref(), at(3_600), 3), None);
        assert_eq!(RefusedCodes::with_another(refused, at(3_600)), RefusedCodes { since: at(3_600), count: 1 });
    }
}
