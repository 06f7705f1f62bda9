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
    types::{AcceptedTime, CallContext, Invalid, Timestamp, limits, time::iso_duration},
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

/// The accepted time.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedTimeBody {
    /// The time of the process: that of the machine's clock.
    #[schema(value_type = TimeForm)]
    now: String,
    /// The time of the process before this call.
    #[schema(value_type = TimeForm)]
    before: String,
}

impl From<AcceptedTime> for AcceptedTimeBody {
    fn from(accepted: AcceptedTime) -> Self {
        Self { now: accepted.now.to_string(), before: accepted.before.to_string() }
    }
}

/// Accept the time
///
/// Takes the machine's clock as it is, also backwards. After a step back, records with later dates are corrected, and
/// access tokens that were issued later than now are refused: clients refresh them. Until this call, or until the
/// machine's clock has agreed with the time of the process for an hour, nothing is deleted or retired.
#[utoipa::path(
    post, path = "/clock/accept", operation_id = "accept_clock", tag = "operations",
    responses((status = 200, description = "The accepted time.", body = AcceptedTimeBody))
)]
pub async fn accept_clock(
    State(services): State<EdgeServices>,
    context: CallContext,
) -> Result<Json<AcceptedTimeBody>, ApiError> {
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
