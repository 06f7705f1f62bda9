//! The traits of time and randomness. No other code reads a clock or a random source.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Stamp, Timestamp};

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day in UTC; runs backwards only when an operator accepts an earlier time.
    fn now(&self) -> Timestamp;
    /// A monotonic instant for deadlines and ages.
    fn instant(&self) -> Instant;
    /// The time for which the machine was suspended so far, which `instant` does not count.
    fn suspended(&self) -> Duration {
        Duration::ZERO
    }
    /// Continues after the end of a journal. Called once, when a store is opened, before a transaction is stamped.
    fn begin(&self, end: JournalEnd) {
        let _ = end;
    }
    /// The difference between this time and the wall clock, while the wall clock is not followed.
    fn trouble(&self) -> Option<ClockTrouble> {
        None
    }
    /// The time left until a wall clock that was followed over a gap has been right for long enough.
    fn settling(&self) -> Option<Duration> {
        None
    }
    /// Whether the time may decide what is deleted, released or retired. Rules that refuse what has expired follow the
    /// time in any case.
    fn may_remove(&self) -> bool {
        self.trouble().is_none() && self.settling().is_none()
    }
    /// Takes the wall clock as it is, for an operator, also backwards; ends the trouble.
    fn accept(&self) -> AcceptedTime {
        let now = self.now();
        AcceptedTime { before: now, now }
    }
    /// Takes an acceptance back that could not be written to the journal.
    fn withdraw(&self, accepted: AcceptedTime) {
        let _ = accepted;
    }
}

/// The end of a journal, where time continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEnd {
    /// The time of the last commit.
    pub time: Timestamp,
    /// Whether the store was restored from a snapshot, which explains a gap of any length.
    pub restored: bool,
}

/// A time that an operator accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedTime {
    /// The program's time before.
    pub before: Timestamp,
    /// The time of the wall clock, which is the program's time now.
    pub now: Timestamp,
}

impl AcceptedTime {
    /// Whether the time went back, so that records can have later dates than now.
    pub fn is_backward(&self) -> bool {
        self.now < self.before
    }
}

/// The two times that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockDifference {
    /// The program's own time.
    pub own: Timestamp,
    /// The time of the wall clock.
    pub wall: Timestamp,
}

/// How the wall clock disagrees with Majordomo's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrouble {
    /// The wall clock is behind the journal, or was set back.
    Lags(ClockDifference),
    /// The wall clock jumped ahead, since the last start or while running.
    Leapt(ClockDifference),
}

impl ClockTrouble {
    /// The two times.
    pub fn difference(&self) -> ClockDifference {
        match self {
            Self::Lags(difference) | Self::Leapt(difference) => *difference,
        }
    }
}

impl fmt::Display for ClockTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClockDifference { own, wall } = self.difference();
        let (by, direction) = match self {
            Self::Lags(_) => (own.since(wall), "behind"),
            Self::Leapt(_) => (wall.since(own), "ahead of"),
        };
        write!(
            f,
            "the wall clock shows {wall}, {} s {direction} the program's time {own}, and is not followed; correct it, \
             or run `majordomo clock accept`",
            by.as_secs()
        )
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
