//! A message on its way, with what it carries. One that is dropped unopened is a dead letter.

use std::{sync::Arc, time::Instant};

use super::{
    service::Message,
    slot::{NudgeMark, Slot},
};
use crate::{
    telemetry::actors::{ActorStatus, DeadLetterReason},
    types::{Work, limits},
};

/// For how long a message is worth handling.
pub(super) enum Patience {
    /// Someone waits, until the work's deadline.
    Caller,
    /// Nobody waits: its time begins when it is handled.
    Nobody,
    /// Nobody waits, and there is one of it at most.
    Nudge(#[expect(dead_code, reason = "held for its drop")] NudgeMark),
}

/// A message, its work, and the slot it is for.
pub(super) struct Envelope<M: Message> {
    content: Option<(M, Work, Patience)>,
    slot: Arc<Slot<M>>,
    made_at: Instant,
    is_queued: bool,
}

impl<M: Message> Envelope<M> {
    /// A message that is sent at `now`.
    pub(super) fn new(message: M, work: Work, patience: Patience, slot: &Arc<Slot<M>>, now: Instant) -> Self {
        Self { content: Some((message, work, patience)), slot: Arc::clone(slot), made_at: now, is_queued: false }
    }

    /// It goes into a mailbox.
    pub(super) fn enter(&mut self) {
        let record = self.slot.record();
        record.backlog.enter(self.made_at);
        record.counts.accepted.add();
        self.is_queued = true;
    }

    /// The mailbox was closed after all.
    pub(super) fn turn_back(&mut self) {
        self.slot.record().counts.accepted.take_back();
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
        let (message, mut work, patience) = self.content.take()?;
        match patience {
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
            Patience::Nobody | Patience::Nudge(_) => {
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
        let Some((message, work, _)) = &self.content else { return };
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
