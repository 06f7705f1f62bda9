//! `/auth/login` and `/auth/refresh`: the tokens of a session.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::auth::{LoggedIn, Login, LoginRefusal, Refresh, RefreshRefusal, Tokens},
    http::{
        error::{ApiError, ProblemCode},
        extract::Json,
        fields::{self, Fields, FromFields},
        route::{Access::Anonymous, Class, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, Invalid, Secret, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Anonymous, Class::Login, routes!(login)),
        row(Public, Anonymous, Class::Standard, routes!(refresh)),
    ]
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
