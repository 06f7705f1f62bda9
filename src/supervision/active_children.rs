//! The active children of a directory, one per key. Every function runs under one short lock and sends messages only to
//! running actors.
//!
//! ```text
//! absent --post--> starting --arrived--> live --idle, or the oldest at the cap--> leaving --exit--> removed
//!                     \                    \ crash                                   \ exit, messages kept
//!                      \------ crash -------> resting --post after its wait--> starting   --> starting
//! ```

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use ractor::{ActorCell, ActorRef};

use super::{
    envelope::MessageEnvelope,
    policy::History,
    service::Message,
    slot::{ActorSlot, deliver},
};
use crate::types::limits;

/// What may be the key of a directory.
pub trait DirectoryKey: Hash + Eq + Clone + Send + Sync + 'static {}
impl<K: Hash + Eq + Clone + Send + Sync + 'static> DirectoryKey for K {}

/// One key: its slot, its actor if one runs, and the messages kept until one does.
pub(super) struct ActiveChild<M: Message> {
    pub(super) slot: Arc<ActorSlot<M>>,
    pub(super) life: ChildLife<M>,
    /// Each message holds a permit of the slot, so there are at most as many as the mailbox has permits.
    pub(super) kept: VecDeque<MessageEnvelope<M>>,
    /// The number of the current run; messages about earlier runs are ignored.
    pub(super) epoch: u64,
    pub(super) history: History,
    /// Its place in the order of use; `None` while it is being passivated.
    place: Option<u64>,
    used_at: Instant,
}

pub(super) enum ChildLife<M: Message> {
    Absent,
    Starting,
    Live(ActorRef<MessageEnvelope<M>>, Instant),
    Leaving,
    Resting { until: Instant },
}

/// All children, and their order of use.
pub(super) struct ActiveChildren<K, M: Message> {
    children: HashMap<K, ActiveChild<M>>,
    message: BTreeMap<u64, K>,
    next_place: u64,
    leaving: usize,
    /// When a search for an idle child last found none. The search visits all children, so it is not repeated at once.
    all_busy_at: Option<Instant>,
}

/// The action after the lock is released.
pub(super) enum DirectoryAction<K> {
    Nothing,
    /// Start an actor for this key.
    Activate(K),
}

/// How long the result of a search that found every child busy is reused.
const BUSY_BELIEVED: Duration = Duration::from_millis(1);

impl<K: DirectoryKey, M: Message> ActiveChildren<K, M> {
    pub(super) fn new() -> Self {
        let (children, message) = (HashMap::new(), BTreeMap::new());
        Self { children, message, next_place: 0, leaving: 0, all_busy_at: None }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut ActiveChild<M>> {
        self.children.get_mut(key)
    }

    pub(super) fn is_known(&self, key: &K) -> bool {
        self.children.contains_key(key)
    }

    /// The slot of the child of `key`, which is marked as used now.
    pub(super) fn touch(&mut self, key: &K, now: Instant) -> Option<Arc<ActorSlot<M>>> {
        let place = self.next_place;
        let child = self.children.get_mut(key)?;
        child.used_at = now;
        if !matches!(child.life, ChildLife::Leaving) {
            self.next_place += 1;
            if let Some(before) = child.place.replace(place) {
                self.message.remove(&before);
            }
            self.message.insert(place, key.clone());
        }
        Some(Arc::clone(&child.slot))
    }

    /// Whether `cap` children are active; the ones that are being passivated do not count.
    pub(super) fn is_full(&self, cap: usize) -> bool {
        self.children.len() - self.leaving >= cap
    }

    pub(super) fn add(&mut self, key: K, slot: Arc<ActorSlot<M>>, now: Instant) {
        let (kept, history) = (VecDeque::new(), History::default());
        let child = ActiveChild { slot, life: ChildLife::Absent, kept, epoch: 0, history, place: None, used_at: now };
        self.children.insert(key, child);
    }

    /// Sends a message to the running actor, or keeps it until one runs.
    pub(super) fn post(
        &mut self,
        key: &K,
        envelope: MessageEnvelope<M>,
        now: Instant,
    ) -> Result<DirectoryAction<K>, MessageEnvelope<M>> {
        let Some(child) = self.children.get_mut(key) else { return Err(envelope) };
        let is_over = matches!(child.life, ChildLife::Resting { until } if now >= until);
        match &child.life {
            ChildLife::Resting { .. } if !is_over => return Err(envelope),
            ChildLife::Absent | ChildLife::Resting { .. } => {
                child.kept.push_back(envelope);
                child.life = ChildLife::Starting;
                return Ok(DirectoryAction::Activate(key.clone()));
            }
            ChildLife::Starting | ChildLife::Leaving => child.kept.push_back(envelope),
            ChildLife::Live(actor, _) => {
                // The actor has crashed and its exit has not been handled yet: callers get the same fault as the
                // others.
                if let Err(envelope) = deliver(actor, envelope) {
                    child.kept.push_back(envelope);
                }
            }
        }
        Ok(DirectoryAction::Nothing)
    }

    /// The actor of `key` has read its state and gets the kept messages. False if it is not the current run.
    pub(super) fn arrived(&mut self, key: &K, epoch: u64, actor: ActorRef<MessageEnvelope<M>>, now: Instant) -> bool {
        let Some(child) = self.children.get_mut(key) else { return false };
        if child.epoch != epoch || !matches!(child.life, ChildLife::Starting) {
            return false;
        }
        while let Some(envelope) = child.kept.pop_front() {
            if let Err(envelope) = deliver(&actor, envelope) {
                child.kept.push_front(envelope);
                break;
            }
        }
        // For the child's own use (`Cx::addr`): callers send through the directory.
        child.slot.publish(actor.clone());
        child.life = ChildLife::Live(actor, now);
        true
    }

    /// Marks the child as leaving if its actor runs; that actor then has to be stopped.
    pub(super) fn leave(&mut self, key: &K) -> Option<ActorCell> {
        let child = self.children.get_mut(key)?;
        let ChildLife::Live(actor, _) = &child.life else { return None };
        let cell = actor.get_cell();
        child.life = ChildLife::Leaving;
        if let Some(place) = child.place.take() {
            self.message.remove(&place);
        }
        self.leaving += 1;
        Some(cell)
    }

    /// If the child was leaving: that run has ended, and the child is in the order of use again.
    pub(super) fn has_left(&mut self, key: &K) -> bool {
        let place = self.next_place;
        let Some(child) = self.children.get_mut(key) else { return false };
        if !matches!(child.life, ChildLife::Leaving) {
            return false;
        }
        child.life = ChildLife::Absent;
        child.slot.vacate();
        child.place = Some(place);
        self.next_place += 1;
        self.message.insert(place, key.clone());
        self.leaving = self.leaving.saturating_sub(1);
        true
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<ActiveChild<M>> {
        let child = self.children.remove(key)?;
        if let Some(place) = child.place {
            self.message.remove(&place);
        }
        child.slot.close();
        Some(child)
    }

    /// The least recently used idle child, if one may be passivated now.
    pub(super) fn oldest_idle(&mut self, now: Instant) -> Option<K> {
        let is_believed = |at: Instant| now.saturating_duration_since(at) < BUSY_BELIEVED;
        if self.leaving >= limits::DIRECTORY_LEAVING_MAX || self.all_busy_at.is_some_and(is_believed) {
            return None;
        }
        let found = self.message.values().find(|key| self.may_leave(key, now)).cloned();
        self.all_busy_at = found.is_none().then_some(now);
        found
    }

    /// Children that were not used for `idle`, as many as may leave at once.
    pub(super) fn idle_for(&self, idle: Duration, now: Instant) -> Vec<K> {
        let is_old = |key: &&K| {
            self.children.get(*key).is_some_and(|child| now.saturating_duration_since(child.used_at) >= idle)
        };
        let places = limits::DIRECTORY_LEAVING_MAX.saturating_sub(self.leaving);
        self.message.values().take_while(is_old).filter(|key| self.may_leave(key, now)).take(places).cloned().collect()
    }

    fn may_leave(&self, key: &K, now: Instant) -> bool {
        let Some(child) = self.children.get(key) else { return false };
        let is_there = match child.life {
            ChildLife::Absent | ChildLife::Live(..) => true,
            ChildLife::Resting { until } => now >= until,
            ChildLife::Starting | ChildLife::Leaving => false,
        };
        is_there && child.kept.is_empty() && child.slot.is_idle()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Arc<ActorSlot<M>>> {
        self.children.values().map(|child| &child.slot)
    }

    /// Empties the directory and returns all slots, in which jobs may still run.
    pub(super) fn clear(&mut self) -> Vec<Arc<ActorSlot<M>>> {
        self.message.clear();
        self.leaving = 0;
        self.children.drain().map(|(_, child)| child.slot).collect()
    }
}
