//! `/keys/rotate`: rotates the signing keys for operators (`majordomo keys rotate`).

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::auth::{KeyState, RotateKeys},
    domain::access::Permission,
    domain::auth::key_rotation::Urgency,
    http::{
        error::ApiError,
        extract::Json,
        fields::{Fields, FromFields},
        openapi::forms::{AlgorithmForm, KeyStageForm, TimeForm},
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::CallContext,
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Ops, Needs(Permission::Operate), Standard, routes!(rotate_keys))]
}

/// The urgencies of a rotation, by name.
pub const URGENCIES: [(&str, Urgency); 3] =
    [("begin", Urgency::Begin), ("now", Urgency::Now), ("stolen", Urgency::Stolen)];

/// The urgency of the rotation.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RotateBody {
    /// `begin` (the default): a new key is published, and signs once other services had time to fetch it. `now`: the
    /// new key signs at once. `stolen`: it signs at once and all old keys are removed, which voids all access tokens.
    #[schema(value_type = Option<RotationUrgency>)]
    urgency: Option<Urgency>,
}

/// The urgency of a rotation.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RotationUrgency {
    /// A new key is published, and signs later.
    Begin,
    /// A new key signs at once.
    Now,
    /// A new key signs at once, and all old keys are removed.
    Stolen,
}

impl FromFields for RotateBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        Some(Self { urgency: body.optional("urgency").choice(&URGENCIES)? })
    }
}

/// The signing keys after the rotation.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// All keys.
    keys: Vec<KeyBody>,
}

/// A signing key, without its private part.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBody {
    /// The name of the key in tokens and in the JWKS.
    #[schema(example = "b3Jx")]
    kid: String,
    /// The signing algorithm.
    #[schema(value_type = AlgorithmForm)]
    algorithm: &'static str,
    /// The stage of the key.
    #[schema(value_type = KeyStageForm)]
    stage: &'static str,
    /// The start of the stage.
    #[schema(value_type = TimeForm)]
    since: String,
}

impl From<KeyState> for KeyBody {
    fn from(key: KeyState) -> Self {
        Self {
            kid: key.id.to_string(),
            algorithm: key.algorithm.as_str(),
            stage: key.stage.as_str(),
            since: key.since.to_string(),
        }
    }
}

/// Rotate the signing keys
#[utoipa::path(
    post, path = "/keys/rotate", operation_id = "rotate_keys", tag = "operations", request_body = Option<RotateBody>,
    responses((status = 200, description = "The signing keys after the rotation.", body = KeyList))
)]
pub async fn rotate_keys(
    State(services): State<EdgeServices>,
    context: CallContext,
    body: Option<Json<RotateBody>>,
) -> Result<Json<KeyList>, ApiError> {
    let urgency = body.and_then(|Json(body)| body.urgency).unwrap_or(Urgency::Begin);
    let keys = services.auth.run(context, RotateKeys { urgency }).await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(KeyBody::from).collect() }))
}
