//! The events that a relay holds in memory: those above the watermark, those that are being handed over, and the next
//! subject of a hand-over. Pure: the relay takes the next event from it and reports each outcome to it.

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
    /// The last sequence that was read from the log.
    read_to: u64,
    /// The events that the watermark may not pass yet, by sequence.
    open: BTreeMap<u64, UserId>,
    /// The waiting events of each subject, in order. Each of these subjects is in `in_progress` or in `ready`.
    queues: HashMap<UserId, VecDeque<PendingHandOver>>,
    /// Subjects with a waiting event and no running hand-over.
    ready: VecDeque<UserId>,
    /// Subjects with a running hand-over.
    in_progress: HashSet<UserId>,
}

impl RelayWindow {
    pub(super) fn new(watermark: u64) -> Self {
        Self { read_to: watermark, ..Self::default() }
    }

    /// The sequence behind which the next read of the log begins.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// The number of events that still fit, up to `limits::RELAY_WINDOW`.
    pub(super) fn free(&self) -> usize {
        limits::RELAY_WINDOW.saturating_sub(self.open.len())
    }

    /// Records that the log was read up to `to`, events of other types included.
    pub(super) fn has_read(&mut self, to: u64) {
        self.read_to = self.read_to.max(to);
    }

    /// Adds an event of the log.
    pub(super) fn take(&mut self, event: EventEnvelope) {
        self.open.insert(event.sequence, event.subject);
        self.has_read(event.sequence);
        self.enqueue(PendingHandOver { event: Arc::new(event), source: HandOverSource::Log });
    }

    /// Adds the first delayed event of a subject, unless the subject has a waiting event or a running hand-over.
    pub(super) fn take_delayed(&mut self, event: EventEnvelope, delayed: Delayed) {
        if !self.is_busy(event.subject) {
            self.enqueue(PendingHandOver { event: Arc::new(event), source: HandOverSource::Delayed(delayed) });
        }
    }

    /// Whether the subject has a waiting event or a running hand-over.
    pub(super) fn is_busy(&self, subject: UserId) -> bool {
        self.in_progress.contains(&subject) || self.queues.contains_key(&subject)
    }

    fn enqueue(&mut self, pending: PendingHandOver) {
        let subject = pending.event.subject;
        let queue = self.queues.entry(subject).or_default();
        queue.push_back(pending);
        if queue.len() == 1 && !self.in_progress.contains(&subject) {
            self.ready.push_back(subject);
        }
    }

    /// The next event to hand over; `None` also while `limits::RELAY_PARALLEL` hand-overs run.
    pub(super) fn next(&mut self) -> Option<PendingHandOver> {
        if self.in_progress.len() >= limits::RELAY_PARALLEL {
            return None;
        }
        let subject = self.ready.pop_front()?;
        let queue = self.queues.get_mut(&subject)?;
        let pending = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&subject);
        }
        self.in_progress.insert(subject);
        Some(pending)
    }

    /// Records that an event's outcome is written: the watermark may pass it, and its subject's next event may follow.
    pub(super) fn passed(&mut self, pending: &PendingHandOver) {
        self.open.remove(&pending.event.sequence);
        self.end_hand_over(pending.event.subject);
    }

    /// Records that an event's outcome was not written: it is handed over again, before the others of its subject. A
    /// delayed event is read from the store again instead.
    pub(super) fn requeue(&mut self, pending: PendingHandOver) {
        let subject = pending.event.subject;
        if pending.source == HandOverSource::Log {
            self.queues.entry(subject).or_default().push_front(pending);
        }
        self.end_hand_over(subject);
    }

    fn end_hand_over(&mut self, subject: UserId) {
        self.in_progress.remove(&subject);
        if self.queues.contains_key(&subject) {
            self.ready.push_back(subject);
        }
    }

    /// The sequence up to which every event is passed.
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
    fn events_of_one_subject_are_handed_over_in_order_and_other_subjects_in_parallel() {
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
    fn an_event_with_an_unwritten_outcome_is_handed_over_again_before_its_followers() {
        let mut window = RelayWindow::new(0);
        window.take(event(1, 7));
        window.take(event(2, 7));
        let first = window.next().unwrap();
        window.requeue(first);
        assert_eq!(sequence(window.next()), Some(1));
        assert_eq!(window.watermark(), 0);
    }

    #[test]
    fn parallel_hand_overs_are_limited() {
        let mut window = RelayWindow::new(0);
        for number in 1..=100 {
            window.take(event(number, u128::from(number)));
        }
        let in_progress = std::iter::from_fn(|| window.next()).count();
        assert_eq!(in_progress, limits::RELAY_PARALLEL);
        assert_eq!(window.free(), limits::RELAY_WINDOW - 100);
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
