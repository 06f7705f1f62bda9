//! `/actors`: the tree as it is now, for operators.

use axum::extract::State;

use crate::{
    actors::operations::RestartRefusal,
    http::{
        cursor::Binding,
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json, Path, Query},
        fields::{Fields, FromFields},
        services::EdgeServices,
    },
    telemetry::actors::{ActorReport, ActorsReport},
    types::CallContext,
};

impl From<RestartRefusal> for ApiError {
    fn from(refusal: RestartRefusal) -> Self {
        match refusal {
            RestartRefusal::NotFound => Self::new(ProblemCode::NotFound),
            RestartRefusal::IsGroup => {
                Self::new(ProblemCode::StatusConflict).detail("It is a group: restart one of its children.")
            }
            RestartRefusal::Stopping => Self::new(ProblemCode::StatusConflict).detail("It is about to stop."),
        }
    }
}

/// The parameters of the list.
pub struct ActorsQuery {
    cursor: Option<String>,
}

impl FromFields for ActorsQuery {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let cursor = query.optional("cursor").text(|text| Ok(text.to_owned()));
        Some(Self { cursor: cursor? })
    }
}

/// All actors
///
/// Ordered by path, in pages; served without sending any actor a message, so that it works when actors are stuck.
#[utoipa::path(
    get, path = "/actors", operation_id = "list_actors", tag = "operations",
    params(("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "One page, and the totals of all.", body = ActorsReport))
)]
pub async fn list_actors(
    State(services): State<EdgeServices>,
    Query(query): Query<ActorsQuery>,
) -> Result<Json<ActorsReport>, ApiError> {
    let list = Binding::new("/actors", []);
    let after = query.cursor.map(|cursor| list.open(&cursor)).transpose()?;
    let after = after.map(String::from_utf8).transpose().map_err(|_| ApiError::new(ProblemCode::InvalidCursor))?;
    let mut page = services.operations.actors(after.as_deref());
    page.next_cursor = page.next_cursor.map(|path| list.seal(path.as_bytes()));
    Ok(Json(page))
}

/// One actor
#[utoipa::path(
    get, path = "/actors/{path}", operation_id = "show_actor", tag = "operations",
    params(("path" = String, Path, description = "Where it is in the tree, slashes included.")),
    responses((status = 200, description = "How it is.", body = ActorReport))
)]
pub async fn show_actor(
    State(services): State<EdgeServices>,
    Path(path): Path<String>,
) -> Result<Json<ActorReport>, ApiError> {
    services.operations.actor(&path).map(Json).ok_or_else(|| ApiError::new(ProblemCode::NotFound))
}

/// Restart an actor
///
/// It finishes what it took and starts again; that does not count towards its limit of restarts.
#[utoipa::path(
    post, path = "/actors/{path}/restart", operation_id = "restart_actor", tag = "operations",
    params(("path" = String, Path, description = "Where it is in the tree, slashes included.")),
    responses(
        (status = 202, description = "It was told to; how it is at this moment.", body = ActorReport),
        (status = 409, description = "It is a group, or about to stop."),
    )
)]
pub async fn restart_actor(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(path): Path<String>,
) -> Result<Accepted<ActorReport>, ApiError> {
    let nothing_there = || ApiError::new(ProblemCode::NotFound);
    let path = path.strip_suffix("/restart").ok_or_else(nothing_there)?;
    services.operations.restart(path, context).await?;
    services.operations.actor(path).map(Accepted).ok_or_else(nothing_there)
}
