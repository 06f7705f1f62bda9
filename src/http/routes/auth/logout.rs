//! `/auth/logout` and `/auth/logout-all`: ends one session of the caller, or all.

use axum::{extract::State, http::StatusCode};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::auth::{Logout, LogoutAll, LogoutTokens},
    domain::access::Permission,
    http::{
        context::SignedIn,
        credential::Bearer,
        error::ApiError,
        extract::Json,
        fields::{Fields, FromFields},
        openapi::forms::TokenForm,
        route::{
            Access::{Anonymous, Needs},
            Class::Standard,
            On::Public,
            Route, row,
        },
        services::EdgeServices,
    },
    types::{CallContext, Secret},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Anonymous, Standard, routes!(logout)).takes_bearer(),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(logout_all)),
    ]
}

/// The refresh token of the session that is to end, for clients that have no access token any more.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LogoutBody {
    /// The refresh token.
    #[schema(value_type = Option<TokenForm>)]
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
    let named = services.auth.session_named_by(&LogoutTokens { bearer, refresh }).await?;
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
    SignedIn(caller): SignedIn,
) -> Result<StatusCode, ApiError> {
    services.auth.run(context, LogoutAll { user: caller.user }).await?;
    Ok(StatusCode::NO_CONTENT)
}
