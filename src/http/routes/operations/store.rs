//! `/store/compact`: a smaller file of the tree while the server runs, for `majordomo store compact`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::operations::CompactRefusal,
    domain::access::Permission,
    http::{
        error::{ApiError, ProblemCode},
        extract::Json,
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::CallContext,
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Ops, Needs(Permission::Operate), Standard, routes!(compact_store)).streams()]
}

/// The compacted tree.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreCompacted {
    /// Bytes of the replaced tree on disk.
    #[schema(example = 3_221_225_472_u64)]
    bytes_before: u64,
    /// Bytes of the new tree on disk.
    #[schema(example = 402_653_184)]
    bytes_after: u64,
    /// Milliseconds that it took.
    took_ms: u64,
}

impl From<CompactRefusal> for ApiError {
    fn from(refusal: CompactRefusal) -> Self {
        match refusal {
            CompactRefusal::Running => Self::new(ProblemCode::Conflict).detail("The tree is being rebuilt already."),
            CompactRefusal::InMemory => Self::new(ProblemCode::Conflict).detail("The tree of this store is in memory."),
            CompactRefusal::NotDone(reason) => Self::new(ProblemCode::Unavailable).detail(reason),
        }
    }
}

/// Compact the store
///
/// Rebuilds the tree beside the present one, from the newest snapshot and the journal, and replaces it. Reads and
/// writes continue during the call; `GET /health/store` has the progress. Needs free space for a second tree.
#[utoipa::path(
    post, path = "/store/compact", operation_id = "compact_store", tag = "operations",
    responses(
        (status = 200, description = "The tree is replaced, and the files of the old one are removed.",
            body = StoreCompacted),
        (status = 409, description = "The tree is being rebuilt already, or is in memory."),
    )
)]
pub async fn compact_store(
    State(services): State<EdgeServices>,
    context: CallContext,
) -> Result<Json<StoreCompacted>, ApiError> {
    let done = services.operations.compact_store(context).await?;
    let took_ms = u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(StoreCompacted { bytes_before: done.bytes_before, bytes_after: done.bytes_after, took_ms }))
}
