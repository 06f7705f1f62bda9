//! A clock that is moved by its caller.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use super::system::wall;
use crate::{
    supervision::sync::lock,
    types::{AcceptedTime, Clock, ClockTrouble, JournalEnd, Timestamp, limits},
};

/// A clock that is moved by its caller: it follows tokio's time, which tests pause, and can be set forward (`POST
/// /dev/clock/advance`). Timers follow tokio's time alone: after an advance, wake the workers (`System::wake_workers`).
pub struct ManualClock {
    began: tokio::time::Instant,
    /// Microseconds since the epoch at `began`, with all advances.
    base: AtomicI64,
    trouble: Mutex<Option<ClockTrouble>>,
    /// The end of the hour after a gap.
    settled_at: Mutex<Option<Instant>>,
    source: ManualSource,
}

/// The time that `ManualClock::accept` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ManualSource {
    /// The wall clock of the machine, for development.
    Machine,
    /// The wall clock of the trouble that the caller reported; without trouble, the clock's own time.
    Caller,
}

impl ManualClock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self::over(start, ManualSource::Caller)
    }

    /// A clock for development: starts at the wall clock, or at the end of a journal that is later, and is then moved
    /// by its caller.
    pub fn of_the_machine() -> Self {
        Self::over(wall(), ManualSource::Machine)
    }

    #[expect(clippy::disallowed_methods, reason = "this implements the trait")]
    fn over(start: Timestamp, source: ManualSource) -> Self {
        let (began, base) = (tokio::time::Instant::now(), AtomicI64::new(start.as_micros()));
        Self { began, base, trouble: Mutex::new(None), settled_at: Mutex::new(None), source }
    }

    /// Reports `trouble` until the clock is accepted.
    pub fn distrust(&self, trouble: ClockTrouble) {
        *lock(&self.trouble) = Some(trouble);
    }

    /// Sets the time of day forward by `by`. The caller then vouches for the time, so nothing waits any longer.
    pub fn advance(&self, by: Duration) {
        self.base.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4), Ordering::AcqRel);
        *lock(&self.settled_at) = None;
    }

    fn set(&self, now: Timestamp) {
        self.base.fetch_add(now.as_micros() - self.now().as_micros(), Ordering::AcqRel);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.instant().saturating_duration_since(self.began.into_std());
        Timestamp::from_micros(self.base.load(Ordering::Acquire)).plus(elapsed)
    }

    #[expect(clippy::disallowed_methods, reason = "this implements the trait")]
    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn begin(&self, end: JournalEnd) {
        let now = self.now();
        if now < end.time {
            self.set(end.time);
        } else if now.since(end.time) >= limits::CLOCK_LEAP {
            *lock(&self.settled_at) = Some(self.instant() + limits::CLOCK_AGREEMENT);
        }
    }

    fn trouble(&self) -> Option<ClockTrouble> {
        *lock(&self.trouble)
    }

    fn settling(&self) -> Option<Duration> {
        let left = (*lock(&self.settled_at))?.saturating_duration_since(self.instant());
        (!left.is_zero()).then_some(left)
    }

    fn accept(&self) -> AcceptedTime {
        let before = self.now();
        let trouble = lock(&self.trouble).take();
        let now = match self.source {
            ManualSource::Machine => wall(),
            ManualSource::Caller => trouble.map_or(before, |trouble| trouble.difference().wall),
        };
        *lock(&self.settled_at) = None;
        self.set(now);
        AcceptedTime { before, now }
    }

    fn withdraw(&self, accepted: AcceptedTime) {
        self.set(accepted.before.plus(self.now().since(accepted.now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);
    const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

    #[tokio::test(start_paused = true)]
    async fn a_manual_clock_goes_with_tokio_and_with_advances() {
        let clock = ManualClock::starting_at(START);
        tokio::time::advance(MINUTE).await;
        assert_eq!(clock.now(), START.plus(MINUTE));
        let instant = clock.instant();
        clock.advance(HOUR);
        assert_eq!(clock.now(), START.plus(HOUR + MINUTE));
        assert_eq!(clock.instant(), instant, "deadlines do not move with the time of day");
    }

    #[tokio::test(start_paused = true)]
    async fn in_development_a_gap_is_followed_and_what_deletes_waits_an_hour_or_until_an_advance() {
        let gap_behind = |gap| JournalEnd { time: START.minus(gap), restored: false };
        let clock = ManualClock::starting_at(START);
        clock.begin(gap_behind(MINUTE));
        assert!(clock.may_remove(), "a minute is no gap");
        clock.begin(gap_behind(400 * 24 * HOUR));
        assert_eq!((clock.now(), clock.may_remove()), (START, false));
        tokio::time::advance(HOUR).await;
        assert!(clock.may_remove());
        clock.begin(gap_behind(24 * HOUR));
        assert!(!clock.may_remove());
        clock.advance(MINUTE);
        assert!(clock.may_remove());
        clock.begin(JournalEnd { time: START.plus(10 * HOUR), restored: false });
        assert_eq!(clock.now(), START.plus(10 * HOUR));
    }
}
