//! The level of the log, which an operator changes for a while.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{config::LogLevel, types::Timestamp};

/// Gives one output of the log another level.
pub(super) type SetLevel = Box<dyn Fn(LogLevel) + Send + Sync>;

/// The level of the log of this process. Clones share it.
#[derive(Clone)]
pub struct LogSwitch(Arc<SwitchInner>);

struct SwitchInner {
    configured: LogLevel,
    outputs: Vec<SetLevel>,
    changed: Mutex<Option<LevelChange>>,
}

/// A level that holds for a while.
#[derive(Debug, Clone, Copy)]
struct LevelChange {
    level: LogLevel,
    since: Timestamp,
    until: Timestamp,
}

/// The level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevelReport {
    /// The present level.
    pub level: LogLevel,
    /// The level of the configuration.
    pub configured: LogLevel,
    /// When the configured level holds again; `None` if it holds now.
    pub until: Option<Timestamp>,
}

impl LogSwitch {
    pub(super) fn of(configured: LogLevel, outputs: Vec<SetLevel>) -> Self {
        Self(Arc::new(SwitchInner { configured, outputs, changed: Mutex::default() }))
    }

    /// A switch without an output, for a system whose log belongs to the process around it.
    pub fn without_output(configured: LogLevel) -> Self {
        Self::of(configured, Vec::new())
    }

    /// From `now` on the log is written at `level`, for at most `time`. The configured level ends an earlier change.
    pub fn set(&self, level: LogLevel, now: Timestamp, time: Duration) -> LogLevelReport {
        let mut changed = self.changed();
        let is_other = level != self.0.configured;
        *changed = is_other.then(|| LevelChange { level, since: now, until: now.plus(time) });
        self.write_at(level);
        self.shown(*changed)
    }

    /// The level at which lines are written.
    pub fn level(&self) -> LogLevel {
        self.shown(*self.changed()).level
    }

    /// The level at `now`.
    pub fn report(&self, now: Timestamp) -> LogLevelReport {
        self.settle(now);
        self.shown(*self.changed())
    }

    /// Returns to the configured level if the time of the change is over, or has not come yet because the clock was set
    /// back. Gives the rest of the time, if the change goes on.
    pub fn settle(&self, now: Timestamp) -> Option<Duration> {
        let mut changed = self.changed();
        let change = (*changed)?;
        if (change.since..change.until).contains(&now) {
            return Some(change.until.since(now));
        }
        *changed = None;
        self.write_at(self.0.configured);
        tracing::warn!("the log has its configured level again");
        None
    }

    fn write_at(&self, level: LogLevel) {
        self.0.outputs.iter().for_each(|set| set(level));
    }

    fn shown(&self, changed: Option<LevelChange>) -> LogLevelReport {
        let configured = self.0.configured;
        let level = changed.map_or(configured, |change| change.level);
        LogLevelReport { level, configured, until: changed.map(|change| change.until) }
    }

    fn changed(&self) -> MutexGuard<'_, Option<LevelChange>> {
        // The value is replaced whole.
        self.0.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LogSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogSwitch").field(&*self.changed()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const NOON: Timestamp = Timestamp::from_micros(1_767_268_800_000_000);

    fn at_info() -> LogLevelReport {
        LogLevelReport { level: LogLevel::Info, configured: LogLevel::Info, until: None }
    }

    #[test]
    fn a_change_ends_by_time() {
        let switch = LogSwitch::without_output(LogLevel::Info);
        assert_eq!(switch.report(NOON), at_info());
        let until = Some(NOON.plus(MINUTE));
        let changed = LogLevelReport { level: LogLevel::Trace, configured: LogLevel::Info, until };
        assert_eq!(switch.set(LogLevel::Trace, NOON, MINUTE), changed);
        assert_eq!(switch.settle(NOON.plus(MINUTE / 4)), Some(MINUTE / 4 * 3));
        assert_eq!(switch.report(NOON.plus(MINUTE / 2)), changed);
        assert_eq!(switch.report(NOON.plus(MINUTE)), at_info());
        assert_eq!(switch.settle(NOON), None);
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_change() {
        let switch = LogSwitch::without_output(LogLevel::Info);
        switch.set(LogLevel::Trace, NOON.plus(MINUTE), MINUTE);
        assert_eq!(switch.report(NOON), at_info());
    }

    #[test]
    fn the_configured_level_ends_a_change() {
        let switch = LogSwitch::without_output(LogLevel::Info);
        switch.set(LogLevel::Error, NOON, MINUTE);
        assert_eq!(switch.set(LogLevel::Info, NOON, MINUTE), at_info());
        assert_eq!(switch.settle(NOON), None);
    }

    #[test]
    fn each_output_receives_each_change() {
        let heard = Arc::new(AtomicU32::new(0));
        let output = || -> SetLevel {
            let heard = Arc::clone(&heard);
            Box::new(move |_level| {
                heard.fetch_add(1, Ordering::Relaxed);
            })
        };
        let switch = LogSwitch::of(LogLevel::Info, vec![output(), output()]);
        switch.set(LogLevel::Debug, NOON, MINUTE);
        assert_eq!(heard.load(Ordering::Relaxed), 2);
        switch.settle(NOON.plus(MINUTE));
        switch.settle(NOON.plus(MINUTE));
        assert_eq!(heard.load(Ordering::Relaxed), 4);
    }
}
