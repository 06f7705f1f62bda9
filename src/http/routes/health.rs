//! `/health`: is it alive, may it be sent requests, and what is wrong.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::Json;

/// The answer to whether the process turns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Liveness {
    /// Always `up`: a process that does not turn does not answer.
    #[schema(example = "up")]
    status: &'static str,
}

/// Whether the process turns
///
/// Never touches the store: for the supervisor that restarts a process that hangs.
#[utoipa::path(
    get, path = "/health/live", operation_id = "show_liveness", tag = "health",
    responses((status = 200, description = "The process turns.", body = Liveness))
)]
pub async fn show_liveness() -> Json<Liveness> {
    Json(Liveness { status: "up" })
}
