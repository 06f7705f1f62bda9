//! A message in transit, with its work. A message that is dropped unopened is a dead letter.

use std::{sync::Arc, time::Instant};

use super::{service::Message, slot::ActorSlot};
use crate::{
    telemetry::actors::{ActorStatus, DeadLetterReason},
    types::{Work, limits},
};

/// How long a message is valid.
#[derive(Clone, Copy)]
pub(super) enum SendKind {
    /// A caller waits, until the work's deadline.
    Call,
    /// No caller waits: the deadline counts from when the message is handled.
    Cast,
    /// No caller waits, and at most one is queued: the next may be sent after this one is begun or dropped.
    Nudge,
}

/// A message, its work, and its slot. Kept small, because it is moved several times, and a small one is allocated and
/// freed on two threads without contention.
pub(super) struct MessageEnvelope<M: Message> {
    content: Option<(M, Work)>,
    slot: Arc<ActorSlot<M>>,
    /// The time on the scale of the slot's backlog.
    made_at: u64,
    send_kind: SendKind,
    is_queued: bool,
}

impl<M: Message> MessageEnvelope<M> {
    /// A message that is sent at `now`.
    pub(super) fn new(message: M, work: Work, send_kind: SendKind, slot: &Arc<ActorSlot<M>>, now: Instant) -> Self {
        let made_at = slot.record().backlog.moment(now);
        Self { content: Some((message, work)), slot: Arc::clone(slot), made_at, send_kind, is_queued: false }
    }

    /// Counts the message as accepted by a mailbox.
    pub(super) fn enter(&mut self) {
        self.slot.record().backlog.enter(self.made_at);
        self.is_queued = true;
    }

    /// Takes the count back: the mailbox was closed.
    pub(super) fn turn_back(&mut self) {
        self.slot.record().counts.turned_back.add();
        self.leave();
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.is_queued) {
            self.slot.record().backlog.leave();
        }
    }

    /// Drops the message without a dead letter: its sender gets a fault.
    pub(super) fn hand_back(mut self) {
        self.content = None;
    }

    /// Takes the message out for handling; `None` if it is no longer valid.
    pub(super) fn open(mut self, now: Instant) -> Option<(M, Work)> {
        self.leave();
        let record = self.slot.record();
        record.counts.waited_us.add_many(record.backlog.moment(now).saturating_sub(self.made_at));
        let (message, mut work) = self.content.take()?;
        match self.send_kind {
            SendKind::Call => {
                let reason = if now >= work.deadline {
                    // So that the dropped reply answers `Expired`.
                    work.abandon();
                    DeadLetterReason::Expired
                } else if work.begin() {
                    return Some((message, work));
                } else {
                    DeadLetterReason::Abandoned
                };
                self.slot.system().stats().dead_letter(self.slot.record(), message.kind(), reason);
                None
            }
            SendKind::Cast | SendKind::Nudge => {
                work.deadline = now + limits::CALL_DEADLINE;
                work.begin();
                Some((message, work))
            }
        }
    }
}

impl<M: Message> Drop for MessageEnvelope<M> {
    fn drop(&mut self) {
        let was_queued = self.is_queued;
        self.leave();
        match self.send_kind {
            SendKind::Nudge => self.slot.nudge_is_over(),
            SendKind::Call | SendKind::Cast => {}
        }
        let Some((message, work)) = &self.content else { return };
        let record = self.slot.record();
        let reason = if work.is_abandoned() {
            DeadLetterReason::Abandoned
        } else if !was_queued {
            DeadLetterReason::NoActor
        } else {
            match record.standing().status {
                ActorStatus::Draining | ActorStatus::Stopped => DeadLetterReason::Stopped,
                ActorStatus::Waiting
                | ActorStatus::Starting
                | ActorStatus::Running
                | ActorStatus::Restarting
                | ActorStatus::Parked => DeadLetterReason::Crashed,
            }
        };
        self.slot.system().stats().dead_letter(record, message.kind(), reason);
    }
}
