//! The rule by which the wall clock is followed, over readings of it and of the time since the machine's start.
//!
//! ```text
//!             gap at a start, proven or short enough
//!   (begin) ---------------------------------------> settling --an hour of agreement--> trusted
//!      |                                                 |                                |
//!      |  another gap; the wall clock is behind          |  5 min ahead or behind         |
//!      v                                                 v                                v
//!   detached (time goes on by itself) --an hour of agreement, or accepted by an operator--> trusted
//! ```

use std::time::Duration;

use super::system::ClockReading;
use crate::types::{AcceptedTime, ClockDifference, ClockTrouble, Timestamp, limits};

/// Which gaps since the last commit are followed at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GapRule {
    /// All: the kernel says that the clock is right, or a restore explains the gap.
    Any,
    /// Those of at most this length.
    UpTo(Duration),
}

/// The relation to the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WallTrust {
    /// It is followed.
    Trusted,
    /// It is followed over a gap; since this time it has agreed.
    Settling { since: Duration },
    /// It is not followed while it disagrees.
    Detached {
        trouble: ClockTrouble,
        /// Since when it agrees again.
        agreed_since: Option<Duration>,
    },
}

/// The time that is given out.
pub(super) struct Timeline {
    /// The last time that was given, and its time since the machine's start.
    given: Timestamp,
    at: Duration,
    trust: WallTrust,
}

impl Timeline {
    /// Starts at the wall clock; `begin` follows if there is a journal.
    pub(super) fn start(reading: ClockReading) -> Self {
        Self { given: reading.wall, at: reading.boot, trust: WallTrust::Trusted }
    }

    /// Continues after `end`, the time of the last commit.
    pub(super) fn begin(&mut self, end: Timestamp, reading: ClockReading, rule: GapRule) {
        let gap = reading.wall.since(end);
        let is_followed = match rule {
            GapRule::Any => true,
            GapRule::UpTo(longest) => gap <= longest,
        };
        self.at = reading.boot;
        self.given = if is_followed { end.max(reading.wall) } else { end };
        self.trust =
            if gap >= limits::CLOCK_LEAP { WallTrust::Settling { since: reading.boot } } else { WallTrust::Trusted };
        // A wall clock that is not followed is as far away as one that jumped.
        self.observe(reading);
    }

    /// Moves on to `reading`.
    pub(super) fn observe(&mut self, reading: ClockReading) {
        let ClockReading { wall, boot } = reading;
        let own = self.given.plus(boot.saturating_sub(self.at));
        let difference = ClockDifference { own, wall };
        let detached = |trouble| WallTrust::Detached { trouble, agreed_since: None };
        let has_agreed = |since: Duration| boot.saturating_sub(since) >= limits::CLOCK_AGREEMENT;
        self.trust = if wall.since(own) >= limits::CLOCK_LEAP {
            detached(ClockTrouble::Leapt(difference))
        } else if own.since(wall) >= limits::CLOCK_LAG {
            detached(ClockTrouble::Lags(difference))
        } else {
            match self.trust {
                WallTrust::Settling { since } if has_agreed(since) => WallTrust::Trusted,
                WallTrust::Detached { trouble, agreed_since } => match agreed_since {
                    Some(since) if has_agreed(since) => WallTrust::Trusted,
                    since => WallTrust::Detached { trouble, agreed_since: Some(since.unwrap_or(boot)) },
                },
                trust @ (WallTrust::Trusted | WallTrust::Settling { .. }) => trust,
            }
        };
        self.given = match self.trust {
            WallTrust::Detached { agreed_since: None, .. } => own,
            WallTrust::Trusted | WallTrust::Settling { .. } | WallTrust::Detached { .. } => own.max(wall),
        };
        self.at = self.at.max(boot);
    }

    /// The last time that was given.
    pub(super) fn given(&self) -> Timestamp {
        self.given
    }

    pub(super) fn trouble(&self) -> Option<ClockTrouble> {
        match self.trust {
            WallTrust::Detached { trouble, .. } => Some(trouble),
            WallTrust::Trusted | WallTrust::Settling { .. } => None,
        }
    }

    /// The time left until the wall clock has agreed for long enough after a gap.
    pub(super) fn settling(&self, boot: Duration) -> Option<Duration> {
        match self.trust {
            WallTrust::Settling { since } => Some(limits::CLOCK_AGREEMENT.saturating_sub(boot.saturating_sub(since))),
            WallTrust::Trusted | WallTrust::Detached { .. } => None,
        }
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.trust == WallTrust::Trusted
    }

    /// Takes the wall clock as it is.
    pub(super) fn accept(&mut self, reading: ClockReading) -> AcceptedTime {
        let accepted = AcceptedTime { before: self.given, now: reading.wall };
        *self = Self::start(reading);
        accepted
    }

    /// Goes back to the time before `accepted`.
    pub(super) fn withdraw(&mut self, accepted: AcceptedTime, reading: ClockReading) {
        self.given = accepted.before.plus(self.given.since(accepted.now));
        self.observe(reading);
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
