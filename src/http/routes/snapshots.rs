//! `/snapshots`: copies of the store while the server runs, for `majordomo snapshot create`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    actors::operations::{SnapshotRefusal, SnapshotTaken},
    http::{
        error::{ApiError, ProblemCode},
        extract::Json,
        fields::{Fields, FromFields, line},
        services::EdgeServices,
    },
    types::{CallContext, Invalid, limits},
};

/// Where to.
#[derive(Debug, ToSchema)]
pub struct SnapshotBody {
    /// The file on the server's machine, from the root; it must not be there yet.
    #[schema(example = "/var/backups/majordomo.snapshot")]
    file: String,
}

impl FromFields for SnapshotBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        Some(Self { file: body.required("file").text(line(limits::FILE_PATH_MAX))? })
    }
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotMade {
    /// The commit at which it is exact.
    commit: u64,
    /// Keys in it.
    keys: u64,
    /// Bytes of the file.
    bytes: u64,
}

impl From<SnapshotTaken> for SnapshotMade {
    fn from(taken: SnapshotTaken) -> Self {
        let SnapshotTaken { commit, keys, bytes } = taken;
        Self { commit, keys, bytes }
    }
}

fn no_file(code: &'static str, why: &'static str) -> ApiError {
    ApiError::invalid(vec![Invalid::new(code, why).at("/file")])
}

impl From<SnapshotRefusal> for ApiError {
    fn from(refusal: SnapshotRefusal) -> Self {
        match refusal {
            SnapshotRefusal::NotAbsolute => no_file("not_absolute", "must be named from the root"),
            SnapshotRefusal::IsThere => no_file("is_there", "is there already"),
            SnapshotRefusal::NoPlace(reason) => no_file("no_place", reason),
            SnapshotRefusal::InMemory => Self::new(ProblemCode::Conflict).detail("A store in memory has no snapshots."),
            SnapshotRefusal::NotWritten(reason) => Self::new(ProblemCode::Unavailable).detail(reason),
        }
    }
}

/// Take a snapshot
///
/// Writing goes on meanwhile. The key ring is never part of a snapshot: keep a copy of it apart.
#[utoipa::path(
    post, path = "/snapshots", operation_id = "create_snapshot", tag = "operations", request_body = SnapshotBody,
    responses(
        (status = 200, description = "It is on disk.", body = SnapshotMade),
        (status = 409, description = "The store is in memory, which has no snapshots."),
    )
)]
pub async fn create_snapshot(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<SnapshotBody>,
) -> Result<Json<SnapshotMade>, ApiError> {
    let taken = services.operations.snapshot(context, body.file.into()).await?;
    Ok(Json(taken.into()))
}
