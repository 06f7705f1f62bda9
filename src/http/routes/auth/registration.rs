//! `/auth/register`: registers a user.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{login::LoggedInBody, verification::Verification};
use crate::{
    actors::auth::{Register, RegisterRefusal, Registered},
    domain::{auth::password_policy::PasswordContext, user::Profile},
    http::{
        error::{ApiError, ProblemCode},
        extract::{Created, Json},
        fields::{self, Fields, FromFields},
        openapi::forms::{EmailForm, InvitationCodeForm, NewPasswordForm},
        route::{Access::Anonymous, Class, On::Public, Route, row},
        routes::user::{profile_body::ProfileBody, user_body::UserBody},
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Invalid, Secret, UserName, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Public, Anonymous, Class::Register, routes!(register))]
}

/// The fields of a registration.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RegisterBody {
    /// The address; a code is sent to it.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
    /// The new password.
    #[schema(value_type = NewPasswordForm)]
    password: Secret,
    #[serde(flatten)]
    #[schema(value_type = ProfileBody)]
    profile: Profile,
    /// The code of an invitation, where registration is by invitation.
    #[schema(value_type = Option<InvitationCodeForm>)]
    invitation: Option<String>,
}

impl FromFields for RegisterBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let username = body.peek("username", UserName::parse);
        let owner = PasswordContext { email: email.as_ref(), username: username.as_ref() };
        let password = body.new_password("password", owner);
        let profile = Profile::from_fields(body);
        let invitation = body.optional("invitation").text(fields::line(limits::CODE_INPUT_MAX));
        Some(Self { email: email?, password: password?, profile: profile?, invitation: invitation? })
    }
}

/// The user to be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredBody {
    #[serde(flatten)]
    user: UserBody,
    /// The code that is on its way.
    verification: Verification,
    /// Signed in already, if `auth.require_verified_email` is false and the address had no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = LoggedInBody)]
    session: Option<LoggedInBody>,
}

impl From<Registered> for RegisteredBody {
    fn from(registered: Registered) -> Self {
        let Registered { registration, code_expires_at, resend_at, entered } = registered;
        Self {
            user: UserBody::pending(registration),
            verification: Verification::of(code_expires_at, resend_at),
            session: entered.map(LoggedInBody::from),
        }
    }
}

const TOO_MANY_WAIT: &str = "Several registrations of this address wait for their codes. Use one of those, or \
    `POST /auth/password/forgot`: the code of a password reset verifies the address, too.";

impl From<RegisterRefusal> for ApiError {
    fn from(refusal: RegisterRefusal) -> Self {
        match refusal {
            RegisterRefusal::Closed => Self::new(ProblemCode::RegistrationClosed),
            RegisterRefusal::InvitationRequired => Self::new(ProblemCode::InvitationRequired),
            RegisterRefusal::Fields(errors) => Self::invalid(errors),
            RegisterRefusal::UsernameTaken => Self::new(ProblemCode::UsernameTaken)
                .errors(vec![Invalid::new("username_taken", "choose another user name").at("/username")]),
            RegisterRefusal::TooMany { wait } => {
                Self::new(ProblemCode::RateLimited).detail(TOO_MANY_WAIT).retry_after(wait)
            }
            RegisterRefusal::EmailTaken => Self::new(ProblemCode::EmailTaken)
                .errors(vec![Invalid::new("email_taken", "the address is registered already").at("/email")]),
        }
    }
}

/// Register
///
/// Answers the same whether the address is known or not: its owner learns by mail which it was.
#[utoipa::path(
    post, path = "/auth/register", operation_id = "register_user", tag = "auth", request_body = RegisterBody,
    responses(
        (status = 201, description = "A code was sent to the address.", body = RegisteredBody),
        (status = 403, description = "Registration is closed (`registration_closed`) or by invitation \
            (`invitation_required`)."),
        (status = 409, description = "The user name is taken (`username_taken`), or the address (`email_taken`)."),
    )
)]
pub async fn register(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<RegisterBody>,
) -> Result<Created<RegisteredBody>, ApiError> {
    let command =
        Register { email: body.email, password: body.password, profile: body.profile, invitation: body.invitation };
    let registered = services.auth.run(context, command).await?;
    let location = format!("/users/{}", registered.registration.id);
    Ok(Created { location, body: registered.into() })
}
