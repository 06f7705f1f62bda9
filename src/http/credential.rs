//! Credentials of requests: access tokens, the operator's control token, and direct loopback access.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts, uri::Authority},
};
use futures::future::BoxFuture;
use subtle::ConstantTimeEq;

use super::{
    context::RequestOrigin,
    error::{ApiError, ProblemCode},
    trust::ForwardedHeaders,
};
use crate::types::{Fault, Principal, Secret};

/// Verifies access tokens. The handle of AuthActor implements it.
pub trait Authenticator: Send + Sync + 'static {
    /// The user and session of `token`; both are read from the store at the call.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthRefusal>>;
}

/// Why an access token is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthRefusal {
    /// The token was not issued by this program, or was altered.
    Invalid,
    /// The token has expired.
    Expired,
    /// Its session has ended, or its user may not sign in.
    SessionEnded,
    /// The check failed.
    Fault(Fault),
}

impl From<AuthRefusal> for ApiError {
    fn from(refusal: AuthRefusal) -> Self {
        Self::new(match refusal {
            AuthRefusal::Invalid => ProblemCode::InvalidToken,
            AuthRefusal::Expired => ProblemCode::TokenExpired,
            AuthRefusal::SessionEnded => ProblemCode::SessionEnded,
            AuthRefusal::Fault(fault) => return fault.into(),
        })
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 section 2.1), if present. Its form is not checked.
pub fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// The bearer token of a request, as a handler's argument. It is not verified.
#[derive(Debug, Clone)]
pub struct Bearer(pub Option<Secret>);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(bearer(&parts.headers)))
    }
}

/// The operator's credential (`data/control.token`), new at each start.
pub struct ControlToken(Option<Secret>);

impl ControlToken {
    /// The token of this run.
    pub fn new(token: Secret) -> Self {
        Self(Some(token))
    }

    /// No token: every operator's request is refused.
    pub fn absent() -> Self {
        Self(None)
    }

    /// Compares in constant time.
    pub fn is(&self, presented: &Secret) -> bool {
        let Some(token) = &self.0 else { return false };
        token.reveal().as_bytes().ct_eq(presented.reveal().as_bytes()).into()
    }
}

/// Refuses a request unless it comes directly from a program or page on this machine: a loopback peer, a loopback
/// `Host` (against DNS rebinding), no proxy header, and no page of another site.
pub fn demand_loopback(origin: &RequestOrigin, headers: &HeaderMap) -> Result<(), ApiError> {
    let from_here = origin.peer.is_some_and(|peer| peer.is_loopback());
    let direct = origin.forwarded.headers == ForwardedHeaders::None;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !(from_here && direct && host.is_some_and(is_loopback_authority)) {
        return Err(ApiError::new(ProblemCode::LoopbackOnly));
    }
    if is_cross_site(headers) { Err(ApiError::new(ProblemCode::CrossSite)) } else { Ok(()) }
}

fn is_loopback_authority(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a browser sends the request for a page of another origin (Fetch Metadata, or another `Origin`).
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site_ok = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text("host").unwrap_or_default();
    let origin_ok = text("origin").is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    !(site_ok && origin_ok)
}

#[cfg(test)]
mod tests {
    use super::is_loopback_authority;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for here in ["localhost", "localhost:8080", "127.0.0.1:9090", "127.9.9.9", "[::1]:80", "LocalHost"] {
            assert!(is_loopback_authority(here), "{here}");
        }
        for elsewhere in ["", "example.com", "localhost.example.com", "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0"] {
            assert!(!is_loopback_authority(elsewhere), "{elsewhere}");
        }
    }
}
