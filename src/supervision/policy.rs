//! What follows a child's failure: pure rules over instants and a random byte, tested in tables.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::types::limits;

/// What follows a failure past the restart limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastLimit {
    /// The process ends with a non-zero exit code, and an external supervisor restarts it.
    Escape,
    /// The child waits, doubling up to `limits::PARK_MOST`; health reports `degraded` and names it.
    Park,
}

impl PastLimit {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Escape => "escape",
            Self::Park => "park",
        }
    }
}

/// The restart limit of a child, its back-off, and what follows past the limit.
#[derive(Debug, Clone, Copy)]
pub struct RestartPolicy {
    /// Maximum number of restarts within the period.
    pub max: u32,
    /// The length of the period.
    pub within: Duration,
    /// What follows the failure after the last allowed restart.
    pub past: PastLimit,
    /// The wait before the first restart of a period; it doubles up to `limits::BACKOFF_MOST`.
    pub backoff: Duration,
}

impl RestartPolicy {
    /// `max` restarts in the period `within`, then `past`.
    pub const fn new(max: u32, within: Duration, past: PastLimit) -> Self {
        Self { max, within, past, backoff: limits::BACKOFF_FIRST }
    }
}

/// The decision about one failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartDecision {
    Restart { after: Duration },
    Park { wait: Duration },
    Escape,
}

/// The failures of one child that still count.
#[derive(Debug, Default)]
pub(super) struct History {
    failures: VecDeque<Instant>,
    /// How many times it was parked since it last ran for a whole period.
    parked: u32,
}

impl History {
    /// Decides about a failure at `now` of a child that had run since `running_since`, if it ever ran. `die` is a
    /// random byte: it spreads waits over their upper half, so that children that failed together are not restarted
    /// together.
    pub(super) fn judge(
        &mut self,
        policy: &RestartPolicy,
        now: Instant,
        running_since: Option<Instant>,
        die: u8,
    ) -> RestartDecision {
        let ran_well = running_since.is_some_and(|since| now.saturating_duration_since(since) >= policy.within);
        if ran_well {
            self.parked = 0;
        }
        self.forget(policy, now);
        self.failures.push_back(now);
        let count = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        if count <= policy.max && self.parked == 0 {
            let wait = doubled(policy.backoff, count - 1, limits::BACKOFF_MOST);
            return RestartDecision::Restart { after: jittered(wait, die) };
        }
        match policy.past {
            PastLimit::Escape => RestartDecision::Escape,
            PastLimit::Park => {
                let wait = doubled(limits::PARK_FIRST, self.parked, limits::PARK_MOST);
                self.parked = self.parked.saturating_add(1);
                self.failures.clear();
                RestartDecision::Park { wait: jittered(wait, die) }
            }
        }
    }

    /// Number of failures within the period that ends at `now`.
    pub(super) fn in_window(&self) -> usize {
        self.failures.len()
    }

    /// An operator restarted the child: its back-off starts again from the first wait.
    pub(super) fn forgive(&mut self) {
        self.parked = 0;
    }

    fn forget(&mut self, policy: &RestartPolicy, now: Instant) {
        while self.failures.front().is_some_and(|at| now.saturating_duration_since(*at) >= policy.within) {
            self.failures.pop_front();
        }
    }
}

/// `first`, doubled `times` times, at most `most`.
pub(super) fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(most)
}

/// Between half of `wait` and all of it.
pub(super) fn jittered(wait: Duration, die: u8) -> Duration {
    wait / 2 + wait.mul_f64(f64::from(die) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn waits_double_and_stay_within_their_upper_half() {
        let (mut history, policy) = (History::default(), RestartPolicy::new(5, MINUTE, PastLimit::Escape));
        let at = origin();
        for (failure, most_ms) in [100, 200, 400, 800, 1_600].into_iter().enumerate() {
            let verdict = history.judge(&policy, at, None, if failure % 2 == 0 { 0 } else { 255 });
            let after = if failure % 2 == 0 { most_ms / 2 } else { most_ms };
            assert_eq!(verdict, RestartDecision::Restart { after: Duration::from_millis(after) });
        }
        assert_eq!(history.judge(&policy, at, None, 0), RestartDecision::Escape);
    }

    #[test]
    fn a_failure_out_of_the_period_no_longer_counts() {
        let (mut history, policy) = (History::default(), RestartPolicy::new(1, MINUTE, PastLimit::Escape));
        let at = origin();
        assert!(matches!(history.judge(&policy, at, None, 0), RestartDecision::Restart { .. }));
        assert!(matches!(history.judge(&policy, at + MINUTE, None, 0), RestartDecision::Restart { .. }));
        assert_eq!(history.judge(&policy, at + MINUTE + MINUTE / 2, None, 0), RestartDecision::Escape);
    }

    #[test]
    fn no_restart_allowed_means_the_first_failure_escapes() {
        let policy = RestartPolicy::new(0, MINUTE, PastLimit::Escape);
        assert_eq!(History::default().judge(&policy, origin(), None, 9), RestartDecision::Escape);
    }

    #[test]
    fn parking_doubles_up_to_its_most_and_ends_after_a_good_period() {
        let (mut history, policy) = (History::default(), RestartPolicy::new(0, MINUTE, PastLimit::Park));
        let at = origin();
        for wait in [10, 20, 40, 80, 160, 300, 300] {
            let verdict = history.judge(&policy, at, None, 255);
            assert_eq!(verdict, RestartDecision::Park { wait: Duration::from_secs(wait) });
        }
        let verdict = history.judge(&policy, at + MINUTE, Some(at), 255);
        assert_eq!(verdict, RestartDecision::Park { wait: Duration::from_secs(10) });
    }
}
