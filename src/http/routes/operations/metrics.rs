//! `/metrics`: figures for Prometheus.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use utoipa_axum::routes;

use crate::{
    domain::access::Permission,
    http::{
        error::{ApiError, ProblemCode},
        extract::Query,
        route::{Access::Needs, Class::Standard, On::Both, Route, row},
        services::EdgeServices,
    },
    telemetry::metrics,
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Both, Needs(Permission::ReadOperations), Standard, routes!(show_metrics))]
}

/// Metrics
///
/// In the text format of Prometheus, version 0.0.4. With `edge.metrics_public` the public listener answers too, and
/// asks for no credential.
#[utoipa::path(
    get, path = "/metrics", operation_id = "show_metrics", tag = "operations",
    responses((
        status = 200, description = "Every metric.", body = String, content_type = "text/plain",
        example = "# TYPE http_requests_total counter",
    ))
)]
pub async fn show_metrics(State(services): State<EdgeServices>, Query(()): Query<()>) -> Result<Response, ApiError> {
    let figures = services.operations.figures(&services.auth).await;
    let text = metrics::text(&services.edge.metrics, &figures).map_err(|_| ApiError::new(ProblemCode::Internal))?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response())
}
