//! Background work that converges: a nudge carries no data, the worker reads the state again. After a restart it does
//! the same as always.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    policy::{doubled, jittered},
    spec::Spec,
    supervisor::Supervisor,
    task::TaskCx,
};
use crate::types::{Fault, limits};

/// When a worker runs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once: more work is left.
    Now,
    /// When nudged, or after this time at the latest.
    Within(Duration),
    Nudged,
}

/// Work that is repeated.
pub trait Worker: Send + 'static {
    /// The name of this kind of worker for operators, e.g. `event_relay`.
    const KIND: &'static str;

    /// Reads the state and does the due work in bounded pieces. Stops early when `TaskCx::stopping` is cancelled. A
    /// fault is shown to operators and tried again with back-off; a panic restarts the worker.
    fn run(&mut self, cx: &TaskCx) -> impl Future<Output = Result<Next, Fault>> + Send;

    /// Ends when the worker has to run before the time that it returned; begun anew after each run, and dropped when
    /// something else wakes the worker.
    fn wake(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Runs after the worker was stopped, before its jobs are waited for. Not called after a crash.
    fn stop(&mut self, cx: &TaskCx) -> impl Future<Output = ()> + Send {
        let _ = cx;
        async {}
    }
}

/// Makes a worker run soon. Nudges coalesce; a nudge during a run causes one more run.
#[derive(Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// A nudge whose worker is declared later (`Supervisor::worker_nudged_by`).
    pub fn new() -> Self {
        Self::default()
    }

    /// Signals that there may be work.
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}

impl Supervisor {
    /// A worker that `factory` creates for each start. It runs at once, then at the times that it returns.
    pub fn worker<W: Worker>(&mut self, spec: Spec, factory: impl Fn() -> W + Send + Sync + 'static) -> Nudge {
        let nudge = Nudge::new();
        self.worker_nudged_by(&nudge, spec, factory);
        nudge
    }

    /// A worker for a nudge that was created before.
    pub fn worker_nudged_by<W: Worker>(
        &mut self,
        nudge: &Nudge,
        spec: Spec,
        factory: impl Fn() -> W + Send + Sync + 'static,
    ) {
        let nudge = nudge.clone();
        self.task(spec.kind(W::KIND), move |cx| work(factory(), cx, nudge.clone()));
    }
}

async fn work<W: Worker>(mut worker: W, cx: TaskCx, nudge: Nudge) -> Result<(), Fault> {
    let mut woken = cx.system().woken();
    let mut failures = 0;
    cx.ready();
    while !cx.stopping().is_cancelled() {
        let next = match cx.piece("run", worker.run(&cx)).await {
            Ok(next) => {
                failures = 0;
                next
            }
            Err(fault) => {
                cx.failed(&fault);
                let wait = doubled(limits::BACKOFF_FIRST, failures, limits::WORKER_BACKOFF_MOST);
                failures = failures.saturating_add(1);
                tracing::warn!(path = cx.path(), %fault, failures, "a run of a worker failed and is repeated");
                wait_out(jittered(wait, cx.system().die()), &cx).await;
                continue;
            }
        };
        let pause = match next {
            // Yields, so that a worker with much work does not block a thread of the runtime.
            Next::Now => {
                tokio::task::yield_now().await;
                continue;
            }
            Next::Within(wait) => wait,
            Next::Nudged => Duration::MAX,
        };
        tokio::select! {
            () = cx.stopping().cancelled() => {}
            () = nudge.0.notified() => {}
            _ = woken.changed() => {}
            () = worker.wake() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    worker.stop(&cx).await;
    Ok(())
}

/// Nudges do not shorten the wait after a failure.
async fn wait_out(wait: Duration, cx: &TaskCx) {
    tokio::select! {
        () = cx.stopping().cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
