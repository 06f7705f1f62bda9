//! The clock of production.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    kernel::KernelClock,
    timeline::{GapRule, Timeline},
};
use crate::{
    supervision::sync::lock,
    types::{AcceptedTime, Clock, ClockTrouble, JournalEnd, Timestamp, limits},
};

/// The clock of production: the wall clock, as far as `Timeline` follows it.
pub struct SystemClock {
    sources: ClockSources,
    gap_max: Duration,
    timeline: Mutex<Timeline>,
}

/// One reading of the machine's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The time of day that the machine shows.
    pub wall: Timestamp,
    /// The time since the machine's start, with the time in which it was suspended. No change of the wall clock moves
    /// it.
    pub boot: Duration,
}

/// The machine's clocks; tests put other functions here.
pub struct ClockSources {
    /// Reads the clocks.
    pub read: Box<dyn Fn() -> ClockReading + Send + Sync>,
    /// Reads what the kernel says about its clock.
    pub kernel: Box<dyn Fn() -> KernelClock + Send + Sync>,
}

impl Default for ClockSources {
    fn default() -> Self {
        Self { read: Box::new(read), kernel: Box::new(KernelClock::read) }
    }
}

impl Default for SystemClock {
    /// The clock of the machine, with the default of `clock.gap_max`.
    fn default() -> Self {
        Self::new(limits::CLOCK_GAP_MAX)
    }
}

impl SystemClock {
    /// The clock of the machine. At the opening of a store, a gap of at most `gap_max` since its last commit is
    /// followed without a proof.
    pub fn new(gap_max: Duration) -> Self {
        Self::over(ClockSources::default(), gap_max)
    }

    /// A clock over other sources.
    pub fn over(sources: ClockSources, gap_max: Duration) -> Self {
        let timeline = Mutex::new(Timeline::start((sources.read)()));
        Self { sources, gap_max, timeline }
    }

    fn observed<T>(&self, read: impl FnOnce(&mut Timeline, ClockReading) -> T) -> T {
        let mut timeline = lock(&self.timeline);
        // Read under the lock, so that two readings are observed in their order.
        let reading = (self.sources.read)();
        timeline.observe(reading);
        read(&mut timeline, reading)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.observed(|timeline, _| timeline.given())
    }

    #[expect(clippy::disallowed_methods, reason = "this implements the trait")]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn suspended(&self) -> Duration {
        boot().saturating_sub(time_of(rustix::time::ClockId::Monotonic))
    }

    fn begin(&self, end: JournalEnd) {
        let proven = end.restored || (self.sources.kernel)() == KernelClock::Synchronised;
        let rule = if proven { GapRule::Any } else { GapRule::UpTo(self.gap_max) };
        let trouble = self.observed(|timeline, reading| {
            timeline.begin(end.time, reading, rule);
            timeline.trouble()
        });
        if let Some(trouble) = trouble {
            tracing::error!(%trouble, "the time goes on from the end of the journal");
        }
    }

    fn trouble(&self) -> Option<ClockTrouble> {
        self.observed(|timeline, _| timeline.trouble())
    }

    fn settling(&self) -> Option<Duration> {
        self.observed(|timeline, reading| timeline.settling(reading.boot))
    }

    fn may_remove(&self) -> bool {
        self.observed(|timeline, _| timeline.is_trusted())
    }

    fn accept(&self) -> AcceptedTime {
        self.observed(Timeline::accept)
    }

    fn withdraw(&self, accepted: AcceptedTime) {
        self.observed(|timeline, reading| timeline.withdraw(accepted, reading));
    }
}

fn read() -> ClockReading {
    ClockReading { wall: wall(), boot: boot() }
}

/// The wall clock of the machine.
#[expect(clippy::disallowed_methods, reason = "this implements the trait")]
pub(super) fn wall() -> Timestamp {
    Timestamp::ZERO.plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn boot() -> Duration {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    time_of(id)
}

fn time_of(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}
