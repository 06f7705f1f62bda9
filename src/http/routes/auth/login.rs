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
        openapi::forms::{DeviceNameForm, IdForm, IdentifierForm, PasswordForm, TokenForm},
        route::{Access::Anonymous, Class, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, Invalid, Secret, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Anonymous, Class::Login, routes!(login)).either("identifier", "email"),
        row(Public, Anonymous, Class::Standard, routes!(refresh)),
    ]
}

/// The credentials of a user, and the name of the device.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LoginBody {
    /// An e-mail address or a user name. Or the id that `POST /auth/register` answered: then only the password of that
    /// registration is tried, and the answer says whether its address is still to be verified.
    #[schema(value_type = Option<IdentifierForm>)]
    identifier: Option<String>,
    /// An e-mail address.
    #[schema(value_type = Option<IdentifierForm>)]
    email: Option<String>,
    /// The password of the user.
    #[schema(value_type = PasswordForm)]
    password: Secret,
    /// The name of this device.
    #[schema(value_type = Option<DeviceNameForm>)]
    device_name: Option<String>,
    /// The `deviceToken` of an earlier login of this device.
    #[schema(value_type = Option<TokenForm>)]
    device_token: Option<Secret>,
    /// Where the tokens are: in the answer.
    #[schema(value_type = Option<LoginMode>)]
    #[expect(dead_code, reason = "there is one mode; the field is for the contract")]
    mode: Option<()>,
}

/// Where the tokens of a login are.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LoginMode {
    /// In the answer.
    Token,
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
        let (identifier, email) = (identifier?, email?);
        match (&identifier, &email) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => {
                body.refuse("identifier", Invalid::new("required", "must be given: an e-mail address or a user name"));
                return None;
            }
            (Some(_), Some(_)) => {
                body.refuse("email", Invalid::new("one_of", "give either identifier or email"));
                return None;
            }
        }
        Some(Self {
            identifier,
            email,
            password: password?,
            device_name: device_name?,
            device_token: device_token?,
            mode: mode?,
        })
    }
}

/// The scheme of access tokens.
#[derive(Debug, Clone, Copy, ToSchema)]
pub enum TokenType {
    /// RFC 6750.
    Bearer,
}

/// A signed-in device's tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokensBody {
    /// The access token: a JWT by RFC 9068.
    #[schema(value_type = TokenForm)]
    token: String,
    /// The scheme of `Authorization`.
    #[schema(value_type = TokenType)]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: u64,
    /// The token for `POST /auth/refresh`.
    #[schema(value_type = TokenForm)]
    refresh_token: String,
    /// Seconds until the refresh token expires.
    #[schema(example = 2_592_000)]
    refresh_expires_in: u64,
    /// The id of the user.
    #[schema(value_type = IdForm)]
    user_id: String,
    /// The id of the session.
    #[schema(value_type = IdForm)]
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
    /// The device's token, for its later logins.
    #[schema(value_type = TokenForm)]
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
        identifier: body.identifier.or(body.email).unwrap_or_default(),
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
    /// The refresh token of the last answer.
    #[schema(value_type = TokenForm)]
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
/// ends no session.
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
