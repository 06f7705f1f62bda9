//! Who starts the children of a directory, sees them off, and hears of their end.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::{
    child::{Ready, make, spawn_linked},
    directory::Inner,
    household::{owned, wait_or_kill},
    policy::Verdict,
    rooms::{Key, Life},
    service::{Publish, Runner, Service},
    slot::Slot,
    sync::lock,
};
use crate::{telemetry::actors::ActorStatus, types::limits};

/// What a keeper is told.
pub(super) enum KeeperOrder<K> {
    /// Start an actor for this key.
    Activate(K),
    /// Drain this actor, and kill it past its limit.
    SeeOff(ActorCell),
    /// An operator restarts the child of this key: it leaves, and comes back with its next message.
    Restart(K, Option<oneshot::Sender<()>>),
    /// It is time to look for idle rooms.
    SweepDue,
}

/// Runs the children of one directory.
pub(super) struct Keeper<K: Key, S: Service> {
    pub(super) directory: Arc<Inner<K, S::Message>>,
    pub(super) factory: Arc<dyn Fn(&K) -> S + Send + Sync>,
    /// How long a child may take to stop.
    pub(super) limit: Duration,
    pub(super) ready: Ready,
}

/// The living children by actor id, and the ends that are waited for.
pub(super) struct Lives<K> {
    keys: HashMap<ActorId, (K, ActorCell)>,
    ends: HashMap<ActorId, AbortOnDropHandle<()>>,
    sweep: Option<AbortOnDropHandle<()>>,
}

/// What follows the end of a life.
enum After {
    /// It left as asked, and messages were kept for the next one.
    Return,
    /// It left as asked.
    Nothing,
    /// It was not asked.
    Crash,
}

impl<K: Key, S: Service> Actor for Keeper<K, S> {
    type Msg = KeeperOrder<K>;
    type State = Lives<K>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<Lives<K>, ActorProcessingErr> {
        Ok(Lives { keys: HashMap::new(), ends: HashMap::new(), sweep: None })
    }

    async fn post_start(&self, myself: ActorRef<Self::Msg>, lives: &mut Lives<K>) -> Result<(), ActorProcessingErr> {
        self.arm(&myself, lives);
        self.directory.set_keeper(myself);
        self.ready.announce();
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        order: Self::Msg,
        lives: &mut Lives<K>,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            KeeperOrder::Activate(key) => self.activate(&myself, lives, key).await,
            KeeperOrder::SeeOff(life) => self.see_off(lives, life),
            KeeperOrder::Restart(key, done) => {
                self.restart_for_operator(lives, &key);
                if let Some(done) = done {
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
            }
            KeeperOrder::SweepDue => {
                self.sweep();
                self.arm(&myself, lives);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        lives: &mut Lives<K>,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(life, _, reason) => {
                self.exited(&myself, lives, &life, &reason.unwrap_or_else(|| "it ended".to_owned())).await;
            }
            SupervisionEvent::ActorFailed(life, error) => {
                self.exited(&myself, lives, &life, &error.to_string()).await;
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }

    /// Children have no order among themselves: they stop side by side.
    async fn post_stop(&self, _: ActorRef<Self::Msg>, lives: &mut Lives<K>) -> Result<(), ActorProcessingErr> {
        self.directory.begin_stop();
        lives.sweep = None;
        lives.ends.clear();
        let path = &*self.directory.record.path;
        let ends = lives.keys.values().map(|(_, life)| async move {
            drain(life);
            wait_or_kill(path, life, self.limit).await;
        });
        futures::future::join_all(ends).await;
        Ok(())
    }
}

impl<K: Key, S: Service> Keeper<K, S> {
    async fn activate(&self, myself: &ActorRef<KeeperOrder<K>>, lives: &mut Lives<K>, key: K) {
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
                lives.keys.insert(life.get_id(), (key, life));
            }
            Err(reason) => self.crashed(&key, &reason),
        }
    }

    fn begin_life(&self, key: &K) -> Option<(Arc<Slot<S::Message>>, u64)> {
        let mut rooms = lock(&self.directory.rooms);
        let room = rooms.get_mut(key)?;
        if !matches!(room.life, Life::Starting) {
            return None;
        }
        room.epoch += 1;
        let record = room.slot.record();
        record.generation.fetch_add(1, Ordering::Relaxed);
        record.stand(ActorStatus::Starting, self.directory.system.instant());
        Some((Arc::clone(&room.slot), room.epoch))
    }

    fn publish(&self, key: &K, epoch: u64) -> Publish<S::Message> {
        let (directory, key) = (Arc::clone(&self.directory), key.clone());
        Box::new(move |actor| {
            let now = directory.system.instant();
            let mut rooms = lock(&directory.rooms);
            if rooms.arrived(&key, epoch, actor, now)
                && let Some(room) = rooms.get_mut(&key)
            {
                room.slot.record().stand(ActorStatus::Running, now);
            }
        })
    }

    fn see_off(&self, lives: &mut Lives<K>, life: ActorCell) {
        drain(&life);
        let (path, limit, id) = (Arc::clone(&self.directory.record.path), self.limit, life.get_id());
        if lives.keys.contains_key(&id) {
            lives.ends.insert(id, owned(async move { wait_or_kill(&path, &life, limit).await }));
        }
    }

    fn restart_for_operator(&self, lives: &mut Lives<K>, key: &K) {
        let now = self.directory.system.instant();
        let mut rooms = lock(&self.directory.rooms);
        let leaving = rooms.leave(key);
        let Some(room) = rooms.get_mut(key) else { return };
        let record = Arc::clone(room.slot.record());
        room.history.forgive();
        lock(&record.restarts).by_operator += 1;
        if leaving.is_some() {
            record.stand(ActorStatus::Draining, now);
        } else if matches!(room.life, Life::Resting { .. }) {
            room.life = Life::Absent;
            record.stand(ActorStatus::Waiting, now);
        }
        drop(rooms);
        if let Some(life) = leaving {
            self.see_off(lives, life);
        }
    }

    fn sweep(&self) {
        let mut rooms = lock(&self.directory.rooms);
        let idle = rooms.idle_for(self.directory.bounds.passivate_after, self.directory.system.instant());
        for key in idle {
            self.directory.see_out(&mut rooms, &key);
        }
    }

    fn arm(&self, myself: &ActorRef<KeeperOrder<K>>, lives: &mut Lives<K>) {
        let (myself, wait) = (myself.clone(), self.directory.bounds.passivate_after / 4);
        lives.sweep = Some(owned(async move {
            tokio::time::sleep(wait).await;
            // A keeper that is gone sweeps no more.
            let _ = myself.send_message(KeeperOrder::SweepDue);
        }));
    }

    async fn exited(&self, myself: &ActorRef<KeeperOrder<K>>, lives: &mut Lives<K>, life: &ActorCell, reason: &str) {
        let Some((key, _)) = lives.keys.remove(&life.get_id()) else { return };
        lives.ends.remove(&life.get_id());
        match self.after(&key) {
            After::Crash => self.crashed(&key, reason),
            After::Return => self.activate(myself, lives, key).await,
            After::Nothing => {}
        }
    }

    /// What follows the end of a life, decided under one lock: a message that is posted meanwhile must not start a
    /// second life beside the one that comes back.
    fn after(&self, key: &K) -> After {
        let mut rooms = lock(&self.directory.rooms);
        if !rooms.has_left(key) {
            return After::Crash;
        }
        let Some(room) = rooms.get_mut(key) else { return After::Nothing };
        if !room.kept.is_empty() {
            room.life = Life::Starting;
            return After::Return;
        }
        // Someone who holds a permit is about to post: then the room stays.
        if room.slot.is_idle()
            && let Some(room) = rooms.remove(key)
        {
            room.slot.record().stand(ActorStatus::Stopped, self.directory.system.instant());
            self.directory.system.stats().leave(room.slot.record());
        }
        After::Nothing
    }

    /// The child of a key failed: calls to the key are refused until its wait is over.
    fn crashed(&self, key: &K, reason: &str) {
        let system = &self.directory.system;
        let now = system.instant();
        let mut rooms = lock(&self.directory.rooms);
        let Some(room) = rooms.get_mut(key) else { return };
        let running_since = match room.life {
            Life::Live(_, since) => Some(since),
            Life::Absent | Life::Starting | Life::Leaving | Life::Resting { .. } => None,
        };
        let record = Arc::clone(room.slot.record());
        let verdict = room.history.judge(&record.policy, now, running_since, system.die());
        let (status, wait) = match verdict {
            Verdict::Restart { after } => (ActorStatus::Restarting, after),
            Verdict::Park { wait } => (ActorStatus::Parked, wait),
            // The policy of a key's child is always to park.
            Verdict::Escape => (ActorStatus::Parked, limits::PARK_MOST),
        };
        room.life = Life::Resting { until: now + wait };
        room.slot.vacate();
        let in_window = room.history.in_window() as u64;
        let kept = std::mem::take(&mut room.kept);
        drop(rooms);
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
