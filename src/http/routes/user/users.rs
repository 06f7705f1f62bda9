//! `/users`: users, for administrators, and the caller's own user.

use std::str::FromStr;

use axum::{extract::State, response::Response};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::user_body::UserBody;
use crate::{
    actors::user::{
        AccessKind, ChangeRoles, ChangeRolesRefusal, ChangeStatus, ChangeStatusRefusal, NoteAccess, UserVersionRefusal,
    },
    domain::{
        access::{Permission, may},
        user::{Status, User, UserFilter},
    },
    http::{
        context::SignedIn,
        error::{ApiError, ProblemCode},
        extract::{Json, List, Path, Rows},
        fields::{Fields, FromFields},
        openapi::forms::{CursorForm, EmailForm, NewStatusForm, RoleForm, UserSelectorForm, UserStatusForm},
        route::{
            Access::Needs,
            Class::Standard,
            On::{Both, Public},
            Route, row,
        },
        services::EdgeServices,
        tags::{IfMatch, IfNoneMatch, Tagged},
    },
    types::{CallContext, EmailAddress, Invalid, Role, Roles, id::UserId},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Both, Needs(Permission::ReadUsers), Standard, routes!(list_users)),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(show_user)),
        row(Public, Needs(Permission::ManageUserStatus), Standard, routes!(change_user_status)),
        row(Public, Needs(Permission::ManageRoles), Standard, routes!(change_user_roles)),
    ]
}

const STATUSES: [(&str, Status); 4] = [
    (Status::Pending.as_str(), Status::Pending),
    (Status::Active.as_str(), Status::Active),
    (Status::Locked.as_str(), Status::Locked),
    (Status::Disabled.as_str(), Status::Disabled),
];

impl FromFields for UserFilter {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let email = query.optional("email").text(EmailAddress::parse);
        let role = query.optional("role").text(str::parse::<Role>);
        let status = query.optional("status").choice(&STATUSES);
        Some(Self { email: email?, role: role?, status: status? })
    }
}

/// List users
///
/// Newest first. With filters a page may contain fewer users than `limit`, even none: continue while `nextCursor` is
/// not `null`.
#[utoipa::path(
    get, path = "/users", operation_id = "list_users", tag = "users",
    params(
        ("email" = Option<EmailForm>, Query, description = "Only the user with this address."),
        ("role" = Option<RoleForm>, Query, description = "Only users with this role."),
        ("status" = Option<UserStatusForm>, Query, description = "Only users with this status."),
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
    ),
    responses((status = 200, description = "One page.", body = Rows<UserBody>))
)]
pub async fn list_users(
    State(services): State<EdgeServices>,
    context: CallContext,
    list: List<UserFilter>,
) -> Result<Json<Rows<UserBody>>, ApiError> {
    let after = list.after.as_deref().map(user_of_key).transpose()?;
    let page = services.users.page(list.filter.clone(), after, list.limit).await?;
    let next_cursor = page.next.map(|last| list.next(last.as_bytes()));
    let note = NoteAccess { kind: AccessKind::ReadUsers, operation: "list_users".to_owned() };
    services.users.run(context, note).await?;
    Ok(Json(Rows { data: page.rows.into_iter().map(UserBody::from).collect(), next_cursor }))
}

fn user_of_key(key: &[u8]) -> Result<UserId, ApiError> {
    Uuid::from_slice(key).map(UserId::from).map_err(|_| ApiError::new(ProblemCode::InvalidCursor))
}

/// A user in a path: an id, or `me` for the caller.
#[derive(Debug, Clone, Copy)]
pub enum UserSelector {
    /// The caller.
    Me,
    /// The user with this id.
    User(UserId),
}

impl FromStr for UserSelector {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "me" { Ok(Self::Me) } else { text.parse().map(Self::User) }
    }
}

impl UserSelector {
    /// The id of the selected user in a request of `caller`.
    pub fn id(self, caller: &SignedIn) -> UserId {
        match self {
            Self::Me => caller.0.user,
            Self::User(id) => id,
        }
    }
}

fn no_such_user() -> ApiError {
    ApiError::new(ProblemCode::NotFound)
}

/// Enters in the audit log that the caller read a user who is another one.
pub async fn note_read(
    services: &EdgeServices,
    context: CallContext,
    (read, operation): (UserId, &'static str),
) -> Result<(), ApiError> {
    if context.principal().is_some_and(|caller| caller.user == read) {
        return Ok(());
    }
    let note = NoteAccess { kind: AccessKind::ReadUser(read), operation: operation.to_owned() };
    Ok(services.users.run(context, note).await?)
}

/// Show one user
///
/// The caller's own user by id or as `me`; other users only with the permission `read_users`.
#[utoipa::path(
    get, path = "/users/{id}", operation_id = "show_user", tag = "users",
    params(
        ("id" = UserSelectorForm, Path, description = "The user's id, or `me`."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The user.", body = UserBody, headers(("ETag" = String))),
        (status = 304, description = "The answer is the same as before."),
        (status = 404, description = "There is no such user, or the caller may not see them."),
    )
)]
pub async fn show_user(
    State(services): State<EdgeServices>,
    context: CallContext,
    caller: SignedIn,
    known: IfNoneMatch,
    Path(selector): Path<UserSelector>,
) -> Result<Response, ApiError> {
    let id = selector.id(&caller);
    if id != caller.0.user && !may(&caller.0.roles, Permission::ReadUsers) {
        return Err(no_such_user());
    }
    let found: User = services.users.find(id).await?.ok_or_else(no_such_user)?;
    note_read(&services, context, (id, "show_user")).await?;
    Ok(Tagged::from(found).unless(&known))
}

/// The new status of a user.
#[derive(Debug, ToSchema)]
pub struct StatusBody {
    /// The status to set.
    #[schema(value_type = NewStatusForm)]
    status: Status,
}

impl FromFields for StatusBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        Some(Self { status: body.required("status").choice(&STATUSES)? })
    }
}

impl From<UserVersionRefusal> for ApiError {
    fn from(refusal: UserVersionRefusal) -> Self {
        match refusal {
            UserVersionRefusal::NotFound => no_such_user(),
            UserVersionRefusal::Changed => Self::new(ProblemCode::PreconditionFailed),
        }
    }
}

impl From<ChangeStatusRefusal> for ApiError {
    fn from(refusal: ChangeStatusRefusal) -> Self {
        match refusal {
            ChangeStatusRefusal::Version(refusal) => refusal.into(),
            ChangeStatusRefusal::NotFrom(from) => {
                Self::new(ProblemCode::StatusConflict).detail(format!("The user is {}.", from.as_str()))
            }
            ChangeStatusRefusal::LastAdmin => Self::new(ProblemCode::LastAdmin),
        }
    }
}

/// Change the status of a user
///
/// `locked` and `disabled` end all sessions of the user in the same commit: their tokens stop working at once.
#[utoipa::path(
    put, path = "/users/{id}/status", operation_id = "change_user_status", tag = "users", request_body = StatusBody,
    params(
        ("id" = UserSelectorForm, Path, description = "The user's id, or `me`."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version to change."),
    ),
    responses(
        (status = 200, description = "The user.", body = UserBody, headers(("ETag" = String))),
        (status = 412, description = "`If-Match` names another version: the user has changed."),
        (status = 409, description = "The last administrator, or a change that the user's status does not allow."),
    )
)]
pub async fn change_user_status(
    State(services): State<EdgeServices>,
    caller: SignedIn,
    context: CallContext,
    Path(selector): Path<UserSelector>,
    IfMatch(from): IfMatch,
    Json(body): Json<StatusBody>,
) -> Result<Tagged<UserBody>, ApiError> {
    let command = ChangeStatus { user: selector.id(&caller), to: body.status, from };
    Ok(services.users.run(context, command).await?.into())
}

/// The new roles of a user.
#[derive(Debug, ToSchema)]
pub struct RolesBody {
    /// All roles; a role that is not listed is removed.
    #[schema(value_type = Vec<RoleForm>, max_items = 5, example = json!(["user", "support"]))]
    roles: Roles,
}

impl FromFields for RolesBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let roles = body.required("roles").list(Role::ALL.len(), |role| role.text(str::parse::<Role>));
        Some(Self { roles: roles?.into() })
    }
}

impl From<ChangeRolesRefusal> for ApiError {
    fn from(refusal: ChangeRolesRefusal) -> Self {
        match refusal {
            ChangeRolesRefusal::Version(refusal) => refusal.into(),
            ChangeRolesRefusal::LastAdmin => Self::new(ProblemCode::LastAdmin),
            ChangeRolesRefusal::Unproven => {
                Self::new(ProblemCode::StatusConflict).detail(super::user_operations::UNPROVEN)
            }
        }
    }
}

/// Change the roles of a user
///
/// They apply from the next request on, whatever the user's access token contains.
#[utoipa::path(
    put, path = "/users/{id}/roles", operation_id = "change_user_roles", tag = "users", request_body = RolesBody,
    params(
        ("id" = UserSelectorForm, Path, description = "The user's id, or `me`."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version to change."),
    ),
    responses(
        (status = 200, description = "The user.", body = UserBody, headers(("ETag" = String))),
        (status = 412, description = "`If-Match` names another version: the user has changed."),
        (status = 409, description = "The last administrator, or a user with an unproven address."),
    )
)]
pub async fn change_user_roles(
    State(services): State<EdgeServices>,
    caller: SignedIn,
    context: CallContext,
    Path(selector): Path<UserSelector>,
    IfMatch(from): IfMatch,
    Json(body): Json<RolesBody>,
) -> Result<Tagged<UserBody>, ApiError> {
    let command = ChangeRoles { user: selector.id(&caller), to: body.roles, from };
    Ok(services.users.run(context, command).await?.into())
}
