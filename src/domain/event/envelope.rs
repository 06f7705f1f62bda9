//! An event as it is said, and as it is read (CloudEvents 1.0 attributes).

use serde::{Deserialize, Serialize};

use super::EventKind;
use crate::{
    domain::user::Profile,
    types::{
        CallContext, Timestamp,
        id::{EventId, UserId},
    },
};

/// Fields that say who a person is. Stored sealed under that person's own key: erasing a person is destroying the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Personal {
    /// E-mail address.
    pub email: Option<String>,
    /// Client's address.
    pub ip_address: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// User name.
    pub username: Option<String>,
}

impl Personal {
    /// Where a call came from.
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

    /// Whether there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether an event names where the call behind it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrigin {
    /// It carries the client's address and user agent.
    Call,
    /// It carries neither: it is about the service's own work, or about a person who did not make the call.
    Withheld,
}

/// An event as a transaction says it; the store adds id, sequence, time and origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The person it is about, under whose key `personal` is sealed, and within which order is kept.
    pub subject: UserId,
    /// What happened.
    pub kind: EventKind,
    /// Who it happened to, and from where.
    pub personal: Personal,
}

/// An event as subscribers and operators read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEnvelope {
    /// The deduplication key.
    pub id: EventId,
    /// Strictly increasing; none ever appears behind one already read.
    pub sequence: u64,
    /// The person it is about.
    pub subject: UserId,
    /// When the decision was taken.
    pub time: Timestamp,
    /// The request that began it all.
    pub correlation: String,
    /// The event that led to this one.
    pub causation: Option<EventId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// What happened.
    pub kind: EventKind,
    /// Who and from where; empty once the person is erased.
    pub personal: Personal,
}
