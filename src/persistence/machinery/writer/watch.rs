//! Watches the writer from a thread of its own, which needs neither the runtime nor a lock of the store.
//!
//! A process that is paused (SIGSTOP, a suspended machine) does not hang: then the watcher's own look is late too, by
//! the monotonic clock or by the time since the machine's start. The present step counts from there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::steps::{BusyStep, WriterSteps};
use crate::{persistence::machinery::shared::Shared, types::Clock};

/// The bounds of the interval between two looks.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// Number of looks within the time after which health is down.
const LOOKS: u32 = 10;

/// The result of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterFound {
    /// The writer works, or was not watched long enough.
    Working,
    /// The process was paused since the last look.
    Paused,
    Lost(BusyStep),
}

/// The memory of the watcher.
pub struct StepWatcher {
    steps: Arc<WriterSteps>,
    clock: Arc<dyn Clock>,
    last: (Instant, Duration),
}

impl StepWatcher {
    /// Watches `steps` from now on.
    pub fn new(steps: &Arc<WriterSteps>, clock: &Arc<dyn Clock>) -> Self {
        Self { steps: Arc::clone(steps), clock: Arc::clone(clock), last: (clock.instant(), clock.suspended()) }
    }

    /// Looks at the writer. A look that comes later than the time after which health is down proves a pause.
    pub fn look(&mut self) -> WriterFound {
        let (now, suspended) = (self.clock.instant(), self.clock.suspended());
        let (before, suspended_before) = std::mem::replace(&mut self.last, (now, suspended));
        let passed = now.saturating_duration_since(before) + suspended.saturating_sub(suspended_before);
        let limits = self.steps.limits();
        if passed >= limits.stuck {
            self.steps.resume();
            return WriterFound::Paused;
        }
        match self.steps.busy() {
            Some(busy) if busy.lasts >= limits.lost => WriterFound::Lost(busy),
            Some(_) | None => WriterFound::Working,
        }
    }
}

/// Watches the writer of `shared` until it ends. If it hangs, the store is lost, which ends the process; a process that
/// has not ended after `WatchLimits::kill_after` is killed.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which waits for nothing that can hang")]
pub(in crate::persistence::machinery) fn watch(shared: Arc<Shared>) {
    let mut watcher = StepWatcher::new(&shared.steps, &shared.clock);
    let limits = shared.steps.limits();
    let every = (limits.stuck / LOOKS).clamp(LOOK_EVERY.0, LOOK_EVERY.1);
    while !shared.steps.has_ended() {
        std::thread::sleep(every);
        if let WriterFound::Lost(busy) = watcher.look() {
            let lost = Arc::clone(&shared);
            let reason = format!("the writer hangs in one step ({}) for {} s", busy.step, busy.lasts.as_secs());
            // On another thread, because the log may wait for its reader.
            let reporting =
                std::thread::Builder::new().name("store-lost".to_owned()).spawn(move || report(&lost, reason));
            if reporting.is_err() {
                shared.queue.close();
            }
            if let Some(grace) = limits.kill_after {
                std::thread::sleep(grace);
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
            return;
        }
    }
}

fn report(shared: &Shared, reason: String) {
    let line = format!("majordomo: {reason}; the process ends\n");
    shared.lose(reason);
    // The runtime, which prints the reason of an orderly end, may hang with the writer.
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}
