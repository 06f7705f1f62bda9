//! The supervisor at work, as an actor of ractor: it starts its children in order, restarts those that fail, and stops
//! them in reverse order.
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
    control::{Command, Control},
    policy::{History, Verdict},
    sync::lock,
    system::System,
};
use crate::{telemetry::actors::ActorStatus, types::limits};

/// What a supervisor is told.
pub(super) enum Order {
    /// A life of a child is under way.
    Ready { index: usize, epoch: u64 },
    /// A life took too long to start.
    StartOverdue { index: usize, epoch: u64 },
    /// The wait before a restart is over.
    RestartDue { index: usize, epoch: u64 },
    /// An operator, or the shutdown, asks something about a child.
    Command { index: usize, command: Command },
}

/// Runs the children of one group.
pub(super) struct Household {
    pub(super) system: System,
    /// Told when every child has had its turn to start.
    pub(super) booted: Box<dyn Fn() + Send + Sync>,
}

/// The children in order, and whose turn it is to start.
pub(super) struct Family {
    members: Vec<Member>,
    turn: usize,
}

struct Member {
    child: Arc<dyn Child>,
    phase: Phase,
    history: History,
    /// Counts its lives and waits, so that what speaks of an earlier one is not heard.
    epoch: u64,
    /// Why the supervisor itself ended the present life.
    blame: Option<&'static str>,
    /// The order that will come, or the end that is waited for. Dropped, it does not come.
    pending: Option<AbortOnDropHandle<()>>,
}

enum Phase {
    Waiting,
    Starting(ActorCell),
    Running(ActorCell, Instant),
    /// Between two lives.
    Resting,
    /// Asked to end its life, for another one.
    Leaving(ActorCell),
    /// Asked to end for good.
    Ending(ActorCell, Vec<oneshot::Sender<()>>),
    Stopped,
}

impl Phase {
    fn life(&self) -> Option<&ActorCell> {
        match self {
            Self::Starting(life) | Self::Running(life, _) | Self::Leaving(life) | Self::Ending(life, _) => Some(life),
            Self::Waiting | Self::Resting | Self::Stopped => None,
        }
    }
}

impl Actor for Household {
    type Msg = Order;
    type State = Family;
    type Arguments = Vec<Arc<dyn Child>>;

    async fn pre_start(&self, _: ActorRef<Order>, children: Vec<Arc<dyn Child>>) -> Result<Family, ActorProcessingErr> {
        let member = |child| Member {
            child,
            phase: Phase::Waiting,
            history: History::default(),
            epoch: 0,
            blame: None,
            pending: None,
        };
        Ok(Family { members: children.into_iter().map(member).collect(), turn: 0 })
    }

    async fn post_start(&self, myself: ActorRef<Order>, family: &mut Family) -> Result<(), ActorProcessingErr> {
        for (index, member) in family.members.iter().enumerate() {
            let supervisor = myself.clone();
            let control =
                Control::new(move |command| supervisor.send_message(Order::Command { index, command }).is_ok());
            member.child.record().set_control(control);
        }
        self.take_turns(&myself, family).await;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Order>,
        order: Order,
        family: &mut Family,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Ready { index, epoch } => {
                if family.members[index].epoch == epoch {
                    self.is_ready(&mut family.members[index]);
                }
            }
            Order::StartOverdue { index, epoch } => {
                let member = &mut family.members[index];
                if let (Phase::Starting(life), true) = (&member.phase, member.epoch == epoch) {
                    member.blame = Some("it took too long to start");
                    life.kill();
                }
            }
            Order::RestartDue { index, epoch } => {
                let member = &family.members[index];
                if matches!(member.phase, Phase::Resting) && member.epoch == epoch {
                    self.start(&myself, index, &mut family.members[index]).await;
                }
            }
            Order::Command { index, command: Command::Restart } => {
                self.restart_for_operator(&myself, index, &mut family.members[index]).await;
            }
            Order::Command { index, command: Command::Stop(done) } => {
                self.stop_for_good(&mut family.members[index], done).await;
            }
        }
        self.take_turns(&myself, family).await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Order>,
        event: SupervisionEvent,
        family: &mut Family,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(life, _, reason) => {
                let reason = reason.unwrap_or_else(|| "it ended".to_owned());
                self.exited(&myself, family, &life, &reason).await;
            }
            SupervisionEvent::ActorFailed(life, error) => {
                self.exited(&myself, family, &life, &error.to_string()).await;
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        self.take_turns(&myself, family).await;
        Ok(())
    }

    /// ractor would kill the children of a stopping parent: they are stopped before, the last one first.
    async fn post_stop(&self, _: ActorRef<Order>, family: &mut Family) -> Result<(), ActorProcessingErr> {
        for member in family.members.iter_mut().rev() {
            self.end(member).await;
        }
        Ok(())
    }
}

impl Household {
    /// Starts children until one has to be waited for.
    async fn take_turns(&self, myself: &ActorRef<Order>, family: &mut Family) {
        // After an escape the process ends: nothing more is started.
        while !self.system.has_escaped() {
            let Some(member) = family.members.get_mut(family.turn) else { return };
            match member.phase {
                Phase::Waiting => self.start(myself, family.turn, member).await,
                Phase::Starting(_) | Phase::Leaving(_) | Phase::Ending(..) => return,
                // A parked child is not waited for; one that is restarted soon is.
                Phase::Resting => {
                    if member.child.record().standing().status != ActorStatus::Parked {
                        return;
                    }
                    family.turn += 1;
                }
                Phase::Running(..) | Phase::Stopped => family.turn += 1,
            }
            if family.turn == family.members.len() {
                (self.booted)();
            }
        }
    }

    async fn start(&self, myself: &ActorRef<Order>, index: usize, member: &mut Member) {
        member.epoch += 1;
        let (epoch, record) = (member.epoch, Arc::clone(member.child.record()));
        record.generation.fetch_add(1, Ordering::Relaxed);
        record.stand(ActorStatus::Starting, self.system.instant());
        let ready = Ready { supervisor: myself.clone(), index, epoch };
        match member.child.spawn(myself.clone(), ready).await {
            Ok(life) => {
                member.phase = Phase::Starting(life);
                let wait = member.child.limits().start;
                member.pending = Some(later(myself, wait, Order::StartOverdue { index, epoch }));
            }
            Err(reason) => self.failed(myself, index, member, &reason),
        }
    }

    fn is_ready(&self, member: &mut Member) {
        let Phase::Starting(life) = &member.phase else { return };
        let now = self.system.instant();
        member.phase = Phase::Running(life.clone(), now);
        member.pending = None;
        member.child.record().stand(ActorStatus::Running, now);
    }

    /// Exits of lives that are no longer a member's are stale and ignored.
    async fn exited(&self, myself: &ActorRef<Order>, family: &mut Family, life: &ActorCell, reason: &str) {
        let is_of = |member: &Member| member.phase.life().is_some_and(|own| own.get_id() == life.get_id());
        let Some(index) = family.members.iter().position(is_of) else { return };
        let member = &mut family.members[index];
        member.child.vacate();
        let reason = member.blame.take().unwrap_or(reason);
        match std::mem::replace(&mut member.phase, Phase::Resting) {
            Phase::Leaving(_) => self.start(myself, index, member).await,
            Phase::Ending(_, waiting) => {
                self.settled(member).await;
                answer(waiting);
            }
            Phase::Running(_, since) => {
                member.phase = Phase::Resting;
                self.judge(myself, index, member, reason, Some(since));
            }
            Phase::Starting(_) | Phase::Waiting | Phase::Resting | Phase::Stopped => {
                self.failed(myself, index, member, reason);
            }
        }
    }

    fn failed(&self, myself: &ActorRef<Order>, index: usize, member: &mut Member, reason: &str) {
        member.phase = Phase::Resting;
        self.judge(myself, index, member, reason, None);
    }

    /// Back-off, park or escape.
    fn judge(
        &self,
        myself: &ActorRef<Order>,
        index: usize,
        member: &mut Member,
        reason: &str,
        running_since: Option<Instant>,
    ) {
        let (record, now) = (Arc::clone(member.child.record()), self.system.instant());
        let verdict = member.history.judge(&record.policy, now, running_since, self.system.die());
        record.failed(self.system.clock().now(), reason);
        let (status, wait) = match verdict {
            Verdict::Restart { after } => (ActorStatus::Restarting, after),
            Verdict::Park { wait } => (ActorStatus::Parked, wait),
            Verdict::Escape => {
                member.phase = Phase::Stopped;
                member.pending = None;
                record.stand(ActorStatus::Stopped, now);
                return self.system.escape(&record.path, reason);
            }
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(path = &*record.path, reason, ?status, wait_ms, "a child failed and will be restarted");
        let mut restarts = lock(&record.restarts);
        restarts.total += 1;
        restarts.in_window = member.history.in_window() as u64;
        drop(restarts);
        record.stand_until(status, self.system.clock().now().plus(wait), now);
        member.epoch += 1;
        let epoch = member.epoch;
        member.pending = Some(later(myself, wait, Order::RestartDue { index, epoch }));
    }

    async fn restart_for_operator(&self, myself: &ActorRef<Order>, index: usize, member: &mut Member) {
        match &member.phase {
            Phase::Starting(life) | Phase::Running(life, _) => {
                let life = life.clone();
                self.see_off(member, &life);
                member.phase = Phase::Leaving(life);
            }
            Phase::Resting => {
                member.pending = None;
                self.start(myself, index, member).await;
            }
            Phase::Waiting | Phase::Leaving(_) | Phase::Ending(..) | Phase::Stopped => return,
        }
        member.history.forgive();
        let record = member.child.record();
        lock(&record.restarts).by_operator += 1;
        tracing::info!(path = &*record.path, "restarted by an operator");
    }

    async fn stop_for_good(&self, member: &mut Member, done: oneshot::Sender<()>) {
        match std::mem::replace(&mut member.phase, Phase::Stopped) {
            Phase::Starting(life) | Phase::Running(life, _) | Phase::Leaving(life) => {
                self.see_off(member, &life);
                member.phase = Phase::Ending(life, vec![done]);
            }
            Phase::Ending(life, mut waiting) => {
                waiting.push(done);
                member.phase = Phase::Ending(life, waiting);
            }
            Phase::Waiting | Phase::Resting | Phase::Stopped => {
                self.settled(member).await;
                answer(vec![done]);
            }
        }
    }

    /// Asks a life to end and kills it past its limit, without keeping the supervisor from its other children.
    fn see_off(&self, member: &mut Member, life: &ActorCell) {
        member.child.record().stand(ActorStatus::Draining, self.system.instant());
        member.child.ask_to_stop(life);
        let (life, limit) = (life.clone(), member.child.limits().stop);
        let path = Arc::clone(&member.child.record().path);
        member.pending = Some(owned(async move { wait_or_kill(&path, &life, limit).await }));
    }

    /// Ends a member during the stop of the whole group.
    async fn end(&self, member: &mut Member) {
        member.pending = None;
        if let Some(life) = member.phase.life() {
            let record = member.child.record();
            record.stand(ActorStatus::Draining, self.system.instant());
            member.child.ask_to_stop(life);
            wait_or_kill(&record.path, life, member.child.limits().stop).await;
        }
        if let Phase::Ending(_, waiting) = std::mem::replace(&mut member.phase, Phase::Stopped) {
            answer(waiting);
        }
        self.settled(member).await;
    }

    async fn settled(&self, member: &mut Member) {
        member.phase = Phase::Stopped;
        member.pending = None;
        member.child.vacate();
        member.child.settle(member.child.limits().stop).await;
        member.child.record().stand(ActorStatus::Stopped, self.system.instant());
    }
}

/// Waits for the end of a life that was asked to end; past `limit` it is killed.
pub(super) async fn wait_or_kill(path: &str, life: &ActorCell, limit: Duration) {
    if life.wait(Some(limit)).await.is_ok() {
        return;
    }
    tracing::warn!(path, "it did not stop within its limit and is killed");
    if life.kill_and_wait(Some(limits::KILL_LIMIT)).await.is_err() {
        tracing::error!(path, "it blocks its thread and is left behind");
    }
}

/// Whoever asked may have gone.
fn answer(waiting: Vec<oneshot::Sender<()>>) {
    for done in waiting {
        let _ = done.send(());
    }
}

fn later(supervisor: &ActorRef<Order>, wait: Duration, order: Order) -> AbortOnDropHandle<()> {
    let supervisor = supervisor.clone();
    owned(async move {
        tokio::time::sleep(wait).await;
        // A supervisor that is gone needs no orders.
        let _ = supervisor.send_message(order);
    })
}

#[allow(clippy::disallowed_methods, reason = "the task is owned: it is aborted when its member moves on")]
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
