//! The seams to time and chance. Nothing else in the product reads a clock or a random source.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Stamp, Timestamp};

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day in UTC; never runs backwards, not even over a restart.
    fn now(&self) -> Timestamp;
    /// A monotonic instant for deadlines and ages.
    fn instant(&self) -> Instant;
    /// Why the time of day is not to be trusted at present. Expiry is still judged by it, but nothing may be deleted,
    /// released or retired until this is `None` again.
    fn trouble(&self) -> Option<ClockTrouble> {
        None
    }
    /// An operator says that the time is right: the trouble is over.
    fn accept(&self) {}
}

/// How the wall clock disagrees with the product's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrouble {
    /// The wall clock is behind the journal, or was set back.
    Lags(Duration),
    /// The wall clock leapt ahead, since the last start or while running.
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

/// Where unpredictable bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`; a source that fails ends the process, since nothing safe can go on.
    fn fill(&self, bytes: &mut [u8]);

    /// An array of random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Samples time and chance for one flow.
pub fn stamp(clock: &dyn Clock, entropy: &dyn Entropy) -> Stamp {
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    Stamp { now: clock.now(), seed }
}
