//! What a relay has in memory: which events lie above the watermark, which are on their way, and whose turn is next.
//! Pure: the relay asks it what may be handed over, and tells it what came of that.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::hand_over::{Handed, Source};
use crate::{
    domain::event::{Delayed, Envelope},
    types::{id::UserId, limits},
};

/// The events in the relay's hands.
#[derive(Default)]
pub(super) struct Desk {
    /// How far the log was read.
    read_to: u64,
    /// Read, wanted, and not passed yet.
    open: BTreeMap<u64, UserId>,
    /// Events of a subject in order; the subject is at work, or in `turns`.
    queues: HashMap<UserId, VecDeque<Handed>>,
    /// Subjects with something to hand over and nothing on its way.
    turns: VecDeque<UserId>,
    /// Subjects with an event on its way.
    at_work: HashSet<UserId>,
}

impl Desk {
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
    pub(super) fn take(&mut self, event: Envelope) {
        self.open.insert(event.sequence, event.subject);
        self.has_read(event.sequence);
        self.enqueue(Handed { event: Arc::new(event), source: Source::Log });
    }

    /// Takes the first delayed event of a subject, unless the subject has something on its way or before it.
    pub(super) fn take_delayed(&mut self, event: Envelope, delayed: Delayed) {
        if !self.is_busy(event.subject) {
            self.enqueue(Handed { event: Arc::new(event), source: Source::Delayed(delayed) });
        }
    }

    /// Whether something of the subject is on its way or waits for its turn.
    pub(super) fn is_busy(&self, subject: UserId) -> bool {
        self.at_work.contains(&subject) || self.queues.contains_key(&subject)
    }

    fn enqueue(&mut self, handed: Handed) {
        let subject = handed.event.subject;
        let queue = self.queues.entry(subject).or_default();
        queue.push_back(handed);
        if queue.len() == 1 && !self.at_work.contains(&subject) {
            self.turns.push_back(subject);
        }
    }

    /// The next event to hand over, if there is one and a place for it.
    pub(super) fn next(&mut self) -> Option<Handed> {
        if self.at_work.len() >= limits::RELAY_PARALLEL {
            return None;
        }
        let subject = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&subject)?;
        let handed = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&subject);
        }
        self.at_work.insert(subject);
        Some(handed)
    }

    /// An event's fate is settled or written: the watermark may pass it, and its subject's next one has its turn.
    pub(super) fn passed(&mut self, handed: &Handed) {
        self.open.remove(&handed.event.sequence);
        self.end_turn(handed.event.subject);
    }

    /// An event's fate could not be written: it is handed over again, before all others of its subject.
    pub(super) fn again(&mut self, handed: Handed) {
        let subject = handed.event.subject;
        if handed.source == Source::Log {
            self.queues.entry(subject).or_default().push_front(handed);
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
        domain::event::{EventKind, Personal},
        types::Timestamp,
    };

    fn event(sequence: u64, subject: u128) -> Envelope {
        let subject = UserId::from(Uuid::from_u128(subject));
        Envelope {
            id: Uuid::from_u128(u128::from(sequence)).into(),
            sequence,
            subject,
            time: Timestamp::ZERO,
            correlation: "test".into(),
            causation: None,
            traceparent: None,
            kind: EventKind::UserVerified { user: subject },
            personal: Personal::default(),
        }
    }

    fn sequence(handed: Option<Handed>) -> Option<u64> {
        handed.map(|handed| handed.event.sequence)
    }

    #[test]
    fn one_subject_is_handed_over_in_order_and_others_beside_it() {
        let mut desk = Desk::new(0);
        for (number, subject) in [(1, 7), (2, 7), (3, 8)] {
            desk.take(event(number, subject));
        }
        let first = desk.next().unwrap();
        assert_eq!(first.event.sequence, 1);
        assert_eq!(sequence(desk.next()), Some(3));
        assert_eq!(sequence(desk.next()), None, "2 waits for 1");
        desk.passed(&first);
        assert_eq!(sequence(desk.next()), Some(2));
    }

    #[test]
    fn the_watermark_stays_below_the_first_open_event() {
        let mut desk = Desk::new(4);
        assert_eq!(desk.watermark(), 4);
        desk.take(event(6, 1));
        desk.take(event(9, 2));
        desk.has_read(12);
        assert_eq!(desk.watermark(), 5);
        let (six, nine) = (desk.next().unwrap(), desk.next().unwrap());
        desk.passed(&nine);
        assert_eq!(desk.watermark(), 5);
        desk.passed(&six);
        assert_eq!(desk.watermark(), 12);
    }

    #[test]
    fn what_could_not_be_written_is_handed_over_again_before_its_followers() {
        let mut desk = Desk::new(0);
        desk.take(event(1, 7));
        desk.take(event(2, 7));
        let first = desk.next().unwrap();
        desk.again(first);
        assert_eq!(sequence(desk.next()), Some(1));
        assert_eq!(desk.watermark(), 0);
    }

    #[test]
    fn no_more_are_on_their_way_than_allowed() {
        let mut desk = Desk::new(0);
        for number in 1..=100 {
            desk.take(event(number, u128::from(number)));
        }
        let on_their_way = std::iter::from_fn(|| desk.next()).count();
        assert_eq!(on_their_way, limits::RELAY_PARALLEL);
        assert_eq!(desk.room(), limits::RELAY_WINDOW - 100);
    }

    #[test]
    fn a_delayed_event_waits_until_its_subject_is_free() {
        let mut desk = Desk::new(10);
        let delayed = Delayed { attempts: 1, due: Timestamp::ZERO, last_error: String::new() };
        desk.take(event(11, 7));
        desk.take_delayed(event(3, 7), delayed.clone());
        let only = desk.next().unwrap();
        assert_eq!(only.event.sequence, 11);
        assert_eq!(sequence(desk.next()), None);
        desk.passed(&only);
        desk.take_delayed(event(3, 7), delayed);
        assert_eq!(sequence(desk.next()), Some(3));
        assert_eq!(desk.watermark(), 11);
    }
}
