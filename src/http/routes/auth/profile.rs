//! `/auth/profile` and `/auth/validate`: the caller, and the claims of the caller's token.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    domain::access::Permission,
    http::{
        context::SignedIn,
        credential::Bearer,
        error::{ApiError, ProblemCode},
        extract::Json,
        openapi::forms::ClaimsForm,
        route::{Access::Needs, Class::Standard, On::Public, Route, row},
        routes::user::user_body::UserBody,
        services::EdgeServices,
        tags::{IfNoneMatch, Tagged},
    },
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(profile)),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(validate)),
    ]
}

/// Who am I?
#[utoipa::path(
    get, path = "/auth/profile", operation_id = "get_profile", tag = "auth",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer.")),
    responses(
        (status = 200, description = "The caller.", body = UserBody, headers(("ETag" = String))),
        (status = 304, description = "The answer is the same as before."),
    )
)]
pub async fn profile(
    State(services): State<EdgeServices>,
    SignedIn(caller): SignedIn,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let user = services.users.find(caller.user).await?.ok_or_else(|| ApiError::new(ProblemCode::SessionEnded))?;
    Ok(Tagged::from(user).unless(&known))
}

/// The claims of a valid token.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidBody {
    /// Always true: another token is answered 401.
    #[schema(example = true)]
    active: bool,
    /// What the token says.
    #[schema(value_type = ClaimsForm)]
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
    let claims = services.auth.claims(&bearer).await;
    let claims = claims.map_err(|no| no.map_refusal(|_| ApiError::new(ProblemCode::InvalidToken)))?;
    let claims = serde_json::to_value(Arc::unwrap_or_clone(claims)).unwrap_or_default();
    Ok(Json(ValidBody { active: true, claims }))
}
