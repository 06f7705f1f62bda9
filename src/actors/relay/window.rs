//! What a relay has in memory: which events lie above the watermark, which are on their way, and whose turn is next.
//! Pure: the relay asks it what may be handed over, and tells it what came of that.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::hand_over::{HandOverSource, PendingHandOver};
use crate::{
    domain::event::{Delayed, EventEnvelope},
    types::{id::UserId, limits},
};

/// The events that the relay has in memory.
#[derive(Default)]
pub(super) struct RelayWindow {
    /// How far the log was read.
    read_to: u64,
    /// Read, wanted, and not passed yet.
    open: BTreeMap<u64, UserId>,
    /// Events of a subject in order; the subject is at work, or in `turns`.
    queues: HashMap<UserId, VecDeque<PendingHandOver>>,
    /// Subjects with something to hand over and nothing on its way.
    turns: VecDeque<UserId>,
    /// Subjects with an event on its way.
    at_work: HashSet<UserId>,
}

impl RelayWindow {
    pub(super) fn new(watermark: u64) -> Self {
        Self { read_to: watermark, ..Self::default() }
    }

    /// Where to read on in the log.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// How many more events may lie open.
    pub(super) fn room(&self) -> usize {
        limits::RELAY_WINDOW.saturating_sub(self.open.len())
    }

    /// The log was read up to here, whatever was wanted of it.
    pub(super) fn has_read(&mut self, to: u64) {
        self.read_to = self.read_to.max(to);
    }

    /// Takes an event of the log.
    pub(super) fn take(&mut self, event: EventEnvelope) {
        self.open.insert(event.sequence, event.subject);
        self.has_read(event.sequence);
        self.enqueue(PendingHandOver { event: Arc::new(event), source: HandOverSource::Log });
    }

    /// Takes the first delayed event of a subject, unless the subject has something on its way or before it.
    pub(super) fn take_delayed(&mut self, event: EventEnvelope, delayed: Delayed) {
        if !self.is_busy(event.subject) {
            self.enqueue(PendingHandOver { event: Arc::new(event), source: HandOverSource::Delayed(delayed) });
        }
    }

    /// Whether something of the subject is on its way or waits for its turn.
    pub(super) fn is_busy(&self, subject: UserId) -> bool {
        self.at_work.contains(&subject) || self.queues.contains_key(&subject)
    }

    fn enqueue(&mut self, pending: PendingHandOver) {
        let subject = pending.event.subject;
        let queue = self.queues.entry(subject).or_default();
        queue.push_back(pending);
        if queue.len() == 1 && !self.at_work.contains(&subject) {
            self.turns.push_back(subject);
        }
    }

    /// The next event to hand over, if there is one and a place for it.
    pub(super) fn next(&mut self) -> Option<PendingHandOver> {
        if self.at_work.len() >= limits::RELAY_PARALLEL {
            return None;
        }
        let subject = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&subject)?;
        let pending = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&subject);
        }
        self.at_work.insert(subject);
        Some(pending)
    }

    /// An event's fate is settled or written: the watermark may pass it, and its subject's next one has its turn.
    pub(super) fn passed(&mut self, pending: &PendingHandOver) {
        self.open.remove(&pending.event.sequence);
        self.end_turn(pending.event.subject);
    }

    /// An event's fate could not be written: it is handed over again, before all others of its subject.
    pub(super) fn again(&mut self, pending: PendingHandOver) {
        let subject = pending.event.subject;
        if pending.source == HandOverSource::Log {
            self.queues.entry(subject).or_default().push_front(pending);
        }
        self.end_turn(subject);
    }

    fn end_turn(&mut self, subject: UserId) {
        self.at_work.remove(&subject);
        if self.queues.contains_key(&subject) {
            self.turns.push_back(subject);
        }
    }

    /// Every event up to here is passed.
    pub(super) fn watermark(&self) -> u64 {
        self.open.first_key_value().map_or(self.read_to, |(first, _)| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{event::Personal, user::events::UserVerified},
        types::Timestamp,
    };

    fn event(sequence: u64, subject: u128) -> EventEnvelope {
        let subject = UserId::from(Uuid::from_u128(subject));
        EventEnvelope {
            id: Uuid::from_u128(u128::from(sequence)).into(),
            sequence,
            subject,
            time: Timestamp::ZERO,
            correlation: "test".into(),
            causation: None,
            traceparent: None,
            event_type: UserVerified::TYPE,
            kind: Some(UserVerified { user: subject }.into()),
            personal: Personal::default(),
        }
    }

    fn sequence(pending: Option<PendingHandOver>) -> Option<u64> {
        pending.map(|pending| pending.event.sequence)
    }

    #[test]
    fn one_subject_is_handed_over_in_order_and_others_beside_it() {
        let mut window = RelayWindow::new(0);
        for (number, subject) in [(1, 7), (2, 7), (3, 8)] {
            window.take(event(number, subject));
        }
        let first = window.next().unwrap();
        assert_eq!(first.event.sequence, 1);
        assert_eq!(sequence(window.next()), Some(3));
        assert_eq!(sequence(window.next()), None, "2 waits for 1");
        window.passed(&first);
        assert_eq!(sequence(window.next()), Some(2));
    }

    #[test]
    fn the_watermark_stays_below_the_first_open_event() {
        let mut window = RelayWindow::new(4);
        assert_eq!(window.watermark(), 4);
        window.take(event(6, 1));
        window.take(event(9, 2));
        window.has_read(12);
        assert_eq!(window.watermark(), 5);
        let (six, nine) = (window.next().unwrap(), window.next().unwrap());
        window.passed(&nine);
        assert_eq!(window.watermark(), 5);
        window.passed(&six);
        assert_eq!(window.watermark(), 12);
    }

    #[test]
    fn what_could_not_be_written_is_handed_over_again_before_its_followers() {
        let mut window = RelayWindow::new(0);
        window.take(event(1, 7));
        window.take(event(2, 7));
        let first = window.next().unwrap();
        window.again(first);
        assert_eq!(sequence(window.next()), Some(1));
        assert_eq!(window.watermark(), 0);
    }

    #[test]
    fn no_more_are_on_their_way_than_allowed() {
        let mut window = RelayWindow::new(0);
        for number in 1..=100 {
            window.take(event(number, u128::from(number)));
        }
        let on_their_way = std::iter::from_fn(|| window.next()).count();
        assert_eq!(on_their_way, limits::RELAY_PARALLEL);
        assert_eq!(window.room(), limits::RELAY_WINDOW - 100);
    }

    #[test]
    fn a_delayed_event_waits_until_its_subject_is_free() {
        let mut window = RelayWindow::new(10);
        let delayed = Delayed { attempts: 1, due: Timestamp::ZERO, last_error: String::new() };
        window.take(event(11, 7));
        window.take_delayed(event(3, 7), delayed.clone());
        let only = window.next().unwrap();
        assert_eq!(only.event.sequence, 11);
        assert_eq!(sequence(window.next()), None);
        window.passed(&only);
        window.take_delayed(event(3, 7), delayed);
        assert_eq!(sequence(window.next()), Some(3));
        assert_eq!(window.watermark(), 11);
    }
}
