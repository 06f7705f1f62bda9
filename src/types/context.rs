//! The caller of a request, its origin, and the request that began it.

use std::net::IpAddr;

use super::{
    Network, Roles, Timestamp,
    id::{EventId, SessionId, UserId},
};

/// The authenticated identity of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub user: UserId,
    /// The session the access token belongs to.
    pub session: SessionId,
    /// The refresh generation of the access token (claim `gen`).
    pub generation: u32,
    /// The user's roles at the time of the check.
    pub roles: Roles,
    /// When the user last authenticated.
    pub auth_time: Timestamp,
}

/// The caller of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A request without a credential.
    Anonymous,
    User(Principal),
    /// An operator at the command line, with the control token or on a closed store.
    Operator,
    /// A service by its name, such as a subscriber or a timer.
    Service(&'static str),
}

/// The context of a call through all layers, for its events, audit entries and log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    /// The id of the first request (`X-Request-Id`); 1 to 128 visible ASCII characters.
    pub request_id: String,
    /// The event that caused this call, if one did.
    pub causation: Option<EventId>,
    /// The W3C trace context, if the caller sent one.
    pub traceparent: Option<String>,
    pub caller: Caller,
    /// The client's address, as reported by trusted proxies.
    pub client: Option<IpAddr>,
    /// The `User-Agent` header, cut to `limits::USER_AGENT_MAX` characters.
    pub user_agent: Option<String>,
}

impl CallContext {
    /// The network for limits; callers without an address count as one network.
    pub fn network(&self) -> Network {
        self.client.map_or(Network::UNKNOWN, Network::of)
    }

    /// The context of a service's own work.
    pub fn service(service: &'static str, request_id: impl Into<String>) -> Self {
        Self {
            request_id: request_id.into(),
            causation: None,
            traceparent: None,
            caller: Caller::Service(service),
            client: None,
            user_agent: None,
        }
    }

    /// The signed-in user's identity, if there is one.
    pub fn principal(&self) -> Option<&Principal> {
        match &self.caller {
            Caller::User(principal) => Some(principal),
            Caller::Anonymous | Caller::Operator | Caller::Service(_) => None,
        }
    }
}
