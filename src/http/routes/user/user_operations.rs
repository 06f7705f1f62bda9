//! `/users/...` on the ops listener: the commands of `majordomo user` on a running server. Operators name users by
//! their addresses.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::user_body::UserBody;
use crate::{
    actors::user::{
        EndSessions, Grant, GrantRefusal, NoSuchUser, SetPassword, SetPasswordRefusal, Unlock, UnlockRefusal,
    },
    domain::{access::Permission, auth::password_policy::PasswordContext},
    http::{
        error::{ApiError, ProblemCode},
        extract::Json,
        fields::{Fields, FromFields},
        openapi::forms::{EmailForm, NewPasswordForm, RoleForm},
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Role, Secret},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Ops, Needs(Permission::ManageUsers), Standard, routes!(set_user_password)),
        row(Ops, Needs(Permission::ManageUserStatus), Standard, routes!(unlock_user)),
        row(Ops, Needs(Permission::ManageRoles), Standard, routes!(grant_role)),
        row(Ops, Needs(Permission::EndSessions), Standard, routes!(end_user_sessions)),
    ]
}

const NO_SUCH_USER: &str = "No user has this address.";

impl From<NoSuchUser> for ApiError {
    fn from(_: NoSuchUser) -> Self {
        Self::new(ProblemCode::NotFound).detail(NO_SUCH_USER)
    }
}

/// The user and the new password.
#[derive(Debug, ToSchema)]
pub struct SetPasswordBody {
    /// The user's address.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
    /// The new password.
    #[schema(value_type = NewPasswordForm)]
    password: Secret,
}

impl FromFields for SetPasswordBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let owner = PasswordContext { email: email.as_ref(), username: None };
        let password = body.new_password("password", owner);
        Some(Self { email: email?, password: password? })
    }
}

impl From<SetPasswordRefusal> for ApiError {
    fn from(refusal: SetPasswordRefusal) -> Self {
        match refusal {
            SetPasswordRefusal::NotFound => NoSuchUser.into(),
            SetPasswordRefusal::Password(reasons) => {
                Self::invalid(reasons.into_iter().map(|reason| reason.at("/password")).collect())
            }
        }
    }
}

/// Set a user's password
///
/// Ends all sessions of the user and clears the failed login attempts. The user gets a mail.
#[utoipa::path(
    post, path = "/users/reset-password", operation_id = "set_user_password", tag = "operations",
    request_body = SetPasswordBody,
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 404, description = "No user has this address."),
    )
)]
pub async fn set_user_password(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<SetPasswordBody>,
) -> Result<Json<UserBody>, ApiError> {
    let command = SetPassword { email: body.email, password: body.password };
    Ok(Json(services.users.run(context, command).await?.into()))
}

/// The user of the command.
#[derive(Debug, ToSchema)]
pub struct AddressBody {
    /// The user's address.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
}

impl FromFields for AddressBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        Some(Self { email: body.required("email").text(EmailAddress::parse)? })
    }
}

impl From<UnlockRefusal> for ApiError {
    fn from(refusal: UnlockRefusal) -> Self {
        match refusal {
            UnlockRefusal::NotFound => NoSuchUser.into(),
            UnlockRefusal::NotFrom(from) => {
                Self::new(ProblemCode::StatusConflict).detail(format!("The user is {}, not locked.", from.as_str()))
            }
        }
    }
}

/// Unlock a user
///
/// Changes the status `locked` to `active` and clears the failed login attempts.
#[utoipa::path(
    post, path = "/users/unlock", operation_id = "unlock_user", tag = "operations", request_body = AddressBody,
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 404, description = "No user has this address."),
        (status = 409, description = "The user is disabled or pending."),
    )
)]
pub async fn unlock_user(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<AddressBody>,
) -> Result<Json<UserBody>, ApiError> {
    Ok(Json(services.users.run(context, Unlock { email: body.email }).await?.into()))
}

/// The user and the role.
#[derive(Debug, ToSchema)]
pub struct GrantBody {
    /// The user's address.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
    /// The role to grant.
    #[schema(value_type = RoleForm)]
    role: Role,
}

impl FromFields for GrantBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let role = body.required("role").text(str::parse::<Role>);
        Some(Self { email: email?, role: role? })
    }
}

/// The detail for operators and administrators who grant a role to a user with an unproven address.
pub(super) const UNPROVEN: &str = "The user has not proven the address yet, and is given no roles before.";

impl From<GrantRefusal> for ApiError {
    fn from(refusal: GrantRefusal) -> Self {
        match refusal {
            GrantRefusal::NotFound => NoSuchUser.into(),
            GrantRefusal::Unproven => Self::new(ProblemCode::StatusConflict).detail(UNPROVEN),
        }
    }
}

/// Grant a role to a user
#[utoipa::path(
    post, path = "/users/grant", operation_id = "grant_role", tag = "operations", request_body = GrantBody,
    responses(
        (status = 200, description = "The user, who holds the role.", body = UserBody),
        (status = 404, description = "No user has this address."),
        (status = 409, description = "The user has not proven the address."),
    )
)]
pub async fn grant_role(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<GrantBody>,
) -> Result<Json<UserBody>, ApiError> {
    Ok(Json(services.users.run(context, Grant { email: body.email, role: body.role }).await?.into()))
}

/// The number of ended sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedBody {
    /// The number of sessions.
    pub ended: usize,
}

/// End all sessions of a user
#[utoipa::path(
    post, path = "/users/end-sessions", operation_id = "end_user_sessions", tag = "operations",
    request_body = AddressBody,
    responses(
        (status = 200, description = "The sessions have ended.", body = EndedBody),
        (status = 404, description = "No user has this address."),
    )
)]
pub async fn end_user_sessions(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<AddressBody>,
) -> Result<Json<EndedBody>, ApiError> {
    let ended = services.users.run(context, EndSessions { email: body.email }).await?;
    Ok(Json(EndedBody { ended }))
}
