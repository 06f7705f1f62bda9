//! What a subscriber is, and what it is handed.

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

/// What hears events. Its relay hands them over in the order of each subject, many subjects side by side.
pub trait Subscriber: Send + Sync + 'static {
    /// Its name in the catalogue of events and in the store: it never changes.
    fn name(&self) -> &'static str;
    /// The types it hears: those whose rows in the catalogue name it.
    fn types(&self) -> Vec<EventType> {
        EventType::heard_by(self.name())
    }
    /// Takes one event. An effect in the store happens exactly once if its transaction calls `HandOver::settle`; an
    /// effect outside happens at least once.
    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>>;
}

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// Hand it over again: something is away or full. With the reason, which operators read; never a secret.
    Later(String),
    /// Never hand it over again: it makes no sense here. It goes to the dead letters.
    Never(String),
}

impl From<Fault> for NotTaken {
    /// No fault lasts for ever: after ten of them the event is among the dead letters anyway.
    fn from(fault: Fault) -> Self {
        Self::Later(fault.to_string())
    }
}

/// An event handed to a subscriber. Clones speak of the same handing over.
#[derive(Debug, Clone)]
pub struct HandOver {
    /// The event.
    pub event: Arc<EventEnvelope>,
    /// Which time it is handed over, from 1.
    pub attempt: u32,
    /// The subscriber.
    pub(super) subscriber: &'static str,
    /// When the relay stops waiting.
    pub(super) work: Work,
    /// Time and randomness of this hand-over.
    pub(super) stamp: Stamp,
    /// The lease of the relay.
    pub(super) fence: LeaseFence,
}

/// An earlier hand-over of the event had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadySettled;

/// How long a subscriber may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

impl HandOver {
    /// Claims the event's effect for this transaction. Refuses if another transaction had it before.
    pub fn settle(&self, tx: &mut Tx<'_>) -> Decision<(), AlreadySettled> {
        match subscription::settle(tx, self.place())? {
            Settlement::First => Ok(()),
            Settlement::Already => refuse(AlreadySettled),
        }
    }

    /// The context of the transaction in which the event has its effect: the subscriber, because of this event, under
    /// the lease of its relay.
    pub fn write(&self) -> Write {
        self.under_lease(Write::new(self.work.clone(), self.stamp, self.context()))
    }

    /// A write that commits nothing once the relay has lost its lease.
    pub fn under_lease(&self, write: Write) -> Write {
        write.under(self.fence.clone())
    }

    /// On whose behalf the effect is: the subscriber's, in the course of the request that began it all, and from where
    /// that request came.
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
