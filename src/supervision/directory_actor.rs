//! The actor of a directory: it starts children, stops them, and handles their exits.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::{
    active_children::{ChildLife, DirectoryKey},
    child::{Ready, make, spawn_linked},
    directory::DirectoryInner,
    policy::RestartDecision,
    service::{Publish, Runner, Service},
    slot::ActorSlot,
    supervisor_actor::{owned, wait_or_kill},
    sync::lock,
};
use crate::{telemetry::actors::ActorStatus, types::limits};

/// The messages of the directory's actor.
pub(super) enum DirectoryMessage<K> {
    /// Start an actor for this key.
    Activate(K),
    /// Drain this actor, and kill it past its stop limit.
    SeeOff(ActorCell),
    /// Restart the child of this key for an operator: it is stopped, and started again by its next message.
    Restart(K, Option<oneshot::Sender<()>>),
    /// Look for idle children.
    SweepDue,
}

/// Runs the children of one directory.
pub(super) struct DirectoryActor<K: DirectoryKey, S: Service> {
    pub(super) directory: Arc<DirectoryInner<K, S::Message>>,
    pub(super) factory: Arc<dyn Fn(&K) -> S + Send + Sync>,
    /// The stop limit of a child.
    pub(super) limit: Duration,
    pub(super) ready: Ready,
}

/// The running children by actor id, and the stops that are awaited.
pub(super) struct LiveChildren<K> {
    keys: HashMap<ActorId, (K, ActorCell)>,
    ends: HashMap<ActorId, AbortOnDropHandle<()>>,
    sweep: Option<AbortOnDropHandle<()>>,
}

/// What follows the end of a child's run.
enum After {
    /// It was stopped, and messages were kept for the next run.
    Return,
    /// It was stopped.
    Nothing,
    /// It was not stopped: a failure.
    Crash,
}

impl<K: DirectoryKey, S: Service> Actor for DirectoryActor<K, S> {
    type Msg = DirectoryMessage<K>;
    type State = LiveChildren<K>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<LiveChildren<K>, ActorProcessingErr> {
        Ok(LiveChildren { keys: HashMap::new(), ends: HashMap::new(), sweep: None })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        live: &mut LiveChildren<K>,
    ) -> Result<(), ActorProcessingErr> {
        self.arm(&myself, live);
        self.directory.set_actor(myself);
        self.ready.announce();
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        live: &mut LiveChildren<K>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DirectoryMessage::Activate(key) => self.activate(&myself, live, key).await,
            DirectoryMessage::SeeOff(life) => self.see_off(live, life),
            DirectoryMessage::Restart(key, done) => {
                self.restart_for_operator(live, &key);
                if let Some(done) = done {
                    // The receiver may have been dropped.
                    let _ = done.send(());
                }
            }
            DirectoryMessage::SweepDue => {
                self.sweep();
                self.arm(&myself, live);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        live: &mut LiveChildren<K>,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(life, _, reason) => {
                self.exited(&myself, live, &life, &reason.unwrap_or_else(|| "the actor ended".to_owned())).await;
            }
            SupervisionEvent::ActorFailed(life, error) => {
                self.exited(&myself, live, &life, &error.to_string()).await;
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }

    /// Children have no order among themselves: they stop in parallel.
    async fn post_stop(&self, _: ActorRef<Self::Msg>, live: &mut LiveChildren<K>) -> Result<(), ActorProcessingErr> {
        self.directory.begin_stop();
        live.sweep = None;
        live.ends.clear();
        let path = &*self.directory.record.path;
        let ends = live.keys.values().map(|(_, life)| async move {
            drain(life);
            wait_or_kill(path, life, self.limit).await;
        });
        futures::future::join_all(ends).await;
        Ok(())
    }
}

impl<K: DirectoryKey, S: Service> DirectoryActor<K, S> {
    async fn activate(&self, myself: &ActorRef<DirectoryMessage<K>>, live: &mut LiveChildren<K>, key: K) {
        let Some((slot, epoch)) = self.begin_life(&key) else { return };
        let service = make("service", || (self.factory)(&key));
        let spawned = match service {
            Ok(service) => {
                let publish = self.publish(&key, epoch);
                spawn_linked(Runner::new(service, slot, publish), (), myself).await
            }
            Err(reason) => Err(reason),
        };
        match spawned {
            Ok(life) => {
                live.keys.insert(life.get_id(), (key, life));
            }
            Err(reason) => self.crashed(&key, &reason),
        }
    }

    fn begin_life(&self, key: &K) -> Option<(Arc<ActorSlot<S::Message>>, u64)> {
        let mut children = lock(&self.directory.children);
        let child = children.get_mut(key)?;
        if !matches!(child.life, ChildLife::Starting) {
            return None;
        }
        child.epoch += 1;
        let record = child.slot.record();
        record.generation.fetch_add(1, Ordering::Relaxed);
        record.stand(ActorStatus::Starting, self.directory.system.instant());
        Some((Arc::clone(&child.slot), child.epoch))
    }

    fn publish(&self, key: &K, epoch: u64) -> Publish<S::Message> {
        let (directory, key) = (Arc::clone(&self.directory), key.clone());
        Box::new(move |actor| {
            let now = directory.system.instant();
            let mut children = lock(&directory.children);
            if children.arrived(&key, epoch, actor, now)
                && let Some(child) = children.get_mut(&key)
            {
                child.slot.record().stand(ActorStatus::Running, now);
            }
        })
    }

    fn see_off(&self, live: &mut LiveChildren<K>, life: ActorCell) {
        drain(&life);
        let (path, limit, id) = (Arc::clone(&self.directory.record.path), self.limit, life.get_id());
        if live.keys.contains_key(&id) {
            live.ends.insert(id, owned(async move { wait_or_kill(&path, &life, limit).await }));
        }
    }

    fn restart_for_operator(&self, live: &mut LiveChildren<K>, key: &K) {
        let now = self.directory.system.instant();
        let mut children = lock(&self.directory.children);
        let leaving = children.leave(key);
        let Some(child) = children.get_mut(key) else { return };
        let record = Arc::clone(child.slot.record());
        child.history.forgive();
        lock(&record.restarts).by_operator += 1;
        if leaving.is_some() {
            record.stand(ActorStatus::Draining, now);
        } else if matches!(child.life, ChildLife::Resting { .. }) {
            child.life = ChildLife::Absent;
            record.stand(ActorStatus::Waiting, now);
        }
        drop(children);
        if let Some(life) = leaving {
            self.see_off(live, life);
        }
    }

    fn sweep(&self) {
        let mut children = lock(&self.directory.children);
        let idle = children.idle_for(self.directory.bounds.passivate_after, self.directory.system.instant());
        for key in idle {
            self.directory.see_out(&mut children, &key);
        }
    }

    fn arm(&self, myself: &ActorRef<DirectoryMessage<K>>, live: &mut LiveChildren<K>) {
        let (myself, wait) = (myself.clone(), self.directory.bounds.passivate_after / 4);
        live.sweep = Some(owned(async move {
            tokio::time::sleep(wait).await;
            // If the directory's actor has ended, no sweep is needed.
            let _ = myself.send_message(DirectoryMessage::SweepDue);
        }));
    }

    async fn exited(
        &self,
        myself: &ActorRef<DirectoryMessage<K>>,
        live: &mut LiveChildren<K>,
        life: &ActorCell,
        reason: &str,
    ) {
        let Some((key, _)) = live.keys.remove(&life.get_id()) else { return };
        live.ends.remove(&life.get_id());
        match self.after(&key) {
            After::Crash => self.crashed(&key, reason),
            After::Return => self.activate(myself, live, key).await,
            After::Nothing => {}
        }
    }

    /// Decides what follows the end of a run under one lock: a message posted at the same time must not start a second
    /// run of the same child.
    fn after(&self, key: &K) -> After {
        let mut children = lock(&self.directory.children);
        if !children.has_left(key) {
            return After::Crash;
        }
        let Some(child) = children.get_mut(key) else { return After::Nothing };
        if !child.kept.is_empty() {
            child.life = ChildLife::Starting;
            return After::Return;
        }
        // A caller that holds a permit is about to post: then the child is not passivated.
        if child.slot.is_idle()
            && let Some(child) = children.remove(key)
        {
            child.slot.record().stand(ActorStatus::Stopped, self.directory.system.instant());
            self.directory.system.stats().leave(child.slot.record());
        }
        After::Nothing
    }

    /// The child of a key failed: calls to the key are refused until its wait is over.
    fn crashed(&self, key: &K, reason: &str) {
        let system = &self.directory.system;
        let now = system.instant();
        let mut children = lock(&self.directory.children);
        let Some(child) = children.get_mut(key) else { return };
        let running_since = match child.life {
            ChildLife::Live(_, since) => Some(since),
            ChildLife::Absent | ChildLife::Starting | ChildLife::Leaving | ChildLife::Resting { .. } => None,
        };
        let record = Arc::clone(child.slot.record());
        let decision = child.history.judge(&record.policy, now, running_since, system.die());
        let (status, wait) = match decision {
            RestartDecision::Restart { after } => (ActorStatus::Restarting, after),
            RestartDecision::Park { wait } => (ActorStatus::Parked, wait),
            // The policy of a keyed child is always to park.
            RestartDecision::Escape => (ActorStatus::Parked, limits::PARK_MOST),
        };
        child.life = ChildLife::Resting { until: now + wait };
        child.slot.vacate();
        let in_window = child.history.in_window() as u64;
        let kept = std::mem::take(&mut child.kept);
        drop(children);
        tracing::warn!(path = &*record.path, reason, ?status, "the child of a key failed");
        record.failed(system.clock().now(), reason);
        let mut restarts = lock(&record.restarts);
        restarts.total += 1;
        restarts.in_window = in_window;
        drop(restarts);
        record.stand_until(status, system.clock().now().plus(wait), now);
        drop(kept);
    }
}

fn drain(life: &ActorCell) {
    if life.drain().is_err() {
        life.stop(None);
    }
}
