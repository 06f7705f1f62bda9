//! `/notifications`: lets operators resume sending.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::notifier::ResumeSending,
    domain::access::Permission,
    http::{
        error::ApiError,
        extract::Json,
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::CallContext,
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Ops, Needs(Permission::Operate), Standard, routes!(resume_notifications))]
}

/// The result of the command.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResumedBody {
    /// Whether sending had been paused.
    resumed: bool,
}

/// Resume sending
///
/// A store that was restored from a snapshot sends nothing until this call, because its original may still send.
#[utoipa::path(
    post, path = "/notifications/resume", operation_id = "resume_notifications", tag = "operations",
    responses((status = 200, description = "Sending is resumed, also after later starts.", body = ResumedBody))
)]
pub async fn resume_notifications(
    State(services): State<EdgeServices>,
    context: CallContext,
) -> Result<Json<ResumedBody>, ApiError> {
    Ok(Json(ResumedBody { resumed: services.notifier.run(context, ResumeSending).await? }))
}
