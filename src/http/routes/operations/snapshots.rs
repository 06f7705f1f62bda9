//! `/snapshots`: copies of the store while the server runs, for `majordomo snapshot create`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::operations::{SnapshotForm, SnapshotRefusal, SnapshotTaken},
    domain::access::Permission,
    http::{
        error::{ApiError, ProblemCode},
        extract::Json,
        fields::{Fields, FromFields, line},
        openapi::forms::FileForm,
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, Invalid, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Ops, Needs(Permission::Operate), Standard, routes!(create_snapshot)).streams()]
}

/// The target of the snapshot.
#[derive(Debug, ToSchema)]
pub struct SnapshotBody {
    /// The file to write; it must not exist.
    #[schema(value_type = FileForm)]
    file: String,
    /// Whether the file is not sealed. Everyone who reads such a file reads names, addresses and password hashes.
    #[schema(default = false)]
    plain: Option<bool>,
}

impl FromFields for SnapshotBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let file = body.required("file").text(line(limits::FILE_PATH_MAX));
        let plain = body.optional("plain").boolean();
        Some(Self { file: file?, plain: plain? })
    }
}

/// The snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotMade {
    /// The number of the last commit in the snapshot.
    commit: u64,
    /// The number of keys.
    keys: u64,
    /// The size of the file in bytes.
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
            SnapshotRefusal::NotAbsolute => no_file("not_absolute", "must be an absolute path"),
            SnapshotRefusal::IsThere => no_file("is_there", "is there already"),
            SnapshotRefusal::NoPlace(reason) => no_file("no_place", reason),
            SnapshotRefusal::InMemory => Self::new(ProblemCode::Conflict).detail("A store in memory has no snapshots."),
            SnapshotRefusal::NotWritten(reason) => Self::new(ProblemCode::Unavailable).detail(reason),
        }
    }
}

/// Take a snapshot
///
/// Writes continue during the call. The snapshot is sealed under the key ring and does not contain it: keep a separate
/// copy of the key ring, without which no snapshot can be restored.
#[utoipa::path(
    post, path = "/snapshots", operation_id = "create_snapshot", tag = "operations", request_body = SnapshotBody,
    responses(
        (status = 200, description = "The snapshot is on disk.", body = SnapshotMade),
        (status = 409, description = "The store is in memory, which has no snapshots."),
    )
)]
pub async fn create_snapshot(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<SnapshotBody>,
) -> Result<Json<SnapshotMade>, ApiError> {
    let form = if body.plain == Some(true) { SnapshotForm::Plain } else { SnapshotForm::Sealed };
    let taken = services.operations.snapshot(context, (body.file.into(), form)).await?;
    Ok(Json(taken.into()))
}
