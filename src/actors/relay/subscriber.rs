//! The subscriber trait, and the hand-over that a subscriber receives.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use crate::{
    domain::event::{EventEnvelope, EventType},
    persistence::{
        Decision, LeaseFence, Tx, Write, refuse,
        tables::subscription::{self, EventPlace, Settlement},
    },
    types::{CallContext, Caller, Fault, Stamp, Work},
};

/// Receives events. Its relay hands over the events of one subject in order, and those of several subjects in parallel.
pub trait Subscriber: Send + Sync + 'static {
    /// The name in the catalogue of events and in the store. It never changes.
    fn name(&self) -> &'static str;
    /// The types it receives: those whose rows in the catalogue name it.
    fn types(&self) -> Vec<EventType> {
        EventType::subscribed_by(self.name())
    }
    /// Handles one event. An effect in the store happens exactly once if its transaction calls `HandOver::settle`; an
    /// effect outside the store happens at least once.
    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>>;
}

/// The reason why a hand-over failed, for operators; it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// A temporary failure: the relay hands the event over again.
    Later(String),
    /// A permanent failure: the event becomes a dead letter.
    Never(String),
}

impl From<Fault> for NotTaken {
    /// A fault is temporary; after `limits::RELAY_ATTEMPTS` hand-overs the event becomes a dead letter.
    fn from(fault: Fault) -> Self {
        Self::Later(fault.to_string())
    }
}

/// An event handed to a subscriber. Clones stand for the same hand-over.
#[derive(Debug, Clone)]
pub struct HandOver {
    pub event: Arc<EventEnvelope>,
    /// The number of this hand-over of the event, from 1.
    pub attempt: u32,
    pub(super) subscriber: &'static str,
    /// The deadline of the hand-over.
    pub(super) work: Work,
    /// The time and randomness of the effect's transaction.
    pub(super) stamp: Stamp,
    /// The relay's lease; a write commits nothing once it is lost.
    pub(super) fence: LeaseFence,
}

/// An earlier hand-over of the event had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadySettled;

/// The time limit of one hand-over.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

impl HandOver {
    /// Claims the event's effect for this transaction. Refused if an earlier transaction claimed it.
    pub fn settle(&self, tx: &mut Tx<'_>) -> Decision<(), AlreadySettled> {
        match subscription::settle(tx, self.place())? {
            Settlement::First => Ok(()),
            Settlement::Already => refuse(AlreadySettled),
        }
    }

    /// The write of the transaction in which the event has its effect, by the subscriber and under its relay's lease.
    pub fn write(&self) -> Write {
        self.under_lease(Write::new(self.work.clone(), self.stamp, self.context()))
    }

    /// A write that commits nothing once the relay has lost its lease.
    pub fn under_lease(&self, write: Write) -> Write {
        write.under(self.fence.clone())
    }

    /// The call context of the effect: the subscriber is the caller; the request id, the client's address and the user
    /// agent are those of the request that caused the event.
    pub fn context(&self) -> CallContext {
        CallContext {
            request_id: self.event.correlation.clone(),
            causation: Some(self.event.id),
            traceparent: self.event.traceparent.clone(),
            caller: Caller::Service(self.subscriber),
            client: self.event.personal.ip_address.as_ref().and_then(|address| address.parse().ok()),
            user_agent: self.event.personal.user_agent.clone(),
        }
    }

    pub(super) fn place(&self) -> EventPlace<'static> {
        EventPlace { subscriber: self.subscriber, subject: self.event.subject, sequence: self.event.sequence }
    }
}
