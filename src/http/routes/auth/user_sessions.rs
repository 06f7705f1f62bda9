//! `/users/{id}/sessions`: the sessions of a user, for that user and for administrators.

use axum::{extract::State, http::StatusCode};
use utoipa_axum::routes;

use super::sessions::SessionList;
use crate::http::routes::user::users::{UserSelector, note_read};
use crate::{
    actors::user::{EndSessionsOfUser, UnknownUser},
    domain::access::{Permission, may},
    http::{
        context::SignedIn,
        error::{ApiError, ProblemCode},
        extract::{Json, Path},
        openapi::forms::UserSelectorForm,
        route::{Access::Needs, Class::Standard, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, id::UserId},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(list_user_sessions)),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(end_sessions_of_user)),
    ]
}

impl From<UnknownUser> for ApiError {
    fn from(UnknownUser: UnknownUser) -> Self {
        Self::new(ProblemCode::NotFound)
    }
}

/// The user of the path, for that user and for holders of `permission`. A caller who may read users gets 403 with the
/// missing permission; any other caller gets 404.
fn target(selector: UserSelector, caller: &SignedIn, permission: Permission) -> Result<UserId, ApiError> {
    let id = selector.id(caller);
    let holds = |permission| may(&caller.0.roles, permission);
    if id == caller.0.user || holds(permission) {
        Ok(id)
    } else if holds(Permission::ReadUsers) {
        Err(ApiError::new(ProblemCode::Forbidden).with("permission", permission.as_str()))
    } else {
        Err(UnknownUser.into())
    }
}

/// List the sessions of a user
///
/// All sessions of the user, the most recently used first. Own sessions by id or as `me`; those of other users only
/// with the permission `read_users`.
#[utoipa::path(
    get, path = "/users/{id}/sessions", operation_id = "list_user_sessions", tag = "users",
    params(("id" = UserSelectorForm, Path, description = "The user's id, or `me`.")),
    responses(
        (status = 200, description = "The sessions.", body = SessionList),
        (status = 404, description = "There is no such user, or the caller may not see them."),
    )
)]
pub async fn list_user_sessions(
    State(services): State<EdgeServices>,
    context: CallContext,
    caller: SignedIn,
    Path(selector): Path<UserSelector>,
) -> Result<Json<SessionList>, ApiError> {
    let id = target(selector, &caller, Permission::ReadUsers)?;
    let user = services.users.find(id).await?.ok_or(UnknownUser)?;
    note_read(&services, context, (id, "list_user_sessions")).await?;
    Ok(Json(SessionList::of(services.auth.sessions(user.id).await?, caller.0.session)))
}

/// End all sessions of a user
///
/// Ends all sessions of the user, including the caller's: their tokens stop working at once. Own sessions by id or
/// as `me`; those of other users only with the permission `manage_user_status`.
#[utoipa::path(
    delete, path = "/users/{id}/sessions", operation_id = "end_sessions_of_user", tag = "users",
    params(("id" = UserSelectorForm, Path, description = "The user's id, or `me`.")),
    responses(
        (status = 204, description = "The sessions have ended."),
        (status = 404, description = "There is no such user, or the caller may not see them."),
    )
)]
pub async fn end_sessions_of_user(
    State(services): State<EdgeServices>,
    context: CallContext,
    caller: SignedIn,
    Path(selector): Path<UserSelector>,
) -> Result<StatusCode, ApiError> {
    let user = target(selector, &caller, Permission::ManageUserStatus)?;
    services.users.run(context, EndSessionsOfUser { user }).await?;
    Ok(StatusCode::NO_CONTENT)
}
