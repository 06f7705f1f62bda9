//! `/.well-known/jwks.json`: the public keys with which services verify access tokens.

use axum::{extract::State, http::header, response::IntoResponse};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::routes::edge::openapi::PUBLIC_FOR_A_WHILE;
use crate::http::{
    ApiError, EdgeServices, Json, ProblemCode,
    route::{Access::Anonymous, Class::Exempt, On::Public, Route, row},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Public, Anonymous, Exempt, routes!(list_signing_keys))]
}

/// A JSON Web Key Set (RFC 7517 section 5).
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysBody {
    /// The public keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

/// The public signing keys
///
/// Any service can verify access tokens with these keys (RFC 9068 section 4).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "list_signing_keys", tag = "auth",
    responses(
        (status = 200, description = "Every key that signs, will sign or has signed.", body = KeysBody),
    )
)]
pub async fn list_signing_keys(State(services): State<EdgeServices>) -> Result<impl IntoResponse, ApiError> {
    let keys = services.auth.jwks().keys.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|_| ApiError::new(ProblemCode::Internal))?;
    Ok(([(header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE)], Json(KeysBody { keys })))
}
