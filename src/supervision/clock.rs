//! Clocks. Time never runs backwards: it is the later of the wall clock and the journal's last time, advanced by the
//! monotonic clock.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::sync::lock;
use crate::types::{Clock, ClockTrouble, Timestamp, limits};

/// The clock of production.
pub struct SystemClock(Mutex<Timeline>);

impl SystemClock {
    /// A clock that continues after `last_journal`, the time of the last entry (`Timestamp::ZERO` if there is none).
    pub fn after(last_journal: Timestamp) -> Self {
        let (wall, instant) = sample();
        Self(Mutex::new(Timeline::start(last_journal, wall, instant)))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (wall, instant) = sample();
        lock(&self.0).observe(wall, instant)
    }

    #[expect(clippy::disallowed_methods, reason = "this implements the trait")]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn trouble(&self) -> Option<ClockTrouble> {
        let (wall, instant) = sample();
        let mut timeline = lock(&self.0);
        timeline.observe(wall, instant);
        timeline.trouble
    }

    fn accept(&self) {
        let (wall, instant) = sample();
        lock(&self.0).accept(wall, instant);
    }
}

#[expect(clippy::disallowed_methods, reason = "this implements the trait")]
fn sample() -> (Timestamp, Instant) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Timestamp::ZERO.plus(since_epoch), Instant::now())
}

/// The rule of the clock, over samples of the wall clock and the monotonic clock.
struct Timeline {
    /// The last time that was returned, and its monotonic instant.
    given: Timestamp,
    at: Instant,
    trouble: Option<ClockTrouble>,
    /// Since when the wall clock has agreed again; set only while there is trouble.
    agreed_since: Option<Instant>,
    /// A lag that an operator has accepted.
    accepted_lag: Duration,
}

impl Timeline {
    fn start(last_journal: Timestamp, wall: Timestamp, at: Instant) -> Self {
        let leap = wall.since(last_journal);
        let leapt = last_journal > Timestamp::ZERO && leap >= limits::CLOCK_LEAP_AT_START;
        let mut timeline = Self {
            given: last_journal.max(wall),
            at,
            trouble: leapt.then_some(ClockTrouble::Leapt(leap)),
            agreed_since: leapt.then_some(at),
            accepted_lag: Duration::ZERO,
        };
        timeline.observe(wall, at);
        timeline
    }

    fn observe(&mut self, wall: Timestamp, instant: Instant) -> Timestamp {
        let moved_on = self.given.plus(instant.saturating_duration_since(self.at));
        let (lag, leap) = (moved_on.since(wall), wall.since(moved_on));
        if leap >= limits::CLOCK_LEAP {
            self.trouble = Some(ClockTrouble::Leapt(leap));
            self.agreed_since = Some(instant);
        } else if lag >= self.accepted_lag + limits::CLOCK_LAG {
            self.trouble = Some(ClockTrouble::Lags(lag));
            self.agreed_since = None;
        } else if self.trouble.is_some() {
            let since = *self.agreed_since.get_or_insert(instant);
            if instant.saturating_duration_since(since) >= limits::CLOCK_AGREEMENT {
                self.trouble = None;
                self.agreed_since = None;
            }
        }
        self.given = moved_on.max(wall);
        self.at = self.at.max(instant);
        self.given
    }

    fn accept(&mut self, wall: Timestamp, instant: Instant) {
        let now = self.observe(wall, instant);
        self.accepted_lag = now.since(wall);
        self.trouble = None;
        self.agreed_since = None;
    }
}

/// A clock that is moved by its caller: it follows tokio's time, which tests pause, and can be set forward (`POST
/// /dev/clock/advance`). Timers follow tokio's time alone: after an advance, wake the workers (`System::wake_workers`).
pub struct ManualClock {
    began: tokio::time::Instant,
    /// Microseconds since the epoch at `began`, with all advances.
    base: AtomicI64,
    trouble: Mutex<Option<ClockTrouble>>,
}

impl ManualClock {
    /// A clock that shows `start` now.
    #[expect(clippy::disallowed_methods, reason = "this implements the trait")]
    pub fn starting_at(start: Timestamp) -> Self {
        let (began, base) = (tokio::time::Instant::now(), AtomicI64::new(start.as_micros()));
        Self { began, base, trouble: Mutex::new(None) }
    }

    /// A clock for development: starts at the later of the wall clock and `last_journal`, and is then moved by its
    /// caller.
    pub fn after(last_journal: Timestamp) -> Self {
        Self::starting_at(sample().0.max(last_journal))
    }

    /// Reports `trouble` until the clock is accepted.
    pub fn distrust(&self, trouble: ClockTrouble) {
        *lock(&self.trouble) = Some(trouble);
    }

    /// Sets the time of day forward by `by`.
    pub fn advance(&self, by: Duration) {
        self.base.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4), Ordering::AcqRel);
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

    fn trouble(&self) -> Option<ClockTrouble> {
        *lock(&self.trouble)
    }

    fn accept(&self) {
        *lock(&self.trouble) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn day(number: u64) -> Timestamp {
        Timestamp::ZERO.plus(24 * HOUR * u32::try_from(number).unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn time_goes_on_after_the_journal_when_the_wall_clock_lags() {
        let at = origin();
        let mut line = Timeline::start(day(10), day(9), at);
        assert!(matches!(line.trouble, Some(ClockTrouble::Lags(by)) if by == 24 * HOUR));
        assert_eq!(line.observe(day(9).plus(MINUTE), at + MINUTE), day(10).plus(MINUTE));
    }

    #[test]
    fn a_wall_clock_set_back_does_not_turn_time_back() {
        let at = origin();
        let mut line = Timeline::start(Timestamp::ZERO, day(10), at);
        assert_eq!(line.observe(day(10).minus(MINUTE), at + MINUTE), day(10).plus(MINUTE));
        assert_eq!(line.trouble, None, "two minutes are not yet a lag");
        line.observe(day(10).minus(5 * MINUTE), at + 2 * MINUTE);
        assert!(matches!(line.trouble, Some(ClockTrouble::Lags(_))));
    }

    #[test]
    fn a_jump_at_start_is_trouble_from_a_day_on_and_for_an_hour() {
        let at = origin();
        assert_eq!(Timeline::start(day(10), day(10).plus(23 * HOUR), at).trouble, None);
        assert_eq!(Timeline::start(Timestamp::ZERO, day(20_000), at).trouble, None, "a first start has no journal");
        let mut line = Timeline::start(day(10), day(11), at);
        assert_eq!(line.trouble, Some(ClockTrouble::Leapt(24 * HOUR)));
        line.observe(day(11).plus(HOUR - MINUTE), at + HOUR - MINUTE);
        assert!(line.trouble.is_some());
        line.observe(day(11).plus(HOUR), at + HOUR);
        assert_eq!(line.trouble, None);
    }

    #[test]
    fn a_jump_while_running_is_followed_but_is_trouble_until_accepted() {
        let at = origin();
        let mut line = Timeline::start(day(10), day(10), at);
        let leapt = day(10).plus(6 * MINUTE);
        assert_eq!(line.observe(leapt, at + MINUTE), leapt);
        assert_eq!(line.trouble, Some(ClockTrouble::Leapt(5 * MINUTE)));
        line.accept(leapt, at + MINUTE);
        assert_eq!(line.trouble, None);
        line.observe(leapt.plus(MINUTE), at + 2 * MINUTE);
        assert_eq!(line.trouble, None);
    }

    #[test]
    fn an_accepted_lag_is_no_trouble_until_it_grows() {
        let at = origin();
        let mut line = Timeline::start(day(10), day(9), at);
        line.accept(day(9), at);
        line.observe(day(9).plus(MINUTE), at + MINUTE);
        assert_eq!(line.trouble, None);
        line.observe(day(9).minus(5 * MINUTE), at + MINUTE);
        assert!(line.trouble.is_some());
    }

    #[test]
    fn a_lag_must_be_over_for_an_hour_without_a_break() {
        let at = origin();
        let mut line = Timeline::start(day(10), day(10).minus(6 * MINUTE), at);
        line.observe(day(10).plus(MINUTE), at + MINUTE);
        line.observe(day(10).minus(6 * MINUTE), at + 30 * MINUTE);
        line.observe(day(10).plus(31 * MINUTE), at + 31 * MINUTE);
        line.observe(day(10).plus(80 * MINUTE), at + 80 * MINUTE);
        assert!(line.trouble.is_some(), "the hour starts again after the break");
        line.observe(day(10).plus(91 * MINUTE), at + 91 * MINUTE);
        assert_eq!(line.trouble, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_manual_clock_goes_with_tokio_and_with_advances() {
        let clock = ManualClock::starting_at(day(10));
        tokio::time::advance(MINUTE).await;
        assert_eq!(clock.now(), day(10).plus(MINUTE));
        let instant = clock.instant();
        clock.advance(HOUR);
        assert_eq!(clock.now(), day(10).plus(HOUR + MINUTE));
        assert_eq!(clock.instant(), instant, "deadlines do not move with the time of day");
    }
}
