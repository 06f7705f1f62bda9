//! The order of a shutdown: phases one after the other, each with a limit, all within one total. A second signal skips
//! to the phases that must run.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};

use crate::types::Clock;

/// The outcome of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseEnd {
    Finished,
    /// The phase was aborted: at its limit, at the end of the total, or by a second signal.
    BrokenOff,
    /// The phase was not begun: no time was left, or a second signal came.
    LeftOut,
}

/// The phases of a shutdown in order.
pub struct Shutdown {
    phases: Vec<ShutdownPhase>,
    total: Duration,
}

struct ShutdownPhase {
    name: Arc<str>,
    limit: Duration,
    is_needed: bool,
    work: BoxFuture<'static, ()>,
}

impl Shutdown {
    /// No phases yet; all together have the time `total`.
    pub fn within(total: Duration) -> Self {
        Self { phases: Vec::new(), total }
    }

    /// A phase with the time `limit` that is skipped after a second signal.
    pub fn phase(
        self,
        name: impl Into<Arc<str>>,
        limit: Duration,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.then(ShutdownPhase { name: name.into(), limit, is_needed: false, work: work.boxed() })
    }

    /// A phase that always runs, such as closing the store: its limit is reserved from the total.
    pub fn needed(
        self,
        name: impl Into<Arc<str>>,
        limit: Duration,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.then(ShutdownPhase { name: name.into(), limit, is_needed: true, work: work.boxed() })
    }

    fn then(mut self, phase: ShutdownPhase) -> Self {
        self.phases.push(phase);
        self
    }

    /// Runs the phases; `hurry` is the second signal. Returns the outcome of each.
    pub async fn run(self, clock: Arc<dyn Clock>, hurry: impl Future<Output = ()> + Send) -> Vec<(Arc<str>, PhaseEnd)> {
        let needed: Duration = self.phases.iter().filter(|phase| phase.is_needed).map(|phase| phase.limit).sum();
        let optional_until = clock.instant() + self.total.saturating_sub(needed);
        let mut hurry = std::pin::pin!(hurry.fuse());
        let mut is_hurried = false;
        let mut ends = Vec::with_capacity(self.phases.len());
        for phase in self.phases {
            let name = phase.name;
            let end = if phase.is_needed {
                within(phase.limit, phase.work).await
            } else {
                let left = left_until(optional_until, clock.instant());
                if is_hurried || left.is_zero() {
                    PhaseEnd::LeftOut
                } else {
                    tokio::select! {
                        biased;
                        () = &mut hurry => { is_hurried = true; PhaseEnd::BrokenOff }
                        end = within(phase.limit.min(left), phase.work) => end,
                    }
                }
            };
            match end {
                PhaseEnd::Finished => tracing::debug!(phase = &*name, "shutdown"),
                PhaseEnd::BrokenOff | PhaseEnd::LeftOut => tracing::warn!(phase = &*name, ?end, "shutdown"),
            }
            ends.push((name, end));
        }
        ends
    }
}

fn left_until(end: Instant, now: Instant) -> Duration {
    end.saturating_duration_since(now)
}

async fn within(limit: Duration, work: BoxFuture<'static, ()>) -> PhaseEnd {
    match tokio::time::timeout(limit, work).await {
        Ok(()) => PhaseEnd::Finished,
        Err(_) => PhaseEnd::BrokenOff,
    }
}
