//! The circuit breaker of a provider: after several failures in a row sending pauses, then one delivery probes whether
//! the provider works again.

use std::time::Duration;

use crate::types::Timestamp;

/// The number of failures in a row that open the circuit.
const TRIP_AFTER: u32 = 5;
/// The first pause; it doubles with each failed probe.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// ```text
/// closed --5 failures in a row--> open --pause over--> probing --success--> closed
///                                   ^                     |
///                                   '----failure, x 2-----'
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Deliveries are sent.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// No delivery is sent.
    Open {
        /// The end of the pause.
        until: Timestamp,
        /// The length of the pause.
        pause: Duration,
    },
    /// One delivery is being sent as a probe.
    Probing {
        /// The length of the pause before.
        pause: Duration,
        /// A probe without a result at this time counts as lost.
        lost_at: Timestamp,
    },
}

/// Whether a delivery may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerAdmission {
    /// It may be sent.
    Go,
    /// It must wait until this time.
    NotBefore(Timestamp),
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Admits a delivery or refuses it. `timeout` is the longest time of a probe.
    /// A pause that ends later than it can is over: an operator has accepted an earlier time.
    pub fn admit(&mut self, now: Timestamp, timeout: Duration) -> BreakerAdmission {
        let waits_for = |until: Timestamp, longest: Duration| now < until && until <= now.plus(longest);
        match *self {
            Self::Closed { .. } => BreakerAdmission::Go,
            Self::Open { until, .. } if waits_for(until, LONGEST_PAUSE) => BreakerAdmission::NotBefore(until),
            Self::Probing { lost_at, .. } if waits_for(lost_at, timeout) => BreakerAdmission::NotBefore(lost_at),
            Self::Open { pause, .. } | Self::Probing { pause, .. } => {
                *self = Self::Probing { pause, lost_at: now.plus(timeout) };
                BreakerAdmission::Go
            }
        }
    }

    /// The provider answered, with any answer about the recipient.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The provider failed.
    pub fn failed(&mut self, now: Timestamp) {
        *self = match *self {
            Self::Closed { failures } if failures + 1 < TRIP_AFTER => Self::Closed { failures: failures + 1 },
            Self::Closed { .. } => Self::Open { until: now.plus(FIRST_PAUSE), pause: FIRST_PAUSE },
            // Deliveries that were in flight when the circuit opened give no new information.
            Self::Open { until, pause } => Self::Open { until, pause },
            Self::Probing { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Self::Open { until: now.plus(pause), pause }
            }
        };
    }

    /// An admitted delivery was not sent: another delivery may be the probe.
    pub fn unused(&mut self, now: Timestamp) {
        if let Self::Probing { pause, .. } = *self {
            *self = Self::Open { until: now, pause };
        }
    }

    /// Whether sending is paused, for health.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Closed { .. } => false,
            Self::Open { .. } | Self::Probing { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_circuit_opens_after_five_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(at(0));
        }
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(at(0));
            assert_eq!(breaker.admit(at(0), TIMEOUT), BreakerAdmission::Go);
        }
        breaker.failed(at(0));
        assert_eq!(breaker.admit(at(1), TIMEOUT), BreakerAdmission::NotBefore(at(10)));
        assert!(breaker.is_open());
    }

    #[test]
    fn one_probe_goes_and_its_failure_doubles_the_pause() {
        let mut breaker = Breaker::Open { until: at(10), pause: FIRST_PAUSE };
        assert_eq!(breaker.admit(at(10), TIMEOUT), BreakerAdmission::Go);
        assert_eq!(breaker.admit(at(11), TIMEOUT), BreakerAdmission::NotBefore(at(40)));
        breaker.failed(at(12));
        assert_eq!(breaker.admit(at(13), TIMEOUT), BreakerAdmission::NotBefore(at(32)));
        assert_eq!(breaker.admit(at(32), TIMEOUT), BreakerAdmission::Go);
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let mut breaker = Breaker::Open { until: at(10), pause: FIRST_PAUSE };
        assert_eq!(breaker.admit(at(10), TIMEOUT), BreakerAdmission::Go);
        assert_eq!(breaker.admit(at(40), TIMEOUT), BreakerAdmission::Go);
    }

    #[test]
    fn a_probe_that_was_not_sent_leaves_room_for_another() {
        let mut breaker = Breaker::Open { until: at(10), pause: FIRST_PAUSE };
        assert_eq!(breaker.admit(at(10), TIMEOUT), BreakerAdmission::Go);
        breaker.unused(at(11));
        assert_eq!(breaker.admit(at(11), TIMEOUT), BreakerAdmission::Go);
    }

    #[test]
    fn the_pause_ends_at_five_minutes() {
        let mut breaker = Breaker::Open { until: at(0), pause: LONGEST_PAUSE };
        assert_eq!(breaker.admit(at(0), TIMEOUT), BreakerAdmission::Go);
        breaker.failed(at(0));
        assert_eq!(breaker, Breaker::Open { until: at(300), pause: LONGEST_PAUSE });
    }
}
