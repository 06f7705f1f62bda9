//! `/health`: liveness, readiness, and the state of each service. Service names are in every answer, reasons only in
//! answers to operators.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::operations::NotReady,
    http::{
        context::Insight,
        error::{ApiError, ProblemCode},
        extract::{Json, Path, Query},
        route::{Access::Anonymous, Class::Exempt, On::Both, Route, row},
        services::EdgeServices,
    },
    telemetry::health::{Details, HealthStatus, ServiceHealth},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Both, Anonymous, Exempt, routes!(show_health)).takes_bearer(),
        row(Both, Anonymous, Exempt, routes!(show_liveness)),
        row(Both, Anonymous, Exempt, routes!(show_readiness)).takes_bearer(),
        row(Both, Anonymous, Exempt, routes!(show_service_health)).takes_bearer(),
    ]
}

/// The answer of the liveness check.
#[derive(Debug, Serialize, ToSchema)]
pub struct LivenessBody {
    /// Always `up`: a process that hangs does not answer.
    #[schema(value_type = LiveStatus)]
    status: &'static str,
}

/// The status of a live process.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LiveStatus {
    /// It answers.
    Up,
}

/// The answer of the readiness check.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadinessBody {
    /// Whether the process accepts requests.
    ready: bool,
    /// The reasons if it does not; for operators. Before the store is open, every caller gets the one reason:
    /// `opening`,
    /// `opening: locked by process 4711`, `rebuilding 37%` or `migrating 37%`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["rebuilding 37%"]))]
    reasons: Vec<String>,
}

/// The health of the process.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthBody {
    /// The worst status of all services.
    status: HealthStatus,
    /// The services in start order, then the events, mail and the clock.
    services: Vec<ServiceBody>,
}

/// The health of one service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceBody {
    /// The name of the service.
    #[schema(example = "auth")]
    name: String,
    /// The status of the service.
    status: HealthStatus,
    /// The reasons of a status other than `up`; for operators.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["starting"]))]
    reasons: Vec<String>,
    /// The service's metrics, if any; for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Details)]
    details: Option<Details>,
}

impl ReadinessBody {
    /// The process is not ready. Every client gets the reason, because no operator can sign in yet.
    pub(in crate::http) fn not_yet(reason: String) -> Self {
        Self { ready: false, reasons: vec![reason] }
    }
}

impl HealthBody {
    /// The health of a process whose store is not open.
    pub(in crate::http) fn without_store(reason: String) -> Self {
        let status = HealthStatus::Down;
        let store = ServiceBody { name: "store".to_owned(), status, reasons: vec![reason], details: None };
        Self { status, services: vec![store] }
    }
}

/// Liveness
///
/// Does not use the store. For a process supervisor that restarts a hanging process.
#[utoipa::path(
    get, path = "/health/live", operation_id = "show_liveness", tag = "health",
    responses((status = 200, description = "The process is live.", body = LivenessBody))
)]
pub async fn show_liveness() -> Json<LivenessBody> {
    Json(LivenessBody { status: "up" })
}

/// Readiness
///
/// Ready means: the store accepts a write within a deadline, no service is down, and the process is not stopping. For
/// load balancers. While the store is opened, rebuilt or migrated, the answer is 503 with `Retry-After` and the
/// progress in `reasons`; `/health/live` answers 200.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "show_readiness", tag = "health",
    responses(
        (status = 200, description = "They may.", body = ReadinessBody),
        (status = 503, description = "The process is not ready; `reasons` has the progress of a start.",
            body = ReadinessBody),
    )
)]
pub async fn show_readiness(State(services): State<EdgeServices>, insight: Insight) -> Response {
    let reasons = services.operations.not_ready().await;
    let ready = reasons.is_empty();
    let reasons = match insight {
        Insight::Shallow => Vec::new(),
        Insight::Full => reasons.iter().map(described).collect(),
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadinessBody { ready, reasons })).into_response()
}

fn described(reason: &NotReady) -> String {
    match reason {
        NotReady::Starting => "starting".to_owned(),
        NotReady::Draining => "draining".to_owned(),
        NotReady::Store(fault) => format!("store takes no write: {fault}"),
        NotReady::Service(name) => format!("{name} is down"),
    }
}

/// The health of all services
///
/// One entry per service.
#[utoipa::path(
    get, path = "/health", operation_id = "show_health", tag = "health",
    responses(
        (status = 200, description = "The process works, at least in part.", body = HealthBody),
        (status = 503, description = "A service is down.", body = HealthBody),
    )
)]
pub async fn show_health(State(services): State<EdgeServices>, insight: Insight, Query(()): Query<()>) -> Response {
    let lines = lines(&services).await;
    let status = lines.iter().map(|service| service.status).max().unwrap_or(HealthStatus::Up);
    let services = lines.into_iter().map(|service| seen(service, insight)).collect();
    (status_code(status), Json(HealthBody { status, services })).into_response()
}

/// The health of one service
///
/// `notifications` and `payments` are aliases of `notifier` and `payment`.
#[utoipa::path(
    get, path = "/health/{service}", operation_id = "show_service_health", tag = "health",
    params((
        "service" = String, Path,
        description = "The service's name, as in `/health`.", min_length = 1, example = "store")),
    responses(
        (status = 200, description = "The service works, at least in part.", body = ServiceBody),
        (status = 503, description = "The service is down.", body = ServiceBody),
    )
)]
pub async fn show_service_health(
    State(services): State<EdgeServices>,
    insight: Insight,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let name = service_of(&name);
    let found = lines(&services).await.into_iter().find(|service| service.name == name);
    let service = found.ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    Ok((status_code(service.status), Json(seen(service, insight))).into_response())
}

/// The service that a path name means. A service that does not exist is not found by its alias either.
fn service_of(name: &str) -> &str {
    match name {
        "notifications" => "notifier",
        "payments" => "payment",
        name => name,
    }
}

/// The health of the services, and of the edge itself.
async fn lines(services: &EdgeServices) -> Vec<ServiceHealth> {
    const NAME: &str = "edge";
    let mut lines = services.operations.health().await.services;
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
