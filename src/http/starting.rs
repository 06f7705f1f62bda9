//! The answers of both listeners before the program serves: the process is live, it is not ready, and the phase of the
//! start. Every other request gets 503 with `Retry-After`, through the same edge code.

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
    routes::operations::health::{HealthBody, ReadinessBody, show_liveness},
    services::{EdgeContext, EdgeDependencies},
};
use crate::{
    config::Config,
    http::Json,
    telemetry::starting::{MigrationProgress, StartPhase},
    types::{Clock, Entropy, Fault, Principal, limits},
};

type Phase = State<watch::Receiver<StartPhase>>;

/// The edge context while no credential can be verified, because the store is not open.
pub fn edge(config: &Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Arc<EdgeContext> {
    let (authenticator, control) = (Arc::new(NoAuthenticator), ControlToken::absent());
    Arc::new(EdgeContext::new(config, EdgeDependencies { clock, entropy, authenticator, control }))
}

/// The router of `listener` during a start whose phase is `phase`.
pub fn router(listener: Listener, edge: Arc<EdgeContext>, phase: watch::Receiver<StartPhase>) -> Router {
    Router::new()
        .route("/health/live", get(show_liveness).fallback(refuse))
        .route("/health/ready", get(show_readiness).fallback(refuse))
        .route("/health", get(show_health).fallback(refuse))
        .fallback(refuse)
        .layer(axum_middleware::from_fn_with_state(RequestFrame { edge, listener }, frame::wrap))
        .with_state(phase)
}

async fn show_readiness(State(phase): Phase) -> Response {
    let phase = *phase.borrow();
    not_yet(Json(ReadinessBody::not_yet(phase.to_string())))
}

async fn show_health(State(phase): Phase) -> Response {
    let phase = *phase.borrow();
    let reason = match phase {
        StartPhase::Migrating(MigrationProgress { name, .. }) if !name.is_empty() => format!("{phase}: {name}"),
        StartPhase::Opening
        | StartPhase::Locked { .. }
        | StartPhase::Rebuilding { .. }
        | StartPhase::Migrating(MigrationProgress { .. }) => phase.to_string(),
    };
    not_yet(Json(HealthBody::without_store(reason)))
}

async fn refuse(State(phase): Phase) -> ApiError {
    let phase = *phase.borrow();
    let detail = format!("The server is {phase}; nothing was done; wait for `Retry-After`.");
    ApiError::new(ProblemCode::Unavailable).detail(detail).retry_after(limits::STARTING_RETRY)
}

fn not_yet(body: impl IntoResponse) -> Response {
    let wait = [(header::RETRY_AFTER, limits::STARTING_RETRY.as_secs().to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, wait, body).into_response()
}

/// Refuses every token: sessions are in the store, which is not open. No route here needs a caller.
struct NoAuthenticator;

impl Authenticator for NoAuthenticator {
    fn authenticate<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Principal, AuthRefusal>> {
        std::future::ready(Err(AuthRefusal::Fault(Fault::Unavailable))).boxed()
    }
}
