//! An event as a transaction writes it, and as subscribers read it (CloudEvents 1.0 attributes).

use serde::{Deserialize, Serialize};

use super::{EventKind, EventType};
use crate::{
    domain::user::Profile,
    types::{
        CallContext, Timestamp,
        id::{EventId, UserId},
    },
};

/// Personal fields. Sealed under the person's own key: destroying the key erases the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Personal {
    pub email: Option<String>,
    pub ip_address: Option<String>,
    /// The header `User-Agent` of the request.
    pub user_agent: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub username: Option<String>,
}

impl Personal {
    /// The origin of a call: client address and user agent.
    pub fn of_call(context: &CallContext) -> Self {
        Self {
            ip_address: context.client.map(|address| address.to_canonical().to_string()),
            user_agent: context.user_agent.clone(),
            ..Self::default()
        }
    }

    /// The names of a profile.
    pub fn of_profile(profile: &Profile) -> Self {
        Self {
            first_name: profile.first_name.as_ref().map(ToString::to_string),
            last_name: profile.last_name.as_ref().map(ToString::to_string),
            username: profile.username.as_ref().map(ToString::to_string),
            ..Self::default()
        }
    }

    /// Whether all fields are empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An event as a transaction writes it. The store adds id, sequence, time and origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The person that the event is about. That person's key seals `personal`; hand-overs keep the order per subject.
    pub subject: UserId,
    /// The type and the payload.
    pub kind: EventKind,
    /// The personal fields, and the origin of the call.
    pub personal: Personal,
}

/// An event as subscribers and operators read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEnvelope {
    pub id: EventId,
    /// Strictly increasing. No event appears later with a smaller sequence than one that was read.
    pub sequence: u64,
    /// The person that the event is about.
    pub subject: UserId,
    /// The time of the decision.
    pub time: Timestamp,
    /// The id of the request that started the chain of events.
    pub correlation: String,
    /// The event that caused this one.
    pub causation: Option<EventId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    pub event_type: EventType,
    /// The event itself; `None`: this program does not know the type.
    pub kind: Option<EventKind>,
    /// The personal fields and the origin; empty after the person's erasure.
    pub personal: Personal,
}
