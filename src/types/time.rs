//! Instants, and the time and randomness that a decision receives.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::Invalid;

/// An instant in UTC: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The epoch.
    pub const ZERO: Self = Self(0);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch (JWT `NumericDate`, RFC 7519 section 2).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Later by `by`; saturates instead of wrapping.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `by`.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` until this instant; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether this instant lies in the time `within` before `now`. An instant after `now` does not: it was written
    /// before an operator accepted an earlier time.
    pub fn is_within(self, within: Duration, now: Self) -> bool {
        self <= now && now.since(self) < within
    }

    /// The end of a period from `self` to `end` that cannot have begun after `now`: a period that did begins at `now`,
    /// with the same length.
    pub fn end_by(self, end: Self, now: Self) -> Self {
        if self > now { now.plus(end.since(self)) } else { end }
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds, e.g. `2026-01-02T03:04:05.000006Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_microsecond()))
            .map_err(|_| Invalid::new("not_a_time", "must be a time by RFC 3339, e.g. 2026-01-31T12:00:00Z"))
    }
}

/// Parses a duration by ISO 8601, e.g. `PT15M` or `P1DT2H`; a day has 24 hours. Months and years have no fixed length
/// and are refused, and so are zero and negative durations.
pub fn iso_duration(text: &str) -> Result<Duration, Invalid> {
    let refused = || Invalid::new("not_a_duration", "must be a duration by ISO 8601, e.g. PT15M or P1DT2H");
    // The parser takes another notation too, such as `15m`.
    let span = text.starts_with('P').then(|| text.parse::<jiff::Span>()).ok_or_else(refused)?.map_err(|_| refused())?;
    let exact = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| refused())?;
    Duration::try_from(exact).ok().filter(|by| !by.is_zero()).ok_or_else(refused)
}

/// What a flow samples once, before it decides: the time, and a seed for ids and random bytes.
#[derive(Clone, Copy)]
pub struct Stamp {
    /// The time of the decision.
    pub now: Timestamp,
    /// The seed of a transaction's ids and random bytes, so that a second run draws the same ones.
    pub seed: [u8; 32],
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamp").field("now", &self.now).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_after_now_is_not_recent_and_a_period_that_begins_after_now_begins_now() {
        let at = |seconds| Timestamp::ZERO.plus(Duration::from_secs(seconds));
        let minute = Duration::from_secs(60);
        assert!(at(100).is_within(minute, at(159)));
        assert!(!at(100).is_within(minute, at(160)) && !at(100).is_within(minute, at(99)));
        assert_eq!((at(100).end_by(at(160), at(100)), at(100).end_by(at(160), at(10))), (at(160), at(70)));
    }

    #[test]
    fn durations_are_those_of_iso_8601_whose_length_is_fixed() {
        assert_eq!(iso_duration("PT15M"), Ok(Duration::from_secs(900)));
        assert_eq!(iso_duration("P1DT2H"), Ok(Duration::from_secs(26 * 3_600)));
        for wrong in ["", "15", "15m", "1 hour", "P1M", "P1Y", "-PT1S", "PT0S", "PT", "P"] {
            assert!(iso_duration(wrong).is_err(), "{wrong}");
        }
    }
}
