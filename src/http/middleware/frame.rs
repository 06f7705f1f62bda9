//! The outermost layer: gives each request its id and context, and each answer its headers; a panic becomes an answer
//! too.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::Instrument;

use super::{
    cors::{Cors, is_preflight},
    gate,
};
use crate::{
    config::Mode,
    http::{
        context::{Peer, REQUEST_ID, RequestOrigin},
        error::{ApiError, ProblemCode, ProblemContext},
        route::Listener,
        services::EdgeContext,
        trust::{ForwardedHeaders, PeerKind, Transport},
    },
    telemetry::metrics::http::AnsweredRequest,
    types::Outcome,
};

/// The default headers of every answer; a handler may set other values.
pub const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "origin"),
];

/// The dependencies of the outermost layer of a listener.
#[derive(Clone)]
pub struct RequestFrame {
    /// The context that all requests share.
    pub edge: Arc<EdgeContext>,
    /// The listener that received the requests.
    pub listener: Listener,
}

/// Processes a request: its id, its checks before routing, its answer's headers, metrics and log line.
pub async fn wrap(State(frame): State<RequestFrame>, mut request: Request, next: Next) -> Response {
    let edge = &*frame.edge;
    let began = edge.clock.instant();
    let peer = request.extensions().get::<Peer>().copied();
    let origin = RequestOrigin::read(request.headers(), peer, &edge.proxies, edge.clock.now(), &*edge.entropy);
    let path = request.uri().path().to_owned();
    // Probes of a balancer, and requests of operators on this machine, are not sent for a client.
    let is_scrape = edge.shows_metrics_to_all(frame.listener, &path);
    let is_of_client = frame.listener == Listener::Public && !is_probe(&path) && !is_scrape;
    if is_of_client || origin.forwarded.headers == ForwardedHeaders::Untrusted {
        edge.note_proxy(origin.forwarded, origin.peer);
    }
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let cors = Cors::judge(edge, frame.listener, &request);
    let span = tracing::info_span!("request", request_id = %origin.request_id);
    request.extensions_mut().insert(origin.clone());

    let is_plain = is_of_client && is_past_proxy(edge, &origin);
    let answering = async {
        match (is_plain, is_preflight(&request)) {
            (true, _) => gate::refuse_unrouted(edge, &origin, ApiError::new(ProblemCode::HttpsRequired)),
            (false, true) => cors.preflight(),
            (false, false) => next.run(request).await,
        }
    };
    let answered = AssertUnwindSafe(answering).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let response = answered.unwrap_or_else(|panic| panicked(&*panic));

    let code = response.extensions().get::<ApiError>().map(|error| error.code().row().code);
    let mut response = place_problem(edge.problem_base(frame.listener), &origin, &path, response);
    cors.write(response.headers_mut());
    write_headers(&origin, response.headers_mut());
    let took = edge.clock.instant().saturating_duration_since(began);
    let status = response.status().as_u16();
    edge.metrics.note(AnsweredRequest { method: method.as_str(), route: route.as_deref(), status, code, took });
    log(&origin, &method, route.as_deref(), (response.status(), took));
    response
}

/// Whether the path is a health check, which balancers and supervisors request directly.
pub(crate) fn is_probe(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/")
}

/// Whether a request reached production without TLS: only the trusted proxies terminate TLS.
fn is_past_proxy(edge: &EdgeContext, origin: &RequestOrigin) -> bool {
    match edge.mode {
        Mode::Production => origin.forwarded.peer == PeerKind::Untrusted,
        Mode::Development => false,
    }
}

/// The answer after a panic of the handler. The outcome is unknown, because the panic may have followed a change.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "a handler panicked");
    ApiError::new(ProblemCode::Internal).outcome(Outcome::Unknown).into_response()
}

/// Adds the path and the request id to a problem document.
fn place_problem(base: &str, origin: &RequestOrigin, path: &str, mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let at = ProblemContext { base, instance: path, request_id: &origin.request_id };
    let mut placed = error.answer(at);
    // Headers that inner layers have added, such as the rate limit's, stay.
    for (name, value) in response.headers() {
        if !placed.headers().contains_key(name) && *name != header::CONTENT_LENGTH {
            placed.headers_mut().append(name, value.clone());
        }
    }
    placed
}

/// Adds the headers of every answer; a handler's own values stay.
fn write_headers(origin: &RequestOrigin, headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    match origin.forwarded.transport {
        Transport::Plain => {}
        Transport::Tls => {
            let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
            headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(two_years);
        }
    }
    if let Ok(id) = HeaderValue::from_str(&origin.request_id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// Logs a request in one line: the caller, the client's address and the route's template, but not the path, the query
/// or a header.
fn log(origin: &RequestOrigin, method: &Method, route: Option<&str>, (status, took): (StatusCode, Duration)) {
    let route = route.unwrap_or("(none)");
    let is_bad = status.is_server_error();
    let (principal, status) = (origin.principal(), status.as_u16());
    let client = origin.client().map_or_else(|| "unknown".to_owned(), |client| client.to_string());
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if is_bad {
        tracing::warn!(target: "majordomo::access", %method, route, status, took_ms, %client, %principal, "answered");
    } else {
        tracing::info!(target: "majordomo::access", %method, route, status, took_ms, %client, %principal, "answered");
    }
}
