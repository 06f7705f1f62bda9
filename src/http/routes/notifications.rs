//! `/notifications`: for operators, whether what is to be sent is sent.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    actors::notifier::ResumeSending,
    http::{error::ApiError, extract::Json, services::EdgeServices},
    types::CallContext,
};

/// Whether sending goes on again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResumedBody {
    /// Whether sending had been held back.
    resumed: bool,
}

/// Let a restored store send
///
/// A store that was restored from a snapshot sends nothing until this: its original may have sent everything already.
#[utoipa::path(
    post, path = "/notifications/resume", operation_id = "resume_notifications", tag = "operations",
    responses((status = 200, description = "Sending goes on, now and after later starts.", body = ResumedBody))
)]
pub async fn resume_notifications(
    State(services): State<EdgeServices>,
    context: CallContext,
) -> Result<Json<ResumedBody>, ApiError> {
    Ok(Json(ResumedBody { resumed: services.notifier.run(context, ResumeSending).await? }))
}
