//! `/actors`: the current actor tree, for operators.

use axum::extract::State;
use utoipa_axum::routes;

use crate::{
    actors::operations::RestartRefusal,
    domain::access::Permission,
    http::{
        cursor::Binding,
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json, Path, Query},
        fields::{Fields, FromFields},
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    telemetry::actors::{ActorReport, ActorsReport},
    types::CallContext,
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Ops, Needs(Permission::ReadOperations), Standard, routes!(list_actors)),
        row(Ops, Needs(Permission::ReadOperations), Standard, routes!(show_actor)).mounted_at("/actors/{*path}"),
        row(Ops, Needs(Permission::Operate), Standard, routes!(restart_actor)).mounted_at("/actors/{*path}"),
    ]
}

impl From<RestartRefusal> for ApiError {
    fn from(refusal: RestartRefusal) -> Self {
        match refusal {
            RestartRefusal::NotFound => Self::new(ProblemCode::NotFound),
            RestartRefusal::IsGroup => {
                Self::new(ProblemCode::StatusConflict).detail("The actor is a group: restart one of its children.")
            }
            RestartRefusal::Stopping => Self::new(ProblemCode::StatusConflict).detail("The actor is stopping."),
        }
    }
}

/// The end of a path that restarts an actor; no actor's path ends with it.
const RESTART: &str = "/restart";

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

/// List all actors
///
/// Ordered by path, in pages. The call sends no message to any actor, so it works while actors are stuck.
#[utoipa::path(
    get, path = "/actors", operation_id = "list_actors", tag = "operations",
    params(("cursor" = Option<String>, Query, description = "`nextCursor` of the previous page.")),
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

/// Show one actor
#[utoipa::path(
    get, path = "/actors/{path}", operation_id = "show_actor", tag = "operations",
    params(("path" = String, Path, description = "The actor's path in the tree, with slashes.", min_length = 1, example = "auth")),
    responses((status = 200, description = "The actor's state.", body = ActorReport))
)]
pub async fn show_actor(
    State(services): State<EdgeServices>,
    Path(path): Path<String>,
) -> Result<Json<ActorReport>, ApiError> {
    if path.ends_with(RESTART) {
        return Err(ApiError::method_not_allowed("POST"));
    }
    services.operations.actor(&path).map(Json).ok_or_else(|| ApiError::new(ProblemCode::NotFound))
}

/// Restart an actor
///
/// The actor finishes its current message and starts again. This does not count towards its restart limit.
#[utoipa::path(
    post, path = "/actors/{path}/restart", operation_id = "restart_actor", tag = "operations",
    params(("path" = String, Path, description = "The actor's path in the tree, with slashes.", min_length = 1, example = "auth")),
    responses(
        (status = 202, description = "The restart was requested; the actor's current state.", body = ActorReport),
        (status = 409, description = "The actor is a group, or it is stopping."),
    )
)]
pub async fn restart_actor(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(path): Path<String>,
) -> Result<Accepted<ActorReport>, ApiError> {
    let nothing_there = || ApiError::new(ProblemCode::NotFound);
    let path = path.strip_suffix(RESTART).ok_or_else(|| ApiError::method_not_allowed("GET, HEAD"))?;
    services.operations.restart(path, context).await?;
    services.operations.actor(path).map(Accepted).ok_or_else(nothing_there)
}
