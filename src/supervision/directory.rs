//! One child for each key: activated by its first message, passivated when idle, bounded in number.

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
    active_children::{ActiveChildren, DirectoryAction, DirectoryKey},
    address::ask,
    child::{Child, Ready, spawn_linked},
    control::{ChildCommand, ChildControl},
    directory_actor::{DirectoryActor, DirectoryMessage},
    envelope::MessageEnvelope,
    policy::{PastLimit, RestartPolicy},
    record::{ActorRecord, Identity},
    reply::Reply,
    service::{Message, Service},
    slot::ActorSlot,
    spec::{Limits, Spec},
    supervisor::Supervisor,
    supervisor_actor::SupervisorMessage,
    sync::lock,
    system::System,
};
use crate::{
    telemetry::actors::ActorStatus,
    types::{Fault, Work, limits},
};

/// The bounds of a directory and of its children.
#[derive(Debug, Clone, Copy)]
pub struct DirectoryBounds {
    /// Maximum number of active children; for a new child the least recently used idle one is passivated.
    pub children: usize,
    /// Idle time after which a child is passivated.
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
pub struct Directory<K: DirectoryKey, M: Message>(pub(super) Arc<DirectoryInner<K, M>>);

impl<K: DirectoryKey, M: Message> Clone for Directory<K, M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(super) struct DirectoryInner<K: DirectoryKey, M: Message> {
    pub(super) system: System,
    pub(super) record: Arc<ActorRecord>,
    pub(super) bounds: DirectoryBounds,
    pub(super) children: Mutex<ActiveChildren<K, M>>,
    child_kind: &'static str,
    child_policy: RestartPolicy,
    /// The key of the hash under which operators see keys.
    secret: [u8; 32],
    actor: Mutex<Option<ActorRef<DirectoryMessage<K>>>>,
    /// Slots whose children have ended while their jobs may still run.
    left: Mutex<Vec<Arc<ActorSlot<M>>>>,
}

impl<K: DirectoryKey, M: Message> Directory<K, M> {
    /// As `Addr::call`, to the child of `key`, which is activated if it is not active; `deadline` includes the
    /// activation.
    ///
    /// `Overloaded` also means that every child is busy and the directory is full. `Unavailable` also means that the
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

    /// The path under which operators see the child of `key`.
    pub fn path_of(&self, key: &K) -> String {
        self.0.path_of(key)
    }
}

impl<K: DirectoryKey, M: Message> DirectoryInner<K, M> {
    fn admit(self: &Arc<Self>, key: &K, now: Instant, deadline: Duration) -> Result<(Arc<ActorSlot<M>>, Work), Fault> {
        let mut children = lock(&self.children);
        if lock(&self.actor).is_none() {
            self.record.counts.refused.add();
            return Err(Fault::Unavailable);
        }
        if !children.is_known(key) {
            if children.is_full(self.bounds.children) && !self.evict_oldest(&mut children, now) {
                self.record.counts.refused.add();
                return Err(Fault::overloaded());
            }
            children.add(key.clone(), self.new_slot(key, now), now);
        }
        let slot = children.touch(key, now).ok_or(Fault::Unavailable)?;
        // Under the lock: while the permit is held the child is not idle, so it is not passivated.
        let work = slot.admit(now + deadline)?;
        Ok((slot, work))
    }

    fn post(&self, key: &K, envelope: MessageEnvelope<M>) -> Result<(), Fault> {
        let posted = lock(&self.children).post(key, envelope, self.system.instant());
        match posted {
            Ok(DirectoryAction::Nothing) => Ok(()),
            Ok(DirectoryAction::Activate(key)) => {
                let is_sent = self.send_to_actor(DirectoryMessage::Activate(key));
                // Otherwise the directory's actor has ended, and the kept messages are dropped with it.
                if is_sent { Ok(()) } else { Err(Fault::Unavailable) }
            }
            Err(envelope) => {
                envelope.hand_back();
                self.record.counts.refused.add();
                Err(Fault::Unavailable)
            }
        }
    }

    fn evict_oldest(&self, children: &mut ActiveChildren<K, M>, now: Instant) -> bool {
        let Some(key) = children.oldest_idle(now) else { return false };
        self.see_out(children, &key);
        true
    }

    /// Passivates an idle child: drains its actor, or removes it at once if it has none.
    pub(super) fn see_out(&self, children: &mut ActiveChildren<K, M>, key: &K) {
        if let Some(life) = children.leave(key) {
            if let Some(child) = children.get_mut(key) {
                child.slot.record().stand(ActorStatus::Draining, self.system.instant());
            }
            self.send_to_actor(DirectoryMessage::SeeOff(life));
        } else if let Some(child) = children.remove(key) {
            self.system.stats().leave(child.slot.record());
        }
    }

    /// Sends a message to the directory's actor; false if that actor has ended.
    pub(super) fn send_to_actor(&self, message: DirectoryMessage<K>) -> bool {
        lock(&self.actor).as_ref().is_some_and(|actor| actor.send_message(message).is_ok())
    }

    pub(super) fn set_actor(&self, actor: ActorRef<DirectoryMessage<K>>) {
        *lock(&self.actor) = Some(actor);
    }

    fn new_slot(self: &Arc<Self>, key: &K, now: Instant) -> Arc<ActorSlot<M>> {
        let identity = Identity {
            path: self.path_of(key).into(),
            kind: self.child_kind,
            parent: Some(Arc::clone(&self.record.path)),
            capacity: self.bounds.mailbox,
            policy: self.child_policy,
            order: 0,
            is_group: false,
        };
        let record = Arc::new(ActorRecord::new(identity, now));
        // The record is reachable from the directory: a strong reference back would leak both.
        let (directory, key) = (Arc::downgrade(self), key.clone());
        record.set_control(ChildControl::new(move |command| {
            let Some(directory) = directory.upgrade() else { return false };
            let done = match command {
                ChildCommand::Restart => None,
                ChildCommand::Stop(done) => Some(done),
            };
            directory.send_to_actor(DirectoryMessage::Restart(key.clone(), done))
        }));
        self.system.stats().enter(&record);
        ActorSlot::new(self.system.clone(), record)
    }

    fn path_of(&self, key: &K) -> String {
        let mut bytes = Bytes(Vec::new());
        key.hash(&mut bytes);
        let tag = Hmac::<Sha256>::new_from_slice(&self.secret).map(|mac| mac.chain_update(&bytes.0).finalize());
        let tag = tag.map(|tag| tag.into_bytes().to_vec()).unwrap_or_default();
        let hex: String = tag.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{hex}", self.record.path)
    }

    /// The directory's actor stops its children: no new messages are accepted.
    pub(super) fn begin_stop(&self) {
        *lock(&self.actor) = None;
        let now = self.system.instant();
        for slot in lock(&self.children).slots() {
            slot.record().stand(ActorStatus::Draining, now);
        }
    }

    /// The directory's actor has ended: no child can be reached.
    fn close(&self) {
        *lock(&self.actor) = None;
        let slots = lock(&self.children).clear();
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

/// Collects the bytes that a key hashes.
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
    /// A directory of services that `factory` creates from their keys. The restart policy of `spec` applies to each
    /// child, but a child never ends the process: past its restart limit it is parked, and calls to its key fail while
    /// it is.
    pub fn directory<K: DirectoryKey, S: Service>(
        &mut self,
        spec: Spec,
        bounds: DirectoryBounds,
        factory: impl Fn(&K) -> S + Send + Sync + 'static,
    ) -> Directory<K, S::Message> {
        let record = self.enter(&spec, spec.kind.unwrap_or("directory"), 0);
        let mut secret = [0; 32];
        self.system.entropy().fill(&mut secret);
        let inner = Arc::new(DirectoryInner {
            system: self.system.clone(),
            record,
            bounds,
            children: Mutex::new(ActiveChildren::new()),
            child_kind: S::KIND,
            child_policy: RestartPolicy { past: PastLimit::Park, ..spec.restart },
            secret,
            actor: Mutex::new(None),
            left: Mutex::new(Vec::new()),
        });
        let directory = Directory(Arc::clone(&inner));
        self.adopt(DirectoryChild { inner, limits: spec.limits, factory: Arc::new(factory) });
        directory
    }
}

type Factory<K, S> = Arc<dyn Fn(&K) -> S + Send + Sync>;

struct DirectoryChild<K: DirectoryKey, S: Service> {
    inner: Arc<DirectoryInner<K, S::Message>>,
    limits: Limits,
    factory: Factory<K, S>,
}

impl<K: DirectoryKey, S: Service> Child for DirectoryChild<K, S> {
    fn record(&self) -> &Arc<ActorRecord> {
        &self.inner.record
    }

    /// The children stop in parallel, then the directory's actor stops.
    fn limits(&self) -> Limits {
        Limits { stop: self.limits.stop + limits::KILL_LIMIT * 2, ..self.limits }
    }

    fn spawn(&self, parent: ActorRef<SupervisorMessage>, ready: Ready) -> BoxFuture<'_, Result<ActorCell, String>> {
        let directory = Arc::clone(&self.inner);
        let actor = DirectoryActor { directory, factory: Arc::clone(&self.factory), limit: self.limits.stop, ready };
        async move { spawn_linked(actor, (), &parent).await }.boxed()
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
