//! Who asks, from where, and what the asking began with.

use std::net::IpAddr;

use super::{
    Roles, Timestamp,
    id::{EventId, SessionId, UserId},
};

/// The proven identity behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The session the access token belongs to.
    pub session: SessionId,
    /// The refresh generation the access token was made with (claim `gen`).
    pub generation: u32,
    /// The user's roles when the request was checked.
    pub roles: Roles,
    /// When the user last proved who they are.
    pub auth_time: Timestamp,
}

/// On whose behalf something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A request without a credential.
    Anonymous,
    /// A signed-in user.
    User(Principal),
    /// An operator at the command line, by the control token or on a closed store.
    Operator,
    /// A service, by its name: a subscriber, a timer.
    Service(&'static str),
}

/// What accompanies a call through all layers, into its events, audit entries and log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    /// The id of the request that began it all (`X-Request-Id`); 1 to 128 visible ASCII characters.
    pub request_id: String,
    /// The event that led to this call, if one did.
    pub causation: Option<EventId>,
    /// W3C trace context, if the caller sent one.
    pub traceparent: Option<String>,
    /// On whose behalf.
    pub caller: Caller,
    /// The client's address, as far as proxies are trusted.
    pub client: Option<IpAddr>,
    /// The `User-Agent` header, cut to `limits::USER_AGENT_MAX` characters.
    pub user_agent: Option<String>,
}

impl CallContext {
    /// For work that a service does by itself.
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
