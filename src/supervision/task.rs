//! Children that are not actors: a task or a thread that runs until it is stopped, such as a listener or a writer.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    child::{Child, Ready, make, spawn_linked},
    jobs::{Jobs, panic_text},
    record::ActorRecord,
    spec::{Limits, Spec},
    supervisor::Supervisor,
    supervisor_actor::{SupervisorMessage, owned},
    system::System,
};
use crate::{
    telemetry::actors::LeaseReport,
    types::{Fault, Work},
};

/// The context of a task. The task calls `ready` when it has started, and ends soon after `stopping` is cancelled.
#[derive(Clone)]
pub struct TaskCx {
    jobs: Jobs,
    stopping: CancellationToken,
    ready: Arc<Ready>,
}

impl TaskCx {
    /// The system of the task.
    pub fn system(&self) -> &System {
        &self.jobs.system
    }

    /// The task's path in the tree.
    pub fn path(&self) -> &str {
        &self.jobs.record.path
    }

    /// Reports that the task has started: the next child is started, and operators see it running. A task that never
    /// calls it has failed to start.
    pub fn ready(&self) {
        self.ready.announce();
    }

    /// Cancelled when the task has to end. Past its stop limit it is aborted; a thread is then abandoned.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Starts a job, such as one connection: tracked, its panic caught and counted. It survives a crash of the task and
    /// is aborted if it does not end within the stop limit. The task bounds the number of its jobs.
    pub fn job(&self, kind: &'static str, job: impl Future<Output = ()> + Send + 'static) {
        self.jobs.start(Work::until(self.jobs.system.instant()), kind, job);
    }

    /// Runs one piece of work, so that operators see what the task does, since when, and how long such pieces take.
    pub async fn piece<T>(&self, kind: &'static str, work: impl Future<Output = T>) -> T {
        let began = self.jobs.system.instant();
        let handling = self.jobs.record.handling.begin(kind, began);
        let outcome = work.await;
        drop(handling);
        let took = self.jobs.system.instant().saturating_duration_since(began);
        self.jobs.times.messages.record(kind, took);
        self.jobs.record.counts.handled.add();
        outcome
    }

    /// Shows operators the lease without which the task does not work; `epoch`: of the one that it holds.
    pub fn leased(&self, name: &str, epoch: Option<u64>) {
        let lease = LeaseReport { name: name.to_owned(), epoch: epoch.map(|epoch| epoch.to_string()) };
        self.jobs.record.set_lease(lease);
    }

    /// Counts a failure that the task recovers from by itself, and shows it to operators.
    pub fn failed(&self, fault: &Fault) {
        self.jobs.record.counts.failed.add();
        self.jobs.record.failed(self.jobs.system.clock().now(), &fault.to_string());
    }

    /// Runs `body` on a separate thread and waits for its end. The body polls `stopping` (`is_cancelled`) or is woken
    /// by what it waits on. A panic in it is `Bug`.
    pub async fn thread<T: Send + 'static>(
        &self,
        body: impl FnOnce(TaskCx) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (done, over) = oneshot::channel();
        let cx = self.clone();
        let body = move || {
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| body(cx)));
            // If the task was aborted, nothing waits for the result.
            let _ = done.send(outcome);
        };
        std::thread::Builder::new()
            .name(self.path().to_owned())
            .spawn(body)
            .map_err(|error| Fault::bug(format!("no thread could be started: {error}")))?;
        match over.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => {
                self.jobs.panicked("thread", &*panic);
                Err(Fault::bug(format!("panic in the thread: {}", panic_text(&*panic))))
            }
            Err(_) => Err(Fault::bug("the thread ended without a result")),
        }
    }
}

impl Supervisor {
    /// A task that runs until it is stopped; `begin` starts each run. Its end is a failure unless it was stopped.
    pub fn task<F, T>(&mut self, spec: Spec, begin: F)
    where
        F: Fn(TaskCx) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let record = self.enter(&spec, spec.kind.unwrap_or("task"), 0);
        let jobs = Jobs::new(self.system.clone(), record);
        let begin: Begin = Arc::new(move |cx| begin(cx).boxed());
        self.adopt(TaskChild { jobs, limits: spec.limits, begin });
    }

    /// A task that is one thread: `body` runs on it until `TaskCx::stopping` is cancelled. It calls `TaskCx::ready`.
    pub fn thread<F>(&mut self, spec: Spec, body: F)
    where
        F: Fn(TaskCx) -> Result<(), Fault> + Send + Sync + 'static,
    {
        let (body, kind) = (Arc::new(body), spec.kind.unwrap_or("thread"));
        self.task(spec.kind(kind), move |cx| {
            let body = Arc::clone(&body);
            async move { cx.thread(move |cx| body(cx)).await }
        });
    }
}

type Begin = Arc<dyn Fn(TaskCx) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

struct TaskChild {
    jobs: Jobs,
    limits: Limits,
    begin: Begin,
}

impl Child for TaskChild {
    fn record(&self) -> &Arc<ActorRecord> {
        &self.jobs.record
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn spawn(&self, parent: ActorRef<SupervisorMessage>, ready: Ready) -> BoxFuture<'_, Result<ActorCell, String>> {
        let (jobs, begin) = (self.jobs.clone(), Arc::clone(&self.begin));
        let cx = TaskCx { jobs, stopping: CancellationToken::new(), ready: Arc::new(ready) };
        async move { spawn_linked(TaskRunner { cx, begin }, (), &parent).await }.boxed()
    }

    fn ask_to_stop(&self, life: &ActorCell) {
        life.stop(None);
    }

    fn vacate(&self) {}

    fn settle(&self, limit: Duration) -> BoxFuture<'_, ()> {
        self.jobs.settle(limit).boxed()
    }
}

/// One run of a task, as an actor that waits for its end.
struct TaskRunner {
    cx: TaskCx,
    begin: Begin,
}

impl Drop for TaskRunner {
    fn drop(&mut self) {
        self.cx.stopping.cancel();
    }
}

/// The task ended, with the reason.
struct Ended(String);

impl Actor for TaskRunner {
    type Msg = Ended;
    type State = Option<AbortOnDropHandle<()>>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Ended>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        Ok(None)
    }

    async fn post_start(&self, myself: ActorRef<Ended>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        let task = make("task", || (self.begin)(self.cx.clone()))?;
        let jobs = self.cx.jobs.clone();
        *state = Some(owned(async move {
            let reason = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => "the task ended".to_owned(),
                Ok(Err(fault)) => fault.to_string(),
                Err(panic) => {
                    jobs.panicked("task", &*panic);
                    format!("panic: {}", panic_text(&*panic))
                }
            };
            // If the actor has ended, it was stopped.
            let _ = myself.send_message(Ended(reason));
        }));
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Ended>,
        Ended(reason): Ended,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err(reason.into())
    }

    async fn post_stop(&self, _: ActorRef<Ended>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        self.cx.stopping.cancel();
        if let Some(task) = state {
            // Panics are caught inside the task.
            let _ = task.await;
        }
        Ok(())
    }
}
