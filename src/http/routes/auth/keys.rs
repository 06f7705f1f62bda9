//! `/.well-known/jwks.json`: the public keys with which services verify access tokens.

use axum::{extract::State, http::header, response::Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::openapi::forms::JwkForm;
use crate::http::routes::edge::openapi::PUBLIC_FOR_A_WHILE;
use crate::http::{
    ApiError, EdgeServices, ProblemCode,
    route::{Access::Anonymous, Class::Exempt, On::Public, Route, row},
    tags::{IfNoneMatch, content_tag},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Public, Anonymous, Exempt, routes!(list_signing_keys))]
}

/// A JSON Web Key Set (RFC 7517 section 5).
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysBody {
    /// The public keys.
    #[schema(value_type = Vec<JwkForm>)]
    keys: Vec<Value>,
}

/// The public signing keys
///
/// Any service can verify access tokens with these keys (RFC 9068 section 4).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "list_signing_keys", tag = "auth",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer.")),
    responses(
        (status = 200, description = "Every key that signs, will sign or has signed.", body = KeysBody,
            headers(("ETag" = String))),
        (status = 304, description = "The answer is the same as before."),
    )
)]
pub async fn list_signing_keys(State(services): State<EdgeServices>, known: IfNoneMatch) -> Result<Response, ApiError> {
    let keys = services.auth.jwks().keys.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|_| ApiError::new(ProblemCode::Internal))?;
    let body = serde_json::to_vec(&KeysBody { keys }).map_err(|_| ApiError::new(ProblemCode::Internal))?;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE)];
    Ok(known.or(&content_tag(&body), (headers, body)))
}
