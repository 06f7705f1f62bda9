//! The lockout rule for failed login attempts: short locks per network, and a daily limit over all networks.
//!
//! A login attempt is counted *before* its password is checked, in a transaction of its own, so that of many parallel
//! attempts exactly as many are checked as the limit allows. A success removes the count. Each attempt counts for the
//! identifier that was typed, whose lock is answered, and for its user, whose lock looks like a wrong password: the
//! answers reveal neither who is a user nor that two identifiers are of one user.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{Network, Timestamp, id::UserId};

/// A counter without a new failure for this long is ignored and removed.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The owner of the failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    User(UserId),
    /// An identifier as typed, as its keyed hash, whether or not a user has it.
    Identifier([u8; 32]),
}

/// The origin of login attempts that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RateOrigin {
    /// A network, for unknown devices.
    Network(Network),
    /// A device with a valid device token. It has its own count, so that other clients cannot lock it out.
    Device([u8; 16]),
}

/// The settings of `[auth.lockout]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutLimits {
    /// The number of failures from one origin that locks it.
    pub failures: u32,
    /// The length of the first lock; each further one is twice as long.
    pub first: Duration,
    pub longest: Duration,
    /// The number of failures per day over all networks that locks out all devices except known ones.
    pub daily_failures: u32,
}

impl Default for LockoutLimits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self { failures: 5, first: minutes(1), longest: minutes(60), daily_failures: 50 }
    }
}

/// The failures of one subject from one origin.
///
/// ```text
/// [tried < limit] --reserve, the last place--> [locked until t, longer each time] --reserve after t--> [tried 1]
///       ^                                                |
///       '------------------- success --------------------'      (the record is removed)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginFailures {
    /// Login attempts since the last lock ended, including those in flight.
    pub tried: u32,
    /// The number of these that had a wrong password.
    pub wrong: u32,
    /// The number of locks so far.
    pub locks: u32,
    /// The end of the newest lock.
    pub locked_until: Option<Timestamp>,
    /// The time of the last counted attempt.
    pub last_at: Timestamp,
}

impl OriginFailures {
    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        let locked_until = self.locked_until.map(|until| self.last_at.end_by(until, now));
        Self { locked_until, last_at: self.last_at.min(now), ..self.clone() }
    }
}

/// The failures of one subject from all networks in one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFailures {
    /// The start of the day: the time of its first failure.
    pub since: Timestamp,
    /// Login attempts of the day, including those in flight; those of known devices are not counted.
    pub tried: u32,
}

impl DayFailures {
    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self { since: self.since.min(now), ..self.clone() }
    }
}

/// Both counters of a login attempt. `None`: no attempt is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// The counter by subject and origin.
    pub origin: Option<OriginFailures>,
    /// The counter by subject.
    pub day: Option<DayFailures>,
}

/// Whether a password may be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// It may; the attempt is counted.
    Reserved(Counters),
    /// It may not until the lock ends; nothing is counted.
    LockedOut {
        /// The end of the lock.
        until: Timestamp,
    },
}

/// The effect of a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterWrong {
    Open,
    /// This failure started a lock. The caller writes its event and audit entry, once.
    Locked {
        /// The end of the lock.
        until: Timestamp,
    },
}

/// Counts a login attempt from `origin` at `now`, if it is allowed.
pub fn reserve(counters: &Counters, origin: RateOrigin, now: Timestamp, limits: &LockoutLimits) -> Reservation {
    let day = counters.day.as_ref().filter(|day| now < day.since.plus(DAY));
    let counts_for_day = match origin {
        RateOrigin::Network(_) => true,
        RateOrigin::Device(_) => false,
    };
    if let Some(day) = day
        && counts_for_day
        && day.tried >= limits.daily_failures
    {
        return Reservation::LockedOut { until: day.since.plus(DAY) };
    }
    let earlier = counters.origin.as_ref().filter(|origin| now < origin.last_at.plus(FORGOTTEN_AFTER));
    let (tried, wrong, locks) = match earlier {
        None => (0, 0, 0),
        Some(origin) => match origin.locked_until {
            Some(until) if now < until => return Reservation::LockedOut { until },
            // A lock that has ended resets the count, but not the number of locks.
            Some(_) => (0, 0, origin.locks),
            None => (origin.tried, origin.wrong, origin.locks),
        },
    };
    let mut counted = OriginFailures { tried: tried + 1, wrong, locks, locked_until: None, last_at: now };
    if counted.tried >= limits.failures {
        counted.locked_until = Some(now.plus(lock_length(locks, limits)));
        counted.locks = locks.saturating_add(1);
    }
    let day = match (day, counts_for_day) {
        (Some(day), true) => Some(DayFailures { since: day.since, tried: day.tried + 1 }),
        (None, true) => Some(DayFailures { since: now, tried: 1 }),
        (day, false) => day.cloned(),
    };
    Reservation::Reserved(Counters { origin: Some(counted), day })
}

/// Counts a wrong password. `None` for `origin`: a success or a reset has removed the counter in between.
pub fn settle_wrong(origin: Option<&OriginFailures>, limits: &LockoutLimits) -> (AfterWrong, Option<OriginFailures>) {
    let Some(origin) = origin else { return (AfterWrong::Open, None) };
    let settled = OriginFailures { wrong: origin.wrong.saturating_add(1), ..origin.clone() };
    let after = match settled.locked_until {
        Some(until) if settled.wrong == limits.failures => AfterWrong::Locked { until },
        Some(_) | None => AfterWrong::Open,
    };
    (after, Some(settled))
}

/// The end of the daily lockout, which applies to all devices except known ones; `None` while the day's failures are
/// below `daily_failures`.
pub fn locked_for_the_day(day: Option<&DayFailures>, limits: &LockoutLimits) -> Option<Timestamp> {
    day.filter(|day| day.tried >= limits.daily_failures).map(|day| day.since.plus(DAY))
}

/// Releases the count of a login attempt whose password was not checked, for a reason on the server's side.
pub fn settle_untried(counters: &Counters, origin: RateOrigin) -> Counters {
    let given_back = counters.origin.as_ref().map(|origin| {
        let was_last = origin.locked_until.is_some();
        OriginFailures {
            tried: origin.tried.saturating_sub(1),
            locks: if was_last { origin.locks.saturating_sub(1) } else { origin.locks },
            locked_until: None,
            ..origin.clone()
        }
    });
    let day = counters.day.as_ref().map(|day| match origin {
        RateOrigin::Network(_) => DayFailures { tried: day.tried.saturating_sub(1), ..day.clone() },
        RateOrigin::Device(_) => day.clone(),
    });
    Counters { origin: given_back, day }
}

fn lock_length(locks: u32, limits: &LockoutLimits) -> Duration {
    let doubled = 1_u32.checked_shl(locks.min(31)).and_then(|factor| limits.first.checked_mul(factor));
    doubled.unwrap_or(limits.longest).min(limits.longest)
}

#[cfg(test)]
#[path = "lockout_tests.rs"]
mod tests;
