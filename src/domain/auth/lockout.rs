//! What wrong passwords lead to: short locks for one network, a day's limit over all of them.
//!
//! An attempt is counted *before* the password is tried, in its own transaction, so that of a hundred sent at once
//! exactly as many are tried as the limit says; a success takes the count back. Counters are kept for users and, under
//! a keyed hash, for identifiers nobody has, so that both look the same from outside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{Network, Timestamp, id::UserId};

/// A counter nobody added to for this long is as good as none.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Whose failures are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A user's.
    User(UserId),
    /// Those on an identifier nobody has, by its keyed hash.
    Unknown([u8; 32]),
}

/// Where attempts come from, as far as they are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RateOrigin {
    /// A network, for devices that are not known.
    Network(Network),
    /// A device whose token is genuine: counted by itself, so that strangers cannot lock its holder out.
    Device([u8; 16]),
}

/// The numbers of `[auth.lockout]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutLimits {
    /// Failures from one origin that lock it.
    pub failures: u32,
    /// The first lock; each further one is twice as long.
    pub first: Duration,
    /// The longest lock.
    pub longest: Duration,
    /// Failures a day over all origins that lock all but known devices.
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
    /// Attempts since the last lock ended, those in flight included.
    pub tried: u32,
    /// Attempts of those that are known to have been wrong.
    pub wrong: u32,
    /// Locks so far.
    pub locks: u32,
    /// The end of the newest lock.
    pub locked_until: Option<Timestamp>,
    /// The last attempt that was counted.
    pub last_at: Timestamp,
}

/// The failures of one subject from all networks together, in a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFailures {
    /// When the day began: at its first failure.
    pub since: Timestamp,
    /// Attempts in it, those in flight included; never from known devices.
    pub tried: u32,
}

/// Both counters that an attempt looks at. `None`: nothing was counted yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// By subject and origin.
    pub origin: Option<OriginFailures>,
    /// By subject.
    pub day: Option<DayFailures>,
}

/// Whether a password may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// It may; the attempt is counted.
    Reserved(Counters),
    /// It may not, until then; nothing is counted.
    LockedOut {
        /// When trying again makes sense.
        until: Timestamp,
    },
}

/// What a wrong password led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterWrong {
    /// Nothing yet.
    Open,
    /// This failure completed a lock: its event, its mail and its audit entry are due, once.
    Locked {
        /// Its end.
        until: Timestamp,
    },
}

/// Counts an attempt from `origin` at `now`, if it may be made.
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
            // A lock that is over has emptied the count, but it is remembered that there was one.
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

/// A counted attempt turned out wrong. `None` for `origin`: a success or a reset has cleared it meanwhile.
pub fn settle_wrong(origin: Option<&OriginFailures>, limits: &LockoutLimits) -> (AfterWrong, Option<OriginFailures>) {
    let Some(origin) = origin else { return (AfterWrong::Open, None) };
    let settled = OriginFailures { wrong: origin.wrong.saturating_add(1), ..origin.clone() };
    let after = match settled.locked_until {
        Some(until) if settled.wrong == limits.failures => AfterWrong::Locked { until },
        Some(_) | None => AfterWrong::Open,
    };
    (after, Some(settled))
}

/// Until when so many failures in a day shut everybody out but known devices; `None`: there is room.
pub fn shut_for_the_day(day: Option<&DayFailures>, limits: &LockoutLimits) -> Option<Timestamp> {
    day.filter(|day| day.tried >= limits.daily_failures).map(|day| day.since.plus(DAY))
}

/// A counted attempt was never tried, through no fault of its sender: its places are given back.
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
