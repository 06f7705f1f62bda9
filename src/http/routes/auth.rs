//! `/auth/*`: registration, verification, login, logout, and what a signed-in user asks of their own account.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{profile_body::ProfileBody, user_body::UserBody, verification::Verification};
use crate::{
    actors::auth::{
        LoggedIn, Login, LoginRefusal, Logout, LogoutAll, LogoutTokens, Refresh, RefreshRefusal, Register,
        RegisterRefusal, Registered, Tokens,
    },
    domain::user::Profile,
    http::{
        context::SignedIn,
        credential::Bearer,
        error::{ApiError, ProblemCode},
        extract::{Created, Json},
        fields::{self, Fields, FromFields},
        services::EdgeServices,
        tags::Tagged,
    },
    types::{CallContext, EmailAddress, Invalid, Secret, limits},
};

/// What somebody registers with.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RegisterBody {
    /// The address; a code is sent to it.
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    /// 12 to 128 characters; common passwords are refused.
    #[schema(value_type = String, example = "correct horse battery staple")]
    password: Secret,
    #[serde(flatten)]
    #[schema(value_type = ProfileBody)]
    profile: Profile,
    /// The code of an invitation, where registration is by invitation.
    #[schema(value_type = Option<String>, example = "7K2M-0QZP-4C9V-XH31")]
    invitation: Option<String>,
}

impl FromFields for RegisterBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let password = body.required("password").secret();
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
    /// Signed in already, if `auth.require_verified_email` is false and the address was nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
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
            RegisterRefusal::InvitationInvalid => Self::invalid(vec![
                Invalid::new("invitation_invalid", "is not a code that lets this address register").at("/invitation"),
            ]),
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

/// Who wants to enter.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LoginBody {
    /// An e-mail address or a user name; `email` is taken as well. Or the id that `POST /auth/register` answered: then
    /// only that registration's password is tried, and the answer says whether its address is still to be verified.
    #[schema(value_type = String, example = "ada@example.com")]
    identifier: String,
    /// The password.
    #[schema(value_type = String, example = "correct horse battery staple")]
    password: Secret,
    /// What the client calls its device, for the list of sessions.
    #[schema(value_type = Option<String>, example = "Ada's phone")]
    device_name: Option<String>,
    /// What an earlier login of this device answered.
    #[schema(value_type = Option<String>)]
    device_token: Option<Secret>,
}

impl FromFields for LoginBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let identifier = body.optional("identifier").text(fields::line(limits::IDENTIFIER_INPUT_MAX));
        let email = body.optional("email").text(fields::line(limits::IDENTIFIER_INPUT_MAX));
        let password = body.required("password").secret();
        let device_name = body.optional("deviceName").text(fields::line(limits::DEVICE_NAME_MAX));
        let device_token = body.optional("deviceToken").secret();
        // The tokens are in the answer; a cookie is not offered.
        let mode = body.optional("mode").choice(&[("token", ())]);
        let identifier = match (identifier?, email?) {
            (Some(named), None) | (None, Some(named)) => Some(named),
            (None, None) => {
                body.refuse("identifier", Invalid::new("required", "must be given: an e-mail address or a user name"));
                None
            }
            (Some(_), Some(_)) => {
                body.refuse("email", Invalid::new("one_of", "give either identifier or email"));
                None
            }
        };
        mode?;
        Some(Self {
            identifier: identifier?,
            password: password?,
            device_name: device_name?,
            device_token: device_token?,
        })
    }
}

/// A signed-in device's tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokensBody {
    /// The access token: a JWT by RFC 9068.
    token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token runs out.
    expires_in: u64,
    /// For POST /auth/refresh.
    refresh_token: String,
    /// Seconds until the refresh token runs out.
    refresh_expires_in: u64,
    /// Whose.
    user_id: String,
    /// The session.
    session_id: String,
}

impl From<Tokens> for TokensBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            token: tokens.access.reveal().to_owned(),
            token_type: "Bearer",
            expires_in: tokens.expires_in.as_secs(),
            refresh_token: tokens.refresh.reveal().to_owned(),
            refresh_expires_in: tokens.refresh_expires_in.as_secs(),
            user_id: tokens.user.to_string(),
            session_id: tokens.session.to_string(),
        }
    }
}

/// What a login answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedInBody {
    #[serde(flatten)]
    tokens: TokensBody,
    /// To be sent with later logins from this device.
    device_token: String,
    /// Whether the user had never signed in before.
    first_login: bool,
}

impl From<LoggedIn> for LoggedInBody {
    fn from(entered: LoggedIn) -> Self {
        Self {
            tokens: entered.tokens.into(),
            device_token: entered.device_token.reveal().to_owned(),
            first_login: entered.first_login,
        }
    }
}

impl From<LoginRefusal> for ApiError {
    fn from(refusal: LoginRefusal) -> Self {
        match refusal {
            LoginRefusal::InvalidCredentials => Self::new(ProblemCode::InvalidCredentials),
            LoginRefusal::EmailNotVerified => Self::new(ProblemCode::EmailNotVerified),
            LoginRefusal::LockedOut { wait } => Self::new(ProblemCode::LockedOut).retry_after(wait),
        }
    }
}

/// Log in
#[utoipa::path(
    post, path = "/auth/login", operation_id = "login_user", tag = "auth", request_body = LoginBody,
    responses(
        (status = 200, description = "Signed in.", body = LoggedInBody),
        (status = 401, description = "Signing in was refused (`invalid_credentials`)."),
        (status = 403, description = "The identifier is the id of a registration, the password is right, and the \
            address is not verified yet (`email_not_verified`)."),
    )
)]
pub async fn login(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<LoginBody>,
) -> Result<Json<LoggedInBody>, ApiError> {
    let command = Login {
        identifier: body.identifier,
        password: body.password,
        device_name: body.device_name,
        device_token: body.device_token,
    };
    let entered = services.auth.run(context, command).await?;
    Ok(Json(entered.into()))
}

/// The token a login or refresh gave.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RefreshBody {
    /// The refresh token.
    #[schema(value_type = String)]
    refresh_token: Secret,
}

impl FromFields for RefreshBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let refresh_token = body.required("refreshToken").secret();
        Some(Self { refresh_token: refresh_token? })
    }
}

impl From<RefreshRefusal> for ApiError {
    fn from(refusal: RefreshRefusal) -> Self {
        match refusal {
            RefreshRefusal::Invalid => Self::new(ProblemCode::InvalidRefreshToken),
            RefreshRefusal::SessionEnded => Self::new(ProblemCode::SessionEnded),
        }
    }
}

/// Refresh a session
///
/// Using a token gives its successor; using it again gives the same one, for as long as that is unused: a lost answer
/// logs nobody out.
#[utoipa::path(
    post, path = "/auth/refresh", operation_id = "refresh_session", tag = "auth", request_body = RefreshBody,
    responses(
        (status = 200, description = "New tokens of the same session.", body = TokensBody),
        (status = 401, description = "The token is not valid (`invalid_refresh_token`), or its session has ended \
            (`session_ended`)."),
    )
)]
pub async fn refresh(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<RefreshBody>,
) -> Result<Json<TokensBody>, ApiError> {
    let tokens = services.auth.run(context, Refresh { token: body.refresh_token }).await?;
    Ok(Json(tokens.into()))
}

/// The refresh token of the session that is to end, for clients that have no access token any more.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LogoutBody {
    /// The refresh token.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Secret>,
}

impl FromFields for LogoutBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let refresh_token = body.optional("refreshToken").secret();
        Some(Self { refresh_token: refresh_token? })
    }
}

/// Log out
///
/// Ends the session of the bearer token or of the refresh token; answers the same if there was none.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "logout_session", tag = "auth", request_body = Option<LogoutBody>,
    responses((status = 204, description = "The session is over."))
)]
pub async fn logout(
    State(services): State<EdgeServices>,
    context: CallContext,
    Bearer(bearer): Bearer,
    body: Option<Json<LogoutBody>>,
) -> Result<StatusCode, ApiError> {
    let refresh = body.and_then(|Json(body)| body.refresh_token);
    let named = services.auth.session_named_by(&LogoutTokens { bearer, refresh })?;
    if let Some(session) = named {
        services.auth.run(context, Logout { session }).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Log out everywhere
#[utoipa::path(
    post, path = "/auth/logout-all", operation_id = "logout_all_sessions", tag = "auth",
    responses((status = 204, description = "All sessions are over."))
)]
pub async fn logout_all(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(who): SignedIn,
) -> Result<StatusCode, ApiError> {
    services.auth.run(context, LogoutAll { user: who.user }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who am I?
#[utoipa::path(
    get, path = "/auth/profile", operation_id = "get_profile", tag = "auth",
    responses((
        status = 200, description = "The caller.", body = UserBody,
        headers(("ETag" = String))
    ))
)]
pub async fn profile(
    State(services): State<EdgeServices>,
    SignedIn(who): SignedIn,
) -> Result<Tagged<UserBody>, ApiError> {
    let user = services.users.find(who.user)?.ok_or_else(|| ApiError::new(ProblemCode::SessionEnded))?;
    Ok(user.into())
}

/// The claims of a valid token.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidBody {
    /// Always true: another token is answered 401.
    active: bool,
    /// What the token says.
    #[schema(value_type = Object)]
    claims: Value,
}

/// Is this token good?
///
/// For services that do not check tokens with /.well-known/jwks.json themselves; looks at session and user too.
#[utoipa::path(
    get, path = "/auth/validate", operation_id = "validate_token", tag = "auth",
    responses((status = 200, description = "It is.", body = ValidBody))
)]
pub async fn validate(
    State(services): State<EdgeServices>,
    SignedIn(_who): SignedIn,
    Bearer(bearer): Bearer,
) -> Result<Json<ValidBody>, ApiError> {
    let bearer = bearer.ok_or_else(|| ApiError::new(ProblemCode::Unauthenticated))?;
    let claims = services.auth.claims(&bearer);
    let claims = claims.map_err(|no| no.map_refusal(|_| ApiError::new(ProblemCode::InvalidToken)))?;
    let claims = serde_json::to_value(Arc::unwrap_or_clone(claims)).unwrap_or_default();
    Ok(Json(ValidBody { active: true, claims }))
}
