//! `/clock/accept` for operators, and `/dev/clock/advance` for developers.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    domain::access::Permission,
    http::{
        error::{ApiError, ProblemCode},
        extract::Json,
        fields::{Fields, FromFields},
        openapi::forms::TimeForm,
        route::{
            Access::{Development, Needs},
            Class::{Exempt, Standard},
            On::{Ops, Public},
            Route, row,
        },
        services::EdgeServices,
    },
    types::{CallContext, Invalid, Timestamp, limits, time::iso_duration},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Ops, Needs(Permission::Operate), Standard, routes!(accept_clock)),
        row(Public, Development, Exempt, routes!(advance_clock)),
    ]
}

/// The current time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockBody {
    /// The time of the process.
    #[schema(value_type = TimeForm)]
    now: String,
}

impl From<Timestamp> for ClockBody {
    fn from(now: Timestamp) -> Self {
        Self { now: now.to_string() }
    }
}

/// Accept the time
///
/// After the clock jumped ahead or lagged, nothing is deleted or retired until this call, or until an hour of correct
/// time.
#[utoipa::path(
    post, path = "/clock/accept", operation_id = "accept_clock", tag = "operations",
    responses((status = 200, description = "The accepted time.", body = ClockBody))
)]
pub async fn accept_clock(
    State(services): State<EdgeServices>,
    context: CallContext,
) -> Result<Json<ClockBody>, ApiError> {
    Ok(Json(services.operations.accept_clock(context).await?.into()))
}

/// The step.
#[derive(Debug, ToSchema)]
pub struct AdvanceBody {
    /// An ISO 8601 duration; at most 366 days.
    #[schema(value_type = String, format = Duration, min_length = 2, max_length = 64, example = "PT15M")]
    by: Duration,
}

impl FromFields for AdvanceBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        const TOO_FAR: Invalid = Invalid::new("out_of_range", "must be at most 366 days");
        let by = body.required("by").text(|text| {
            let by = iso_duration(text)?;
            if by > limits::CLOCK_ADVANCE_MAX { Err(TOO_FAR) } else { Ok(by) }
        });
        Some(Self { by: by? })
    }
}

/// Advance the clock
///
/// Lets applications test expired codes, sessions and locks. The clock cannot go back.
#[utoipa::path(
    post, path = "/dev/clock/advance", operation_id = "advance_clock", tag = "development", request_body = AdvanceBody,
    responses((status = 200, description = "The new time.", body = ClockBody))
)]
pub async fn advance_clock(
    State(services): State<EdgeServices>,
    Json(body): Json<AdvanceBody>,
) -> Result<Json<ClockBody>, ApiError> {
    let now = services.operations.advance_clock(body.by).ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    Ok(Json(now.into()))
}
