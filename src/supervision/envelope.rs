//! A message on its way, with what it carries. One that is dropped unopened is a dead letter.

use std::{sync::Arc, time::Instant};

use super::{service::Message, slot::Slot};
use crate::{
    telemetry::actors::{ActorStatus, DeadLetterReason},
    types::{Work, limits},
};

/// For how long a message is worth handling.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    /// Someone waits, until the work's deadline.
    Caller,
    /// Nobody waits: its time begins when it is handled.
    Nobody,
    /// Nobody waits, and there is one of it at most: the next may come once this one is gone.
    Nudge,
}

/// A message, its work, and the slot it is for. Kept small: it is moved a few times on its way, and a small one is
/// allocated and freed on two threads without either waiting for the other.
pub(super) struct Envelope<M: Message> {
    content: Option<(M, Work)>,
    slot: Arc<Slot<M>>,
    /// On the scale of the slot's backlog.
    made_at: u64,
    patience: Patience,
    is_queued: bool,
}

impl<M: Message> Envelope<M> {
    /// A message that is sent at `now`.
    pub(super) fn new(message: M, work: Work, patience: Patience, slot: &Arc<Slot<M>>, now: Instant) -> Self {
        let made_at = slot.record().backlog.moment(now);
        Self { content: Some((message, work)), slot: Arc::clone(slot), made_at, patience, is_queued: false }
    }

    /// It goes into a mailbox.
    pub(super) fn enter(&mut self) {
        self.slot.record().backlog.enter(self.made_at);
        self.is_queued = true;
    }

    /// The mailbox was closed after all.
    pub(super) fn turn_back(&mut self) {
        self.slot.record().counts.turned_back.add();
        self.leave();
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.is_queued) {
            self.slot.record().backlog.leave();
        }
    }

    /// Drops it without a dead letter: its sender is told.
    pub(super) fn hand_back(mut self) {
        self.content = None;
    }

    /// Takes the message out to be handled; `None` if it is no longer worth it.
    pub(super) fn open(mut self, now: Instant) -> Option<(M, Work)> {
        self.leave();
        let (message, mut work) = self.content.take()?;
        match self.patience {
            Patience::Caller => {
                let reason = if now >= work.deadline {
                    // So that the reply, dropped with the message, says `Expired`.
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
            Patience::Nobody | Patience::Nudge => {
                work.deadline = now + limits::CALL_DEADLINE;
                work.begin();
                Some((message, work))
            }
        }
    }
}

impl<M: Message> Drop for Envelope<M> {
    fn drop(&mut self) {
        let was_queued = self.is_queued;
        self.leave();
        match self.patience {
            Patience::Nudge => self.slot.nudge_is_over(),
            Patience::Caller | Patience::Nobody => {}
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
