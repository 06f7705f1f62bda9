//! Cross-origin requests of browsers (Fetch standard, section "CORS protocol"): exact origins, no credentials.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    config::Mode,
    http::{
        error::{ApiError, ProblemCode},
        route::Listener,
        services::EdgeContext,
    },
    types::limits,
};

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
const SENT: &str = "authorization, content-type, idempotency-key, if-match, x-request-id, x-requested-with, \
     traceparent, tracestate, baggage, sentry-trace";
const READ: &str = "etag, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id";
const REMEMBERED_SECONDS: &str = "600";

/// The kind of a request's `Origin`.
#[derive(Debug, Clone)]
pub enum Cors {
    /// No `Origin`, or the server's own.
    Nothing,
    /// An allowed origin, whose script may read the answer.
    Allowed(HeaderValue),
    /// An origin that is not in `edge.cors_origins`.
    Unlisted(String),
    /// Another origin, for a path that accepts none.
    Closed(String),
}

impl Cors {
    /// Classifies `request`. The ops listener and `/dev/*` accept no other origin.
    pub fn judge(edge: &EdgeContext, listener: Listener, request: &Request<Body>) -> Self {
        let closed = listener == Listener::Ops || request.uri().path().starts_with("/dev/");
        let Some(value) = request.headers().get(header::ORIGIN) else { return Self::Nothing };
        let origin = value.to_str().unwrap_or("?");
        let shown = || origin.chars().take(limits::ORIGIN_SHOWN).collect();
        match is_allowed(edge, origin) {
            _ if closed => Self::Closed(shown()),
            true => Self::Allowed(value.clone()),
            false => Self::Unlisted(shown()),
        }
    }

    /// Adds the headers that allow the script to read the answer.
    pub fn write(&self, headers: &mut HeaderMap) {
        match self {
            Self::Nothing | Self::Unlisted(_) | Self::Closed(_) => {}
            Self::Allowed(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
            }
        }
    }

    /// The answer to a preflight.
    pub fn preflight(&self) -> Response {
        match self {
            Self::Nothing => refusal("Only the application's own pages may call this.".to_owned()),
            Self::Unlisted(origin) => refusal(format!(
                "The origin {origin} is not in the setting edge.cors_origins. Add it there, with exactly this text, \
                 if it is the application's own."
            )),
            Self::Closed(origin) => refusal(format!(
                "This path accepts no other origin, with any setting; the request's origin is {origin}."
            )),
            Self::Allowed(_) => {
                let headers = [
                    (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                    (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
                    (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS),
                ];
                (StatusCode::NO_CONTENT, headers).into_response()
            }
        }
    }
}

fn refusal(detail: String) -> Response {
    ApiError::new(ProblemCode::CrossSite).detail(detail).into_response()
}

/// Whether `request` is a preflight.
pub fn is_preflight(request: &Request<Body>) -> bool {
    let headers = request.headers();
    *request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn is_allowed(edge: &EdgeContext, origin: &str) -> bool {
    let listed = edge.cors_origins.iter().any(|known| known.as_str() == origin);
    listed || (edge.mode == Mode::Development && is_local_page(origin))
}

/// Whether `origin` is a page of this machine: `localhost` or a loopback address, any port.
fn is_local_page(origin: &str) -> bool {
    const NAMES: [&str; 3] = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    let port = NAMES.iter().find_map(|name| origin.strip_prefix(name));
    port.is_some_and(|port| match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    })
}
