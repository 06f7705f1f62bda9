//! One child for each key: activated by its first message, passivated after idleness, bounded in number.

use std::{
    hash::Hasher,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use hmac::{Hmac, KeyInit, Mac};
use ractor::{ActorCell, ActorRef};
use sha2::Sha256;

use super::{
    address::ask,
    child::{Child, Ready, spawn_linked},
    control::{Command, Control},
    envelope::{Envelope, Patience},
    household::Order,
    keeper::{Keeper, KeeperOrder},
    policy::{PastLimit, RestartPolicy},
    record::{Identity, Record},
    reply::Reply,
    rooms::{Errand, Key, Rooms},
    service::{Message, Service},
    slot::Slot,
    spec::{Limits, Spec},
    supervisor::Supervisor,
    sync::lock,
    system::System,
};
use crate::{
    telemetry::actors::ActorStatus,
    types::{Fault, Work, limits},
};

/// How many children a directory has, for how long, and how much each may hold.
#[derive(Debug, Clone, Copy)]
pub struct DirectoryBounds {
    /// Live children at most; the least recently used idle one leaves for a new one.
    pub children: usize,
    /// Idle time after which a child leaves.
    pub passivate_after: Duration,
    /// Permits of a child's mailbox.
    pub mailbox: usize,
}

impl Default for DirectoryBounds {
    fn default() -> Self {
        Self {
            children: limits::DIRECTORY_MAX,
            passivate_after: limits::PASSIVATE_AFTER,
            mailbox: limits::CHILD_MAILBOX,
        }
    }
}

/// The address of all children of a directory.
pub struct Directory<K: Key, M: Message>(pub(super) Arc<Inner<K, M>>);

impl<K: Key, M: Message> Clone for Directory<K, M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(super) struct Inner<K: Key, M: Message> {
    pub(super) system: System,
    pub(super) record: Arc<Record>,
    pub(super) bounds: DirectoryBounds,
    pub(super) rooms: Mutex<Rooms<K, M>>,
    child_kind: &'static str,
    child_policy: RestartPolicy,
    /// Keys are shown by a hash under this secret.
    secret: [u8; 32],
    keeper: Mutex<Option<ActorRef<KeeperOrder<K>>>>,
    /// Slots whose rooms are gone while jobs may still run.
    left: Mutex<Vec<Arc<Slot<M>>>>,
}

impl<K: Key, M: Message> Directory<K, M> {
    /// As `Addr::call`, to the child of `key`, which is activated if need be; `deadline` includes that.
    ///
    /// `Overloaded` also says that every child is busy and no further one may be. `Unavailable` also says that the
    /// child of this key waits after a crash.
    pub async fn call<T: Send + 'static>(
        &self,
        key: &K,
        deadline: Duration,
        make: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, Fault> {
        let now = self.0.system.instant();
        let (slot, work) = self.0.admit(key, now, deadline)?;
        ask(&slot, work, now, make, |envelope| self.0.post(key, envelope)).await
    }

    /// As `Addr::cast`, to the child of `key`.
    pub fn cast(&self, key: &K, message: M) -> Result<(), Fault> {
        let now = self.0.system.instant();
        let (slot, work) = self.0.admit(key, now, limits::CALL_DEADLINE)?;
        self.0.post(key, Envelope::new(message, work, Patience::Nobody, &slot, now))
    }

    /// Under which path operators see the child of `key`.
    pub fn path_of(&self, key: &K) -> String {
        self.0.path_of(key)
    }
}

impl<K: Key, M: Message> Inner<K, M> {
    fn admit(self: &Arc<Self>, key: &K, now: Instant, deadline: Duration) -> Result<(Arc<Slot<M>>, Work), Fault> {
        let mut rooms = lock(&self.rooms);
        if lock(&self.keeper).is_none() {
            self.record.counts.refused.add();
            return Err(Fault::Unavailable);
        }
        if !rooms.is_known(key) {
            if rooms.is_full(self.bounds.children) && !self.evict_oldest(&mut rooms, now) {
                self.record.counts.refused.add();
                return Err(Fault::overloaded());
            }
            rooms.add(key.clone(), self.new_slot(key, now), now);
        }
        let slot = rooms.touch(key, now).ok_or(Fault::Unavailable)?;
        // Under the lock: while the permit is held the room is not idle, so it stays.
        let work = slot.admit(now + deadline)?;
        Ok((slot, work))
    }

    fn post(&self, key: &K, envelope: Envelope<M>) -> Result<(), Fault> {
        let posted = lock(&self.rooms).post(key, envelope, self.system.instant());
        match posted {
            Ok(Errand::Nothing) => Ok(()),
            Ok(Errand::Activate(key)) => {
                let is_told = self.tell_keeper(KeeperOrder::Activate(key));
                // Otherwise the keeper is gone, and what was kept goes with it.
                if is_told { Ok(()) } else { Err(Fault::Unavailable) }
            }
            Err(envelope) => {
                envelope.hand_back();
                self.record.counts.refused.add();
                Err(Fault::Unavailable)
            }
        }
    }

    fn evict_oldest(&self, rooms: &mut Rooms<K, M>, now: Instant) -> bool {
        let Some(key) = rooms.oldest_idle(now) else { return false };
        self.see_out(rooms, &key);
        true
    }

    /// Lets an idle room go: its actor by drain, or at once if there is none.
    pub(super) fn see_out(&self, rooms: &mut Rooms<K, M>, key: &K) {
        if let Some(life) = rooms.leave(key) {
            if let Some(room) = rooms.get_mut(key) {
                room.slot.record().stand(ActorStatus::Draining, self.system.instant());
            }
            self.tell_keeper(KeeperOrder::SeeOff(life));
        } else if let Some(room) = rooms.remove(key) {
            self.system.stats().leave(room.slot.record());
        }
    }

    /// False if the keeper is gone.
    pub(super) fn tell_keeper(&self, order: KeeperOrder<K>) -> bool {
        lock(&self.keeper).as_ref().is_some_and(|keeper| keeper.send_message(order).is_ok())
    }

    pub(super) fn set_keeper(&self, keeper: ActorRef<KeeperOrder<K>>) {
        *lock(&self.keeper) = Some(keeper);
    }

    fn new_slot(self: &Arc<Self>, key: &K, now: Instant) -> Arc<Slot<M>> {
        let identity = Identity {
            path: self.path_of(key).into(),
            kind: self.child_kind,
            parent: Some(Arc::clone(&self.record.path)),
            capacity: self.bounds.mailbox,
            policy: self.child_policy,
            order: 0,
        };
        let record = Arc::new(Record::new(identity, now));
        // The record is reachable from the directory: a strong reference back would keep both for ever.
        let (directory, key) = (Arc::downgrade(self), key.clone());
        record.set_control(Control::new(move |command| {
            let Some(directory) = directory.upgrade() else { return false };
            let done = match command {
                Command::Restart => None,
                Command::Stop(done) => Some(done),
            };
            directory.tell_keeper(KeeperOrder::Restart(key.clone(), done))
        }));
        self.system.stats().enter(&record);
        Slot::new(self.system.clone(), record)
    }

    fn path_of(&self, key: &K) -> String {
        let mut bytes = Bytes(Vec::new());
        key.hash(&mut bytes);
        let tag = Hmac::<Sha256>::new_from_slice(&self.secret).map(|mac| mac.chain_update(&bytes.0).finalize());
        let tag = tag.map(|tag| tag.into_bytes().to_vec()).unwrap_or_default();
        let hex: String = tag.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{hex}", self.record.path)
    }

    /// The keeper stops its children: nobody new is let in.
    pub(super) fn begin_stop(&self) {
        *lock(&self.keeper) = None;
        let now = self.system.instant();
        for slot in lock(&self.rooms).slots() {
            slot.record().stand(ActorStatus::Draining, now);
        }
    }

    /// The keeper is gone: nobody is reached any more.
    fn close(&self) {
        *lock(&self.keeper) = None;
        let slots = lock(&self.rooms).clear();
        for slot in &slots {
            slot.close();
            self.system.stats().leave(slot.record());
        }
        lock(&self.left).extend(slots.into_iter().filter(|slot| !slot.is_idle()));
    }

    async fn settle(&self, limit: Duration) {
        let left = std::mem::take(&mut *lock(&self.left));
        futures::future::join_all(left.iter().map(|slot| slot.jobs.settle(limit))).await;
    }
}

/// Collects what a key is made of.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Supervisor {
    /// A directory of services made by `factory` from their key. The restart policy of `spec` is that of each child,
    /// but a child never ends the process: past its restarts it is parked, and calls to its key fail meanwhile.
    pub fn directory<K: Key, S: Service>(
        &mut self,
        spec: Spec,
        bounds: DirectoryBounds,
        factory: impl Fn(&K) -> S + Send + Sync + 'static,
    ) -> Directory<K, S::Message> {
        let record = self.enter(&spec, spec.kind.unwrap_or("directory"), 0);
        let mut secret = [0; 32];
        self.system.entropy().fill(&mut secret);
        let inner = Arc::new(Inner {
            system: self.system.clone(),
            record,
            bounds,
            rooms: Mutex::new(Rooms::new()),
            child_kind: S::KIND,
            child_policy: RestartPolicy { past: PastLimit::Park, ..spec.restart },
            secret,
            keeper: Mutex::new(None),
            left: Mutex::new(Vec::new()),
        });
        let directory = Directory(Arc::clone(&inner));
        self.adopt(DirectoryChild { inner, limits: spec.limits, factory: Arc::new(factory) });
        directory
    }
}

type Factory<K, S> = Arc<dyn Fn(&K) -> S + Send + Sync>;

struct DirectoryChild<K: Key, S: Service> {
    inner: Arc<Inner<K, S::Message>>,
    limits: Limits,
    factory: Factory<K, S>,
}

impl<K: Key, S: Service> Child for DirectoryChild<K, S> {
    fn record(&self) -> &Arc<Record> {
        &self.inner.record
    }

    /// Its children stop side by side, and then the keeper.
    fn limits(&self) -> Limits {
        Limits { stop: self.limits.stop + limits::KILL_LIMIT * 2, ..self.limits }
    }

    fn spawn(&self, parent: ActorRef<Order>, ready: Ready) -> BoxFuture<'_, Result<ActorCell, String>> {
        let directory = Arc::clone(&self.inner);
        let keeper = Keeper { directory, factory: Arc::clone(&self.factory), limit: self.limits.stop, ready };
        async move { spawn_linked(keeper, (), &parent).await }.boxed()
    }

    fn ask_to_stop(&self, life: &ActorCell) {
        life.stop(None);
    }

    fn vacate(&self) {
        self.inner.close();
    }

    fn settle(&self, limit: Duration) -> BoxFuture<'_, ()> {
        self.inner.settle(limit).boxed()
    }
}
