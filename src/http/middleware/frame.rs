//! The outermost layer: a request gets its id and context, its answer gets headers, and nothing escapes unanswered.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::Instrument;

use crate::{
    http::{
        context::{Origin, Peer, REQUEST_ID},
        error::{ApiError, Code, Occurrence},
        services::Edge,
    },
    types::Outcome,
};

/// Wraps everything else.
pub async fn wrap(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let origin = Origin::read(request.headers(), peer, &edge.proxies, edge.clock.now(), &*edge.entropy);
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request_id = %origin.request_id);
    request.extensions_mut().insert(origin.clone());

    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let response = span.in_scope(|| answered.unwrap_or_else(|panic| panicked(&*panic)));

    let mut response = place_problem(&edge, &origin, &path, response);
    if let Ok(id) = HeaderValue::from_str(&origin.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A handler that panicked may have changed something before.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "a handler panicked");
    ApiError::new(Code::Internal).outcome(Outcome::Unknown).into_response()
}

/// Writes where a problem arose into its document.
fn place_problem(edge: &Edge, origin: &Origin, path: &str, mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else { return response };
    let at = Occurrence { base: &edge.public_url, instance: path, request_id: &origin.request_id };
    error.answer(at)
}
