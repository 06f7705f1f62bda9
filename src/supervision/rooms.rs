//! The rooms of a directory: one for each key that is known at present. Everything here happens under one short lock
//! and sends nothing but messages to live actors.
//!
//! ```text
//! absent --post--> starting --arrived--> live --idle, or the oldest at the cap--> leaving --exit--> gone
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
    envelope::Envelope,
    policy::History,
    service::Message,
    slot::{Slot, deliver},
};
use crate::types::limits;

/// What may be the key of a directory.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

/// One key: its slot, its actor if there is one, and the messages kept until there is one.
pub(super) struct Room<M: Message> {
    pub(super) slot: Arc<Slot<M>>,
    pub(super) life: Life<M>,
    /// Each holds a permit of the slot, so there are never more than its mailbox takes.
    pub(super) kept: VecDeque<Envelope<M>>,
    /// Which life it is; an earlier one is not heard.
    pub(super) epoch: u64,
    pub(super) history: History,
    /// Its place in the order of use; none while it leaves.
    place: Option<u64>,
    used_at: Instant,
}

pub(super) enum Life<M: Message> {
    Absent,
    Starting,
    Live(ActorRef<Envelope<M>>, Instant),
    Leaving,
    Resting { until: Instant },
}

/// All rooms, and in which order they were used.
pub(super) struct Rooms<K, M: Message> {
    rooms: HashMap<K, Room<M>>,
    order: BTreeMap<u64, K>,
    next_place: u64,
    leaving: usize,
    /// When a search for an idle room last found none: not searched again at once, since a search looks at all rooms.
    all_busy_at: Option<Instant>,
}

/// What is to be done after the lock is released.
pub(super) enum Errand<K> {
    Nothing,
    /// Start an actor for this key.
    Activate(K),
}

/// How long a search that found every room busy is believed.
const BUSY_BELIEVED: Duration = Duration::from_millis(1);

impl<K: Key, M: Message> Rooms<K, M> {
    pub(super) fn new() -> Self {
        let (rooms, order) = (HashMap::new(), BTreeMap::new());
        Self { rooms, order, next_place: 0, leaving: 0, all_busy_at: None }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut Room<M>> {
        self.rooms.get_mut(key)
    }

    pub(super) fn is_known(&self, key: &K) -> bool {
        self.rooms.contains_key(key)
    }

    /// The slot of the room of `key`, which is used now.
    pub(super) fn touch(&mut self, key: &K, now: Instant) -> Option<Arc<Slot<M>>> {
        let place = self.next_place;
        let room = self.rooms.get_mut(key)?;
        room.used_at = now;
        if !matches!(room.life, Life::Leaving) {
            self.next_place += 1;
            if let Some(before) = room.place.replace(place) {
                self.order.remove(&before);
            }
            self.order.insert(place, key.clone());
        }
        Some(Arc::clone(&room.slot))
    }

    /// Whether there is a place for one more room, once `evict` has been followed.
    pub(super) fn is_full(&self, cap: usize) -> bool {
        self.rooms.len() - self.leaving >= cap
    }

    pub(super) fn add(&mut self, key: K, slot: Arc<Slot<M>>, now: Instant) {
        let (kept, history) = (VecDeque::new(), History::default());
        let room = Room { slot, life: Life::Absent, kept, epoch: 0, history, place: None, used_at: now };
        self.rooms.insert(key, room);
    }

    /// Puts a message where it will be handled.
    pub(super) fn post(&mut self, key: &K, envelope: Envelope<M>, now: Instant) -> Result<Errand<K>, Envelope<M>> {
        let Some(room) = self.rooms.get_mut(key) else { return Err(envelope) };
        let is_over = matches!(room.life, Life::Resting { until } if now >= until);
        match &room.life {
            Life::Resting { .. } if !is_over => return Err(envelope),
            Life::Absent | Life::Resting { .. } => {
                room.kept.push_back(envelope);
                room.life = Life::Starting;
                return Ok(Errand::Activate(key.clone()));
            }
            Life::Starting | Life::Leaving => room.kept.push_back(envelope),
            Life::Live(actor, _) => {
                // It has crashed and the news is on its way: then the callers are told as the others are.
                if let Err(envelope) = deliver(actor, envelope) {
                    room.kept.push_back(envelope);
                }
            }
        }
        Ok(Errand::Nothing)
    }

    /// The actor of `key` has read its state: it gets what was kept. False if it is not the one that is waited for.
    pub(super) fn arrived(&mut self, key: &K, epoch: u64, actor: ActorRef<Envelope<M>>, now: Instant) -> bool {
        let Some(room) = self.rooms.get_mut(key) else { return false };
        if room.epoch != epoch || !matches!(room.life, Life::Starting) {
            return false;
        }
        while let Some(envelope) = room.kept.pop_front() {
            if let Err(envelope) = deliver(&actor, envelope) {
                room.kept.push_front(envelope);
                break;
            }
        }
        // For the child's own use (`Cx::addr`): callers come by way of the directory.
        room.slot.publish(actor.clone());
        room.life = Life::Live(actor, now);
        true
    }

    /// Marks the room as leaving, if there is a live actor; that actor has then to be seen off.
    pub(super) fn leave(&mut self, key: &K) -> Option<ActorCell> {
        let room = self.rooms.get_mut(key)?;
        let Life::Live(actor, _) = &room.life else { return None };
        let cell = actor.get_cell();
        room.life = Life::Leaving;
        if let Some(place) = room.place.take() {
            self.order.remove(&place);
        }
        self.leaving += 1;
        Some(cell)
    }

    /// If the room was leaving: that life is over, and the room is in the order of use again.
    pub(super) fn has_left(&mut self, key: &K) -> bool {
        let place = self.next_place;
        let Some(room) = self.rooms.get_mut(key) else { return false };
        if !matches!(room.life, Life::Leaving) {
            return false;
        }
        room.life = Life::Absent;
        room.slot.vacate();
        room.place = Some(place);
        self.next_place += 1;
        self.order.insert(place, key.clone());
        self.leaving = self.leaving.saturating_sub(1);
        true
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<Room<M>> {
        let room = self.rooms.remove(key)?;
        if let Some(place) = room.place {
            self.order.remove(&place);
        }
        room.slot.close();
        Some(room)
    }

    /// The least recently used room that is idle, if one may leave now.
    pub(super) fn oldest_idle(&mut self, now: Instant) -> Option<K> {
        let is_believed = |at: Instant| now.saturating_duration_since(at) < BUSY_BELIEVED;
        if self.leaving >= limits::DIRECTORY_LEAVING_MAX || self.all_busy_at.is_some_and(is_believed) {
            return None;
        }
        let found = self.order.values().find(|key| self.may_leave(key, now)).cloned();
        self.all_busy_at = found.is_none().then_some(now);
        found
    }

    /// Rooms that nobody has used for `idle`, as many as may leave at once.
    pub(super) fn idle_for(&self, idle: Duration, now: Instant) -> Vec<K> {
        let is_old =
            |key: &&K| self.rooms.get(*key).is_some_and(|room| now.saturating_duration_since(room.used_at) >= idle);
        let places = limits::DIRECTORY_LEAVING_MAX.saturating_sub(self.leaving);
        self.order.values().take_while(is_old).filter(|key| self.may_leave(key, now)).take(places).cloned().collect()
    }

    fn may_leave(&self, key: &K, now: Instant) -> bool {
        let Some(room) = self.rooms.get(key) else { return false };
        let is_there = match room.life {
            Life::Absent | Life::Live(..) => true,
            Life::Resting { until } => now >= until,
            Life::Starting | Life::Leaving => false,
        };
        is_there && room.kept.is_empty() && room.slot.is_idle()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Arc<Slot<M>>> {
        self.rooms.values().map(|room| &room.slot)
    }

    /// Empties the directory; what is still running in the slots is returned.
    pub(super) fn clear(&mut self) -> Vec<Arc<Slot<M>>> {
        self.order.clear();
        self.leaving = 0;
        self.rooms.drain().map(|(_, room)| room.slot).collect()
    }
}
