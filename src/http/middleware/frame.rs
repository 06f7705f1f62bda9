//! The outermost layer: a request gets its id and context, its answer gets headers, and nothing escapes unanswered.

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

/// Headers of every answer that says nothing else.
pub const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "origin"),
];

/// What the outermost layer of a listener knows.
#[derive(Clone)]
pub struct RequestFrame {
    /// What all requests need.
    pub edge: Arc<EdgeContext>,
    /// Which listener it is.
    pub listener: Listener,
}

/// Wraps everything else.
pub async fn wrap(State(frame): State<RequestFrame>, mut request: Request, next: Next) -> Response {
    let edge = &*frame.edge;
    let began = edge.clock.instant();
    let peer = request.extensions().get::<Peer>().copied();
    let origin = RequestOrigin::read(request.headers(), peer, &edge.proxies, edge.clock.now(), &*edge.entropy);
    let path = request.uri().path().to_owned();
    // A balancer's own probes, and operators on this machine, have no client to name.
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
    let mut response = place_problem(edge, &origin, &path, response);
    cors.write(response.headers_mut());
    write_headers(&origin, response.headers_mut());
    let took = edge.clock.instant().saturating_duration_since(began);
    let status = response.status().as_u16();
    edge.metrics.note(AnsweredRequest { method: method.as_str(), route: route.as_deref(), status, code, took });
    log(&origin, &method, route.as_deref(), (response.status(), took));
    response
}

/// Whether the path is one of health, which balancers and supervisors ask for directly.
fn is_probe(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/")
}

/// Whether a request reached production in the clear: TLS ends at the proxies that are trusted.
fn is_past_proxy(edge: &EdgeContext, origin: &RequestOrigin) -> bool {
    match edge.mode {
        Mode::Production => origin.forwarded.peer == PeerKind::Untrusted,
        Mode::Development => false,
    }
}

/// A handler that panicked may have changed something before.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "a handler panicked");
    ApiError::new(ProblemCode::Internal).outcome(Outcome::Unknown).into_response()
}

/// Writes where a problem arose into its document.
fn place_problem(edge: &EdgeContext, origin: &RequestOrigin, path: &str, mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let at = ProblemContext { base: &edge.public_url, instance: path, request_id: &origin.request_id };
    let mut placed = error.answer(at);
    // Layers between the handler and here may have added headers (limits); they stay.
    for (name, value) in response.headers() {
        if !placed.headers().contains_key(name) && *name != header::CONTENT_LENGTH {
            placed.headers_mut().append(name, value.clone());
        }
    }
    placed
}

/// Headers of every answer; what a handler set itself stays.
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

/// One line for each request: who asked and from where, and the route's template, never the path, a query or a header.
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
