//! The generic cell rate algorithm (GCRA): one number per key, no timers.
//!
//! A key's *time of arrival* is the time at which its quota is full again. Each request adds one interval to it. A
//! request that would move it further than one window ahead of now is refused.

use std::time::Duration;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// A number of requests per minute; the burst may be the whole quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    requests: u32,
}

/// The state of a key's quota after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// The time to wait, if the request was refused.
    pub refused_for: Option<Duration>,
    /// The number of requests that are allowed now.
    pub remaining: u32,
    /// The time until the quota is full again.
    pub full_in: Duration,
}

impl Quota {
    /// `requests` per minute, at least 1.
    pub fn a_minute(requests: u32) -> Self {
        Self { requests: requests.max(1) }
    }

    /// The number of requests per window.
    pub fn requests(self) -> u32 {
        self.requests
    }

    /// The window: one minute.
    pub fn window(self) -> Duration {
        Duration::from_nanos(NANOS_PER_MINUTE)
    }

    fn interval(self) -> u64 {
        NANOS_PER_MINUTE / u64::from(self.requests)
    }

    fn tolerance(self) -> u64 {
        self.interval() * u64::from(self.requests)
    }

    /// The time of arrival of a key before its last request.
    pub(super) fn give_back(self, arrival: u64) -> u64 {
        arrival.saturating_sub(self.interval())
    }

    /// Counts one request at `now` (nanoseconds) of a key with the time of arrival `arrival`. Returns the new one.
    pub(super) fn take(self, arrival: u64, now: u64) -> (u64, QuotaState) {
        let arrival = arrival.max(now);
        let next = arrival + self.interval();
        let ahead = next - now;
        if ahead > self.tolerance() {
            let refused_for = Some(Duration::from_nanos(ahead - self.tolerance()));
            return (arrival, QuotaState { refused_for, remaining: 0, full_in: Duration::from_nanos(arrival - now) });
        }
        let remaining = u32::try_from((self.tolerance() - ahead) / self.interval()).unwrap_or(u32::MAX);
        (next, QuotaState { refused_for: None, remaining, full_in: Duration::from_nanos(ahead) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Quota;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_quota_may_be_used_at_once_and_refills_evenly() {
        let quota = Quota::a_minute(5);
        let mut arrival = 0;
        for left in (0..5).rev() {
            let (next, state) = quota.take(arrival, 0);
            assert_eq!((state.refused_for, state.remaining), (None, left));
            arrival = next;
        }
        let (same, refused) = quota.take(arrival, 0);
        assert_eq!((same, refused.refused_for.unwrap().as_secs(), refused.full_in.as_secs()), (arrival, 12, 60));
        assert!(quota.take(arrival, 12 * SECOND - 1).1.refused_for.is_some());
        assert!(quota.take(arrival, 12 * SECOND).1.refused_for.is_none());
    }

    proptest! {
        /// In any window at most two quotas pass (one full, one refilled), and a client that waits for `refused_for` is
        /// accepted.
        #[test]
        fn at_most_a_full_and_a_refilled_quota_pass_in_a_window(
            requests in 1_u32..200,
            gaps in prop::collection::vec(0_u64..10 * SECOND, 1..400),
        ) {
            let quota = Quota::a_minute(requests);
            let (mut now, mut arrival, mut passed) = (0, 0, Vec::new());
            for gap in gaps {
                now += gap;
                let (next, state) = quota.take(arrival, now);
                match state.refused_for {
                    None => passed.push(now),
                    Some(wait) => {
                        let later = now + u64::try_from(wait.as_nanos()).unwrap();
                        prop_assert!(quota.take(arrival, later).1.refused_for.is_none());
                    }
                }
                arrival = next;
            }
            for (index, at) in passed.iter().enumerate() {
                let within = passed[index..].iter().take_while(|later| **later < at + 60 * SECOND).count();
                prop_assert!(within <= 2 * requests as usize);
            }
        }
    }
}
