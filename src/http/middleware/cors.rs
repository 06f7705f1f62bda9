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
};

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
const SENT: &str = "authorization, content-type, idempotency-key, if-match, x-request-id, traceparent";
const READ: &str = "etag, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id";
const REMEMBERED_SECONDS: &str = "600";

/// What a request's `Origin` amounts to.
#[derive(Debug, Clone)]
pub enum Cors {
    /// Not from another origin's script, or from one that may not.
    Nothing,
    /// From a script of this origin, which may read the answer.
    Allowed(HeaderValue),
}

impl Cors {
    /// Judges `request`. The ops listener and `/dev/*` are for no other origin.
    pub fn judge(edge: &EdgeContext, listener: Listener, request: &Request<Body>) -> Self {
        let closed = listener == Listener::Ops || request.uri().path().starts_with("/dev/");
        let origin = request.headers().get(header::ORIGIN).filter(|_| !closed);
        match origin {
            Some(value) if value.to_str().is_ok_and(|origin| is_allowed(edge, origin)) => Self::Allowed(value.clone()),
            Some(_) | None => Self::Nothing,
        }
    }

    /// Adds what lets the script read the answer.
    pub fn write(&self, headers: &mut HeaderMap) {
        match self {
            Self::Nothing => {}
            Self::Allowed(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
            }
        }
    }

    /// The answer to a preflight.
    pub fn preflight(&self) -> Response {
        match self {
            Self::Nothing => ApiError::new(ProblemCode::CrossSite).into_response(),
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

/// Whether `request` only asks what it may send.
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

/// `http://localhost` with any port.
fn is_local_page(origin: &str) -> bool {
    match origin.strip_prefix("http://localhost") {
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok()),
        None => false,
    }
}
