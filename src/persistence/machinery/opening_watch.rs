//! The observer of an opening: the phase that the opening reports, and the request to stop it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::watch;

use super::trust::OpenError;
use crate::telemetry::starting::StartPhase;

/// The observer of one opening; clones are handles of the same.
#[derive(Clone)]
pub struct OpeningWatch {
    inner: Arc<WatchInner>,
}

struct WatchInner {
    phase: watch::Sender<StartPhase>,
    stop: AtomicBool,
    /// The size of the current rebuild in any unit, and how much of it is done; 0: no rebuild runs.
    total: AtomicU64,
    done: AtomicU64,
}

impl Default for OpeningWatch {
    fn default() -> Self {
        let inner = WatchInner {
            phase: watch::Sender::new(StartPhase::Opening),
            stop: AtomicBool::new(false),
            total: AtomicU64::new(0),
            done: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl OpeningWatch {
    /// The phase, which what follows the opening reports too.
    pub fn phase(&self) -> &watch::Sender<StartPhase> {
        &self.inner.phase
    }

    /// Requests the opening to end with `OpenError::Stopped`, which it does between two small steps.
    pub fn stop(&self) {
        self.inner.stop.store(true, Ordering::Release);
    }

    /// Fails with `OpenError::Stopped` once `stop` was called.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        if self.inner.stop.load(Ordering::Acquire) { Err(OpenError::Stopped) } else { Ok(()) }
    }

    /// Reports `phase`, if it is another one than before.
    pub(super) fn report(&self, phase: StartPhase) {
        self.inner.phase.send_if_modified(|current| std::mem::replace(current, phase) != phase);
    }

    /// Begins a rebuild of `total` units; that of an empty store has none, and is not reported.
    pub(super) fn begin_rebuild(&self, total: u64) {
        self.inner.done.store(0, Ordering::Release);
        self.inner.total.store(total, Ordering::Release);
        if total > 0 {
            self.report(StartPhase::Rebuilding { percent: 0 });
        }
    }

    /// Counts `units` of the current rebuild, if one runs, and checks for a stop.
    pub(super) fn advance(&self, units: u64) -> Result<(), OpenError> {
        self.check()?;
        let total = self.inner.total.load(Ordering::Acquire);
        let done = self.inner.done.fetch_add(units, Ordering::AcqRel) + units;
        if let Some(percent) = done.min(total).saturating_mul(100).checked_div(total) {
            self.report(StartPhase::Rebuilding { percent: u8::try_from(percent).unwrap_or(100) });
        }
        Ok(())
    }

    /// Ends the rebuild; what is left of the opening is short.
    pub(super) fn end_rebuild(&self) {
        self.inner.total.store(0, Ordering::Release);
    }
}
