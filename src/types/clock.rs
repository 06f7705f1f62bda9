//! The traits of time and randomness. No other code reads a clock or a random source.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Stamp, Timestamp};

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day in UTC; never runs backwards, not even over a restart.
    fn now(&self) -> Timestamp;
    /// A monotonic instant for deadlines and ages.
    fn instant(&self) -> Instant;
    /// Why the time of day is not trusted at present. Expiry still follows it, but nothing may be deleted, released or
    /// retired until this is `None` again.
    fn trouble(&self) -> Option<ClockTrouble> {
        None
    }
    /// Confirms the time for an operator, which ends the trouble.
    fn accept(&self) {}
}

/// How the wall clock disagrees with Majordomo's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrouble {
    /// The wall clock is behind the journal, or was set back.
    Lags(Duration),
    /// The wall clock jumped ahead, since the last start or while running.
    Leapt(Duration),
}

impl fmt::Display for ClockTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lags(by) => write!(f, "the wall clock lags by {} s", by.as_secs()),
            Self::Leapt(by) => write!(f, "the wall clock leapt ahead by {} s", by.as_secs()),
        }
    }
}

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`. A source that fails ends the process, since nothing is safe without it.
    fn fill(&self, bytes: &mut [u8]);
}

/// Samples time and randomness for one flow.
pub fn stamp(clock: &dyn Clock, entropy: &dyn Entropy) -> Stamp {
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    Stamp { now: clock.now(), seed }
}
