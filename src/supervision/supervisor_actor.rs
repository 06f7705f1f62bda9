//! The supervisor as an actor of ractor: it starts its children in order, restarts those that fail, and stops them in
//! reverse order.
//!
//! ```text
//! waiting --> starting --ready--> running --exit--> resting --due--> starting
//!                 \______________exit_______________/    \__operator__/
//! running --operator--> leaving --exit--> starting            any --stop--> stopped
//! ```

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    child::{Child, Ready},
    control::{ChildCommand, ChildControl},
    policy::{History, RestartDecision},
    sync::lock,
    system::System,
};
use crate::{telemetry::actors::ActorStatus, types::limits};

/// The messages of a supervisor.
pub(super) enum SupervisorMessage {
    /// A run of a child has started.
    Ready { index: usize, epoch: u64 },
    /// A run exceeded its start limit.
    StartOverdue { index: usize, epoch: u64 },
    /// The wait before a restart is over.
    RestartDue { index: usize, epoch: u64 },
    /// A command about a child, from an operator or the shutdown.
    Command { index: usize, command: ChildCommand },
}

/// Runs the children of one group.
pub(super) struct SupervisorActor {
    pub(super) system: System,
    /// Called when every child has been started once.
    pub(super) booted: Box<dyn Fn() + Send + Sync>,
}

/// The children in order, and the index of the next one to start.
pub(super) struct SupervisedChildren {
    children: Vec<SupervisedChild>,
    turn: usize,
}

struct SupervisedChild {
    child: Arc<dyn Child>,
    phase: ChildPhase,
    history: History,
    /// Counts runs and waits, so that messages about earlier ones are ignored.
    epoch: u64,
    /// Why the supervisor itself ended the current run.
    blame: Option<&'static str>,
    /// The timer or the awaited stop of the child. Dropping it aborts it.
    pending: Option<AbortOnDropHandle<()>>,
}

enum ChildPhase {
    Waiting,
    Starting(ActorCell),
    Running(ActorCell, Instant),
    /// Between two runs.
    Resting,
    /// Stopping, to be started again.
    Leaving(ActorCell),
    /// Stopping permanently, with the callers that wait for the end.
    Ending(ActorCell, Vec<oneshot::Sender<()>>),
    Stopped,
}

impl ChildPhase {
    fn life(&self) -> Option<&ActorCell> {
        match self {
            Self::Starting(life) | Self::Running(life, _) | Self::Leaving(life) | Self::Ending(life, _) => Some(life),
            Self::Waiting | Self::Resting | Self::Stopped => None,
        }
    }
}

/// A supervisor that is killed leaves no child running: ractor kills its children, except those that are stopping.
impl Drop for SupervisedChild {
    fn drop(&mut self) {
        if let Some(life) = self.phase.life() {
            life.kill();
        }
    }
}

impl Actor for SupervisorActor {
    type Msg = SupervisorMessage;
    type State = SupervisedChildren;
    type Arguments = Vec<Arc<dyn Child>>;

    async fn pre_start(
        &self,
        _: ActorRef<SupervisorMessage>,
        children: Vec<Arc<dyn Child>>,
    ) -> Result<SupervisedChildren, ActorProcessingErr> {
        let supervised = |child| SupervisedChild {
            child,
            phase: ChildPhase::Waiting,
            history: History::default(),
            epoch: 0,
            blame: None,
            pending: None,
        };
        Ok(SupervisedChildren { children: children.into_iter().map(supervised).collect(), turn: 0 })
    }

    async fn post_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        children: &mut SupervisedChildren,
    ) -> Result<(), ActorProcessingErr> {
        for (index, supervised) in children.children.iter().enumerate() {
            let supervisor = myself.clone();
            let control = ChildControl::new(move |command| {
                supervisor.send_message(SupervisorMessage::Command { index, command }).is_ok()
            });
            supervised.child.record().set_control(control);
        }
        self.take_turns(&myself, children).await;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        children: &mut SupervisedChildren,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Ready { index, epoch } => {
                if children.children[index].epoch == epoch {
                    self.is_ready(&mut children.children[index]);
                }
            }
            SupervisorMessage::StartOverdue { index, epoch } => {
                let supervised = &mut children.children[index];
                if let (ChildPhase::Starting(life), true) = (&supervised.phase, supervised.epoch == epoch) {
                    supervised.blame = Some("the start exceeded its time limit");
                    life.kill();
                }
            }
            SupervisorMessage::RestartDue { index, epoch } => {
                let supervised = &children.children[index];
                if matches!(supervised.phase, ChildPhase::Resting) && supervised.epoch == epoch {
                    self.start(&myself, index, &mut children.children[index]).await;
                }
            }
            SupervisorMessage::Command { index, command: ChildCommand::Restart } => {
                self.restart_for_operator(&myself, index, &mut children.children[index]).await;
            }
            SupervisorMessage::Command { index, command: ChildCommand::Stop(done) } => {
                self.stop_for_good(&mut children.children[index], done).await;
            }
        }
        self.take_turns(&myself, children).await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        children: &mut SupervisedChildren,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(life, _, reason) => {
                let reason = reason.unwrap_or_else(|| "the child ended".to_owned());
                self.exited(&myself, children, &life, &reason).await;
            }
            SupervisionEvent::ActorFailed(life, error) => {
                self.exited(&myself, children, &life, &error.to_string()).await;
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        self.take_turns(&myself, children).await;
        Ok(())
    }

    /// ractor would kill the children of a stopping parent, so they are stopped before, the last one first.
    async fn post_stop(
        &self,
        _: ActorRef<SupervisorMessage>,
        children: &mut SupervisedChildren,
    ) -> Result<(), ActorProcessingErr> {
        for supervised in children.children.iter_mut().rev() {
            self.end(supervised).await;
        }
        Ok(())
    }
}

impl SupervisorActor {
    /// Starts children until one has to be awaited.
    async fn take_turns(&self, myself: &ActorRef<SupervisorMessage>, children: &mut SupervisedChildren) {
        // After an escape the process ends: no further child is started.
        while !self.system.has_escaped() {
            let Some(supervised) = children.children.get_mut(children.turn) else { return };
            match supervised.phase {
                ChildPhase::Waiting => self.start(myself, children.turn, supervised).await,
                ChildPhase::Starting(_) | ChildPhase::Leaving(_) | ChildPhase::Ending(..) => return,
                // A parked child is not awaited; one that is restarted soon is.
                ChildPhase::Resting => {
                    if supervised.child.record().standing().status != ActorStatus::Parked {
                        return;
                    }
                    children.turn += 1;
                }
                ChildPhase::Running(..) | ChildPhase::Stopped => children.turn += 1,
            }
            if children.turn == children.children.len() {
                (self.booted)();
            }
        }
    }

    async fn start(&self, myself: &ActorRef<SupervisorMessage>, index: usize, supervised: &mut SupervisedChild) {
        supervised.epoch += 1;
        let (epoch, record) = (supervised.epoch, Arc::clone(supervised.child.record()));
        record.generation.fetch_add(1, Ordering::Relaxed);
        record.stand(ActorStatus::Starting, self.system.instant());
        let ready = Ready { supervisor: myself.clone(), index, epoch };
        match supervised.child.spawn(myself.clone(), ready).await {
            Ok(life) => {
                supervised.phase = ChildPhase::Starting(life);
                let wait = supervised.child.limits().start;
                supervised.pending = Some(later(myself, wait, SupervisorMessage::StartOverdue { index, epoch }));
            }
            Err(reason) => self.failed(myself, index, supervised, &reason),
        }
    }

    fn is_ready(&self, supervised: &mut SupervisedChild) {
        let ChildPhase::Starting(life) = &supervised.phase else { return };
        let now = self.system.instant();
        supervised.phase = ChildPhase::Running(life.clone(), now);
        supervised.pending = None;
        supervised.child.record().stand(ActorStatus::Running, now);
    }

    /// Handles the exit of a run. Exits of earlier runs are ignored.
    async fn exited(
        &self,
        myself: &ActorRef<SupervisorMessage>,
        children: &mut SupervisedChildren,
        life: &ActorCell,
        reason: &str,
    ) {
        let is_of =
            |supervised: &SupervisedChild| supervised.phase.life().is_some_and(|own| own.get_id() == life.get_id());
        let Some(index) = children.children.iter().position(is_of) else { return };
        let supervised = &mut children.children[index];
        supervised.child.vacate();
        let reason = supervised.blame.take().unwrap_or(reason);
        match std::mem::replace(&mut supervised.phase, ChildPhase::Resting) {
            ChildPhase::Leaving(_) => self.start(myself, index, supervised).await,
            ChildPhase::Ending(_, waiting) => {
                self.settled(supervised).await;
                answer(waiting);
            }
            ChildPhase::Running(_, since) => {
                supervised.phase = ChildPhase::Resting;
                self.judge(myself, index, supervised, reason, Some(since));
            }
            ChildPhase::Starting(_) | ChildPhase::Waiting | ChildPhase::Resting | ChildPhase::Stopped => {
                self.failed(myself, index, supervised, reason);
            }
        }
    }

    fn failed(
        &self,
        myself: &ActorRef<SupervisorMessage>,
        index: usize,
        supervised: &mut SupervisedChild,
        reason: &str,
    ) {
        supervised.phase = ChildPhase::Resting;
        self.judge(myself, index, supervised, reason, None);
    }

    /// Back-off, park or escape.
    fn judge(
        &self,
        myself: &ActorRef<SupervisorMessage>,
        index: usize,
        supervised: &mut SupervisedChild,
        reason: &str,
        running_since: Option<Instant>,
    ) {
        let (record, now) = (Arc::clone(supervised.child.record()), self.system.instant());
        let decision = supervised.history.judge(&record.policy, now, running_since, self.system.die());
        record.failed(self.system.clock().now(), reason);
        let (status, wait) = match decision {
            RestartDecision::Restart { after } => (ActorStatus::Restarting, after),
            RestartDecision::Park { wait } => (ActorStatus::Parked, wait),
            RestartDecision::Escape => {
                supervised.phase = ChildPhase::Stopped;
                supervised.pending = None;
                record.stand(ActorStatus::Stopped, now);
                return self.system.escape(&record.path, reason);
            }
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(path = &*record.path, reason, ?status, wait_ms, "a child failed and will be restarted");
        let mut restarts = lock(&record.restarts);
        restarts.total += 1;
        restarts.in_window = supervised.history.in_window() as u64;
        drop(restarts);
        record.stand_until(status, self.system.clock().now().plus(wait), now);
        supervised.epoch += 1;
        let epoch = supervised.epoch;
        supervised.pending = Some(later(myself, wait, SupervisorMessage::RestartDue { index, epoch }));
    }

    async fn restart_for_operator(
        &self,
        myself: &ActorRef<SupervisorMessage>,
        index: usize,
        supervised: &mut SupervisedChild,
    ) {
        match &supervised.phase {
            ChildPhase::Starting(life) | ChildPhase::Running(life, _) => {
                let life = life.clone();
                self.see_off(supervised, &life);
                supervised.phase = ChildPhase::Leaving(life);
            }
            ChildPhase::Resting => {
                supervised.pending = None;
                self.start(myself, index, supervised).await;
            }
            ChildPhase::Waiting | ChildPhase::Leaving(_) | ChildPhase::Ending(..) | ChildPhase::Stopped => return,
        }
        supervised.history.forgive();
        let record = supervised.child.record();
        lock(&record.restarts).by_operator += 1;
        tracing::info!(path = &*record.path, "an operator restarts an actor");
    }

    async fn stop_for_good(&self, supervised: &mut SupervisedChild, done: oneshot::Sender<()>) {
        match std::mem::replace(&mut supervised.phase, ChildPhase::Stopped) {
            ChildPhase::Starting(life) | ChildPhase::Running(life, _) | ChildPhase::Leaving(life) => {
                self.see_off(supervised, &life);
                supervised.phase = ChildPhase::Ending(life, vec![done]);
            }
            ChildPhase::Ending(life, mut waiting) => {
                waiting.push(done);
                supervised.phase = ChildPhase::Ending(life, waiting);
            }
            ChildPhase::Waiting | ChildPhase::Resting | ChildPhase::Stopped => {
                self.settled(supervised).await;
                answer(vec![done]);
            }
        }
    }

    /// Requests a run to stop and kills it past its limit, without blocking the supervisor.
    fn see_off(&self, supervised: &mut SupervisedChild, life: &ActorCell) {
        supervised.child.record().stand(ActorStatus::Draining, self.system.instant());
        supervised.child.ask_to_stop(life);
        let (life, limit) = (life.clone(), supervised.child.limits().stop);
        let path = Arc::clone(&supervised.child.record().path);
        supervised.pending = Some(owned(async move { wait_or_kill(&path, &life, limit).await }));
    }

    /// Ends a child during the stop of the whole group.
    async fn end(&self, supervised: &mut SupervisedChild) {
        supervised.pending = None;
        if let Some(life) = supervised.phase.life() {
            let record = supervised.child.record();
            record.stand(ActorStatus::Draining, self.system.instant());
            supervised.child.ask_to_stop(life);
            wait_or_kill(&record.path, life, supervised.child.limits().stop).await;
        }
        if let ChildPhase::Ending(_, waiting) = std::mem::replace(&mut supervised.phase, ChildPhase::Stopped) {
            answer(waiting);
        }
        self.settled(supervised).await;
    }

    async fn settled(&self, supervised: &mut SupervisedChild) {
        supervised.phase = ChildPhase::Stopped;
        supervised.pending = None;
        supervised.child.vacate();
        supervised.child.settle(supervised.child.limits().stop).await;
        supervised.child.record().stand(ActorStatus::Stopped, self.system.instant());
    }
}

/// Waits for the end of a run that was requested to stop; past `limit` it is killed.
pub(super) async fn wait_or_kill(path: &str, life: &ActorCell, limit: Duration) {
    if life.wait(Some(limit)).await.is_ok() {
        return;
    }
    tracing::warn!(path, "an actor did not stop within its time limit and is killed");
    if life.kill_and_wait(Some(limits::KILL_LIMIT)).await.is_err() {
        tracing::error!(path, "an actor blocks its thread and is abandoned");
    }
}

/// The receiver may have been dropped.
fn answer(waiting: Vec<oneshot::Sender<()>>) {
    for done in waiting {
        let _ = done.send(());
    }
}

fn later(
    supervisor: &ActorRef<SupervisorMessage>,
    wait: Duration,
    message: SupervisorMessage,
) -> AbortOnDropHandle<()> {
    let supervisor = supervisor.clone();
    owned(async move {
        tokio::time::sleep(wait).await;
        // If the supervisor has ended, the message is not needed.
        let _ = supervisor.send_message(message);
    })
}

#[expect(clippy::disallowed_methods, reason = "the task is owned: it is aborted when its child moves on")]
pub(super) fn owned(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

/// A flag that every waiter sees, for the root.
pub(super) fn flag() -> (Box<dyn Fn() + Send + Sync>, watch::Receiver<bool>) {
    let (raise, raised) = watch::channel(false);
    let raise = move || {
        raise.send_replace(true);
    };
    (Box::new(raise), raised)
}
