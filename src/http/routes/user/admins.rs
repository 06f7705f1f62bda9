//! `/users/admins`: creates administrators for operators (`majordomo user create-admin`).

use axum::extract::State;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::user_body::UserBody;
use crate::{
    actors::user::{CreateAdmin, CreateAdminRefusal},
    domain::{access::Permission, auth::password_policy::PasswordContext},
    http::{
        error::{ApiError, ProblemCode},
        extract::{Created, Json},
        fields::{Fields, FromFields},
        openapi::forms::{EmailForm, NewPasswordForm},
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Invalid, Secret},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Ops, Needs(Permission::ManageRoles), Standard, routes!(create_admin))]
}

/// The administrator to create.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateAdminBody {
    /// The address. It counts as proven.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
    /// The new password.
    #[schema(value_type = NewPasswordForm)]
    password: Secret,
}

impl FromFields for CreateAdminBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let owner = PasswordContext { email: email.as_ref(), username: None };
        let password = body.new_password("password", owner);
        Some(Self { email: email?, password: password? })
    }
}

impl From<CreateAdminRefusal> for ApiError {
    fn from(refusal: CreateAdminRefusal) -> Self {
        match refusal {
            CreateAdminRefusal::Password(reasons) => {
                Self::invalid(reasons.into_iter().map(|reason| reason.at("/password")).collect())
            }
            CreateAdminRefusal::EmailTaken => Self::new(ProblemCode::EmailTaken)
                .detail("A user has this address already: grant that user the role admin instead.")
                .errors(vec![
                    Invalid::new("email_taken", "is a user's already: grant the role admin instead").at("/email"),
                ]),
        }
    }
}

/// Create an administrator
///
/// The address counts as proven; no mail is sent.
#[utoipa::path(
    post, path = "/users/admins", operation_id = "create_admin", tag = "operations", request_body = CreateAdminBody,
    responses(
        (status = 201, description = "The user, who may sign in at once.", body = UserBody),
        (status = 409, description = "A user has the address (`email_taken`)."),
    )
)]
pub async fn create_admin(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<CreateAdminBody>,
) -> Result<Created<UserBody>, ApiError> {
    let command = CreateAdmin { email: body.email, password: body.password };
    let made = services.users.run(context, command).await?;
    Ok(Created { location: format!("/users/{}", made.id), body: made.into() })
}
