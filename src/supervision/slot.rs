//! What outlives the actor of a child: permits, jobs, statistics, and the reference of the running actor.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use ractor::ActorRef;
use tokio::sync::watch;

use super::{
    envelope::{MessageEnvelope, SendKind},
    jobs::Jobs,
    record::ActorRecord,
    service::Message,
    sync::lock,
    system::System,
};
use crate::types::{Fault, Work};

/// The slot of a service, or of one key of a directory.
pub(super) struct ActorSlot<M: Message> {
    pub(super) jobs: Jobs,
    live: watch::Sender<Option<ActorRef<MessageEnvelope<M>>>>,
    /// Whether a nudge is queued.
    nudged: AtomicBool,
    /// A nudge that arrived while no actor ran.
    kept_nudge: Mutex<Option<MessageEnvelope<M>>>,
}

impl<M: Message> ActorSlot<M> {
    pub(super) fn new(system: System, record: Arc<ActorRecord>) -> Arc<Self> {
        Arc::new(Self {
            jobs: Jobs::new(system, record),
            live: watch::Sender::new(None),
            nudged: AtomicBool::new(false),
            kept_nudge: Mutex::new(None),
        })
    }

    pub(super) fn system(&self) -> &System {
        &self.jobs.system
    }

    pub(super) fn record(&self) -> &Arc<ActorRecord> {
        &self.jobs.record
    }

    /// Takes a permit, which the work holds until its last clone is dropped.
    pub(super) fn admit(&self, deadline: Instant) -> Result<Work, Fault> {
        let record = self.record();
        if !record.try_take_permit() {
            record.counts.refused.add();
            return Err(Fault::overloaded());
        }
        Ok(Work::placed(deadline, Arc::<ActorRecord>::clone(record)))
    }

    /// Whether no message is queued and no work runs.
    pub(super) fn is_idle(&self) -> bool {
        let record = self.record();
        record.permits_taken() == 0 && record.jobs_running.load(Ordering::Relaxed) == 0 && record.backlog.depth() == 0
    }

    /// Puts a message into the mailbox of the running actor.
    pub(super) fn post(&self, envelope: MessageEnvelope<M>) -> Result<(), Fault> {
        let refused = match &*self.live.borrow() {
            Some(actor) => match deliver(actor, envelope) {
                Ok(()) => return Ok(()),
                Err(envelope) => envelope,
            },
            None => envelope,
        };
        refused.hand_back();
        self.record().counts.refused.add();
        Err(Fault::Unavailable)
    }

    /// Nudges the actor, at once or after its next start.
    pub(super) fn nudge(self: &Arc<Self>, make: impl FnOnce() -> M) {
        if self.nudged.swap(true, Ordering::AcqRel) {
            return;
        }
        let now = self.system().instant();
        let envelope = MessageEnvelope::new(make(), Work::until(now), SendKind::Nudge, self, now);
        *lock(&self.kept_nudge) = Some(envelope);
        self.pass_nudge_on();
    }

    /// The queued nudge was begun or dropped.
    pub(super) fn nudge_is_over(&self) {
        self.nudged.store(false, Ordering::Release);
    }

    fn pass_nudge_on(&self) {
        let live = self.live.borrow();
        let Some(actor) = &*live else { return };
        let Some(envelope) = lock(&self.kept_nudge).take() else { return };
        if let Err(envelope) = deliver(actor, envelope) {
            *lock(&self.kept_nudge) = Some(envelope);
        }
    }

    /// The actor is ready: callers find it from now on.
    pub(super) fn publish(&self, actor: ActorRef<MessageEnvelope<M>>) {
        self.live.send_replace(Some(actor));
        self.pass_nudge_on();
    }

    /// The actor has ended, or was requested to stop.
    pub(super) fn vacate(&self) {
        self.live.send_replace(None);
    }

    /// No further actor will start.
    pub(super) fn close(&self) {
        self.vacate();
        if let Some(nudge) = lock(&self.kept_nudge).take() {
            nudge.hand_back();
        }
    }
}

/// Sends the message; returns the envelope if the actor accepts no messages.
pub(super) fn deliver<M: Message>(
    actor: &ActorRef<MessageEnvelope<M>>,
    mut envelope: MessageEnvelope<M>,
) -> Result<(), MessageEnvelope<M>> {
    envelope.enter();
    match actor.send_message(envelope) {
        Ok(()) => Ok(()),
        Err(ractor::MessagingErr::SendErr(mut envelope)) => {
            envelope.turn_back();
            Err(envelope)
        }
        Err(ractor::MessagingErr::ChannelClosed | ractor::MessagingErr::InvalidActorType) => Ok(()),
    }
}
