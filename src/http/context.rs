//! The origin of a request and its caller, read from the head before any other code runs.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};

use super::{
    error::{ApiError, ProblemCode},
    trust::{Forwarded, TrustedProxies},
};
use crate::{
    domain::audit::Actor,
    types::{CallContext, Caller, Entropy, Principal, Timestamp, id, limits},
};

/// `X-Request-Id`, on every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The socket's peer. The accept loop adds it to each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What the edge code reads from a request before it routes it.
#[derive(Debug, Clone)]
pub struct RequestOrigin {
    /// The request's id: the client's `X-Request-Id` if it has a valid form, else a new one.
    pub request_id: String,
    /// The address of the socket's peer.
    pub peer: Option<IpAddr>,
    /// The client as trusted proxies report it, and whether an untrusted peer sent proxy headers.
    pub forwarded: Forwarded,
    traceparent: Option<String>,
    user_agent: Option<String>,
    /// The caller that the route's `Gate` identified. All clones share it.
    caller: Arc<OnceLock<Caller>>,
}

impl RequestOrigin {
    /// Reads the headers and the peer's address. `now` and `entropy` make an id for a request without one.
    pub fn read(
        headers: &HeaderMap,
        peer: Option<Peer>,
        proxies: &TrustedProxies,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        let peer = peer.map(|peer| peer.0.ip().to_canonical());
        Self {
            request_id: request_id(headers).unwrap_or_else(|| new_request_id(now, entropy)),
            peer,
            forwarded: proxies.judge(headers, peer),
            traceparent: text(headers, &TRACEPARENT).filter(|value| is_traceparent(value)).map(str::to_owned),
            user_agent: user_agent(headers),
            caller: Arc::default(),
        }
    }

    /// Stores the caller, also of a request that is refused afterwards.
    pub(super) fn note(&self, caller: &Caller) {
        // Each request passes one `Gate`, so the cell is empty.
        let _ = self.caller.set(caller.clone());
    }

    /// The caller by the name that audit entries use; `anonymous` if no credential was verified.
    pub(super) fn principal(&self) -> Actor {
        self.caller().map_or(Actor::Anonymous, Actor::from)
    }

    /// The caller that the route's `Gate` identified.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller.get()
    }

    /// The client's address: the one that trusted proxies report, else the peer's.
    pub fn client(&self) -> Option<IpAddr> {
        self.forwarded.client.or(self.peer)
    }

    /// The context of the service calls that this request makes.
    pub fn context(&self, caller: Caller) -> CallContext {
        CallContext {
            request_id: self.request_id.clone(),
            causation: None,
            traceparent: self.traceparent.clone(),
            caller,
            client: self.client(),
            user_agent: self.user_agent.clone(),
        }
    }
}

/// Handlers take the context as an argument. The `Gate` of their route adds it.
impl<S: Send + Sync> FromRequestParts<S> for CallContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::new(ProblemCode::Internal))
    }
}

/// The level of detail for a caller in an answer that every client can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insight {
    /// Only what does not help an attacker.
    Shallow,
    /// Everything: the caller is an operator or has an operator's right to read.
    Full,
}

impl<S: Send + Sync> FromRequestParts<S> for Insight {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self::Shallow))
    }
}

/// The signed-in user, for handlers of routes that require one.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<CallContext>();
        let principal = context.and_then(CallContext::principal).cloned();
        principal.map(Self).ok_or_else(|| ApiError::new(ProblemCode::Unauthenticated))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = text(headers, &REQUEST_ID)?;
    let sane = (1..=limits::REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    sane.then(|| id.to_owned())
}

fn new_request_id(now: Timestamp, entropy: &dyn Entropy) -> String {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    id::uuid_v7(now, random).to_string()
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    let value = String::from_utf8_lossy(value.as_bytes());
    Some(value.chars().filter(|c| !c.is_control()).take(limits::USER_AGENT_MAX).collect())
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, W3C Trace Context section 3.2.2.
fn is_traceparent(value: &str) -> bool {
    let is_hex =
        |part: &str, length| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let parts: Vec<&str> = value.split('-').collect();
    match parts[..] {
        [version, trace, parent, flags] => {
            version == "00"
                && is_hex(trace, 32)
                && is_hex(parent, 16)
                && is_hex(flags, 2)
                && !is_zero(trace)
                && !is_zero(parent)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn only_a_whole_traceparent_is_kept() {
        assert!(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(!is_traceparent(wrong), "{wrong}");
        }
    }
}
