//! `/health`: is it alive, may it be sent requests, and what is wrong. Names of services for everybody, reasons for
//! operators.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    actors::operations::NotReady,
    http::{
        context::Insight,
        error::{ApiError, ProblemCode},
        extract::{Json, Path, Query},
        services::EdgeServices,
    },
    telemetry::health::{Details, HealthStatus, ServiceHealth},
};

/// The answer to whether the process turns.
#[derive(Debug, Serialize, ToSchema)]
pub struct LivenessBody {
    /// Always `up`: a process that does not turn does not answer.
    #[schema(example = "up")]
    status: &'static str,
}

/// The answer to whether requests may come.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadinessBody {
    /// Whether they may.
    ready: bool,
    /// What speaks against it; for operators.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

/// How well the house is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthBody {
    /// The worst of the services.
    status: HealthStatus,
    /// The services in the order in which they are started, then the events, mail and the clock.
    services: Vec<ServiceBody>,
}

/// How well one service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceBody {
    /// Its name.
    #[schema(example = "auth")]
    name: String,
    /// How well it is.
    status: HealthStatus,
    /// Which part of it is not well, and why; for operators.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// Its figures, if it has some; for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

impl ReadinessBody {
    /// Requests may not come yet. The reason is for everybody: nobody can prove to be an operator yet.
    pub(in crate::http) fn not_yet(reason: String) -> Self {
        Self { ready: false, reasons: vec![reason] }
    }
}

impl HealthBody {
    /// Of a house whose store, and so all else, is not there yet.
    pub(in crate::http) fn without_store(reason: String) -> Self {
        let status = HealthStatus::Down;
        let store = ServiceBody { name: "store".to_owned(), status, reasons: vec![reason], details: None };
        Self { status, services: vec![store] }
    }
}

/// Does the process turn?
///
/// Never touches the store: for the supervisor that restarts a process that hangs.
#[utoipa::path(
    get, path = "/health/live", operation_id = "show_liveness", tag = "health",
    responses((status = 200, description = "The process turns.", body = LivenessBody))
)]
pub async fn show_liveness() -> Json<LivenessBody> {
    Json(LivenessBody { status: "up" })
}

/// May requests come?
///
/// The store takes a write within a deadline, no service is down, and the process is not about to end: for load
/// balancers.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "show_readiness", tag = "health",
    responses(
        (status = 200, description = "They may.", body = ReadinessBody),
        (status = 503, description = "They should go elsewhere.", body = ReadinessBody),
    )
)]
pub async fn show_readiness(State(services): State<EdgeServices>, insight: Insight) -> Response {
    let reasons = services.operations.not_ready().await;
    let ready = reasons.is_empty();
    let reasons = match insight {
        Insight::Shallow => Vec::new(),
        Insight::Full => reasons.iter().map(told).collect(),
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadinessBody { ready, reasons })).into_response()
}

fn told(reason: &NotReady) -> String {
    match reason {
        NotReady::Starting => "starting".to_owned(),
        NotReady::Draining => "draining".to_owned(),
        NotReady::Store(fault) => format!("store takes no write: {fault}"),
        NotReady::Service(name) => format!("{name} is down"),
    }
}

/// How well is the house?
///
/// One line for each service.
#[utoipa::path(
    get, path = "/health", operation_id = "show_health", tag = "health",
    responses(
        (status = 200, description = "It works, if only in part.", body = HealthBody),
        (status = 503, description = "A service is down.", body = HealthBody),
    )
)]
pub async fn show_health(State(services): State<EdgeServices>, insight: Insight, Query(()): Query<()>) -> Response {
    let lines = lines(&services);
    let status = lines.iter().map(|service| service.status).max().unwrap_or(HealthStatus::Up);
    let services = lines.into_iter().map(|service| seen(service, insight)).collect();
    (status_code(status), Json(HealthBody { status, services })).into_response()
}

/// How well is one service?
///
/// `notifications` and `payments` are other names of `notifier` and `payment`.
#[utoipa::path(
    get, path = "/health/{service}", operation_id = "show_service_health", tag = "health",
    params(("service" = String, Path, description = "Its name, as in `/health`.")),
    responses(
        (status = 200, description = "It works, if only in part.", body = ServiceBody),
        (status = 503, description = "It is down.", body = ServiceBody),
    )
)]
pub async fn show_service_health(
    State(services): State<EdgeServices>,
    insight: Insight,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let name = service_of(&name);
    let found = lines(&services).into_iter().find(|service| service.name == name);
    let service = found.ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    Ok((status_code(service.status), Json(seen(service, insight))).into_response())
}

/// The service that a name in the path means. A service that is not there is not found by either of its names.
fn service_of(name: &str) -> &str {
    match name {
        "notifications" => "notifier",
        "payments" => "payment",
        name => name,
    }
}

/// What the kit says of the services, and what the edge knows of itself.
fn lines(services: &EdgeServices) -> Vec<ServiceHealth> {
    const NAME: &str = "edge";
    let mut lines = services.operations.health().services;
    let reasons = services.edge.health_reasons();
    if !reasons.is_empty() {
        match lines.iter_mut().find(|service| service.name == NAME) {
            Some(edge) => {
                edge.status = edge.status.max(HealthStatus::Degraded);
                edge.reasons.extend(reasons);
            }
            None => lines.push(ServiceHealth {
                name: NAME.to_owned(),
                status: HealthStatus::Degraded,
                reasons,
                details: None,
            }),
        }
    }
    lines
}

fn seen(service: ServiceHealth, insight: Insight) -> ServiceBody {
    let (reasons, details) = match insight {
        Insight::Shallow => (Vec::new(), None),
        Insight::Full => (service.reasons, service.details),
    };
    ServiceBody { name: service.name, status: service.status, reasons, details }
}

fn status_code(status: HealthStatus) -> StatusCode {
    match status {
        HealthStatus::Up | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::Down => StatusCode::SERVICE_UNAVAILABLE,
    }
}
