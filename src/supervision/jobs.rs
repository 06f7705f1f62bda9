//! Jobs: work that outlives a message. A job is tracked by the child's slot, so that it finishes after a crash of the
//! actor.

use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{record::ActorRecord, stats::ActorKind, system::System};
use crate::types::Work;

/// The jobs of one slot.
#[derive(Clone)]
pub(super) struct Jobs {
    pub(super) system: System,
    pub(super) record: Arc<ActorRecord>,
    pub(super) times: Arc<ActorKind>,
    tracker: TaskTracker,
    abort: CancellationToken,
}

impl Jobs {
    pub(super) fn new(system: System, record: Arc<ActorRecord>) -> Self {
        let times = system.stats().kind(record.kind);
        Self { system, record, times, tracker: TaskTracker::new(), abort: CancellationToken::new() }
    }

    /// Starts `job`. `work`, and its permit, is held until the job ends. A panic is caught, counted and logged; the
    /// dropped reply then answers the caller.
    pub(super) fn start(&self, work: Work, kind: &'static str, job: impl Future<Output = ()> + Send + 'static) {
        let jobs = self.clone();
        let running = Running::new(Arc::clone(&self.record));
        self.tracker.spawn(async move {
            let began = jobs.system.instant();
            let outcome = tokio::select! {
                biased;
                () = jobs.abort.cancelled() => return,
                outcome = AssertUnwindSafe(job).catch_unwind() => outcome,
            };
            jobs.times.jobs.record(kind, jobs.system.instant().saturating_duration_since(began));
            if let Err(panic) = outcome {
                jobs.panicked(kind, &*panic);
            }
            drop(running);
            drop(work);
        });
    }

    /// Starts a task that is not a job: a timer. It is awaited at the end, but not counted as running work.
    pub(super) fn wait_on(&self, timer: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
        let jobs = self.clone();
        let timer = async move {
            if let Err(panic) = AssertUnwindSafe(timer).catch_unwind().await {
                jobs.panicked("timer", &*panic);
            }
        };
        self.tracker.spawn(timer).abort_handle()
    }

    pub(super) fn panicked(&self, kind: &'static str, panic: &(dyn Any + Send)) {
        let (path, reason) = (&*self.record.path, panic_text(panic));
        tracing::error!(path, kind, reason, "a panic was caught");
        self.record.counts.panics.add();
        self.record.counts.failed.add();
        self.record.failed(self.system.clock().now(), &format!("panic in {kind}: {reason}"));
    }

    /// Waits for the running jobs; jobs past `limit` are aborted.
    pub(super) async fn settle(&self, limit: Duration) {
        self.tracker.close();
        if tokio::time::timeout(limit, self.tracker.wait()).await.is_err() {
            let left = self.record.jobs_running.load(Ordering::Relaxed);
            tracing::warn!(path = &*self.record.path, left, "jobs past the limit are aborted");
            self.abort.cancel();
            self.tracker.wait().await;
        }
    }
}

/// Counts a running job until it ends or is aborted.
struct Running(Arc<ActorRecord>);

impl Running {
    fn new(record: Arc<ActorRecord>) -> Self {
        record.jobs_running.fetch_add(1, Ordering::Relaxed);
        Self(record)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.jobs_running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The message of a panic.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}
