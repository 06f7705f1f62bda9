//! What both listeners answer while an older store is migrated: that the process lives, that it is not ready, and how
//! far it has come. Everything else is 503 with `Retry-After`, in the same frame as ever.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    middleware as axum_middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use super::{
    credential::{AuthRefusal, Authenticator, ControlToken},
    error::{ApiError, ProblemCode},
    middleware::frame::{self, RequestFrame},
    route::Listener,
    routes::health::{HealthBody, ReadinessBody, show_liveness},
    services::{EdgeContext, EdgeDependencies},
};
use crate::{
    config::Config,
    http::Json,
    telemetry::migration::MigrationProgress,
    types::{Clock, Entropy, Fault, Principal, limits},
};

type Progress = State<watch::Receiver<MigrationProgress>>;

/// The edge of a process in which nobody can be known yet.
pub fn edge(config: &Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Arc<EdgeContext> {
    let (authenticator, control) = (Arc::new(NoAuthenticator), ControlToken::absent());
    Arc::new(EdgeContext::new(config, EdgeDependencies { clock, entropy, authenticator, control }))
}

/// The router of `listener` until `progress` has come to its end.
pub fn router(listener: Listener, edge: Arc<EdgeContext>, progress: watch::Receiver<MigrationProgress>) -> Router {
    Router::new()
        .route("/health/live", get(show_liveness).fallback(refuse))
        .route("/health/ready", get(show_readiness).fallback(refuse))
        .route("/health", get(show_health).fallback(refuse))
        .fallback(refuse)
        .layer(axum_middleware::from_fn_with_state(RequestFrame { edge, listener }, frame::wrap))
        .with_state(progress)
}

async fn show_readiness(State(progress): Progress) -> Response {
    let progress = *progress.borrow();
    not_yet(Json(ReadinessBody::not_yet(progress.to_string())))
}

async fn show_health(State(progress): Progress) -> Response {
    let progress = *progress.borrow();
    let reason = match progress.name {
        "" => progress.to_string(),
        name => format!("{progress}: {name}"),
    };
    not_yet(Json(HealthBody::without_store(reason)))
}

async fn refuse(State(progress): Progress) -> ApiError {
    let progress = *progress.borrow();
    let detail = format!("The house is {progress}; nothing was done, wait as long as `Retry-After` says.");
    ApiError::new(ProblemCode::Unavailable).detail(detail).retry_after(limits::MIGRATING_RETRY)
}

fn not_yet(body: impl IntoResponse) -> Response {
    let wait = [(header::RETRY_AFTER, limits::MIGRATING_RETRY.as_secs().to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, wait, body).into_response()
}

/// Sessions are in the store, so that nobody can be proven; no route here asks.
struct NoAuthenticator;

impl Authenticator for NoAuthenticator {
    fn authenticate<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Principal, AuthRefusal>> {
        std::future::ready(Err(AuthRefusal::Fault(Fault::Unavailable))).boxed()
    }
}
