//! `/log/level`: how much the log says, for a while.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    config::{Choice, LogLevel},
    domain::access::Permission,
    http::{
        error::ApiError,
        extract::{Json, Query},
        fields::{Fields, FromFields},
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    telemetry::log::LogLevelReport,
    types::{CallContext, Invalid, limits, time::iso_duration},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Ops, Needs(Permission::ReadOperations), Standard, routes!(show_log_level)),
        row(Ops, Needs(Permission::Operate), Standard, routes!(set_log_level)),
    ]
}

/// The least severe lines that are written.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelName {
    /// Failures that need an operator.
    Error,
    /// Findings that may need an operator.
    Warn,
    /// The events of normal work.
    Info,
    /// The steps of normal work.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelName {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// The level of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLevelBody {
    /// The present level.
    #[schema(example = "debug")]
    level: LevelName,
    /// The level of the configuration (`log.level`).
    #[schema(example = "info")]
    configured: LevelName,
    /// When the configured level holds again; `null` if it holds now.
    #[schema(format = DateTime, required)]
    until: Option<String>,
}

impl From<LogLevelReport> for LogLevelBody {
    fn from(report: LogLevelReport) -> Self {
        let LogLevelReport { level, configured, until } = report;
        Self { level: level.into(), configured: configured.into(), until: until.map(|until| until.to_string()) }
    }
}

/// The level and its time.
#[derive(Debug, ToSchema)]
pub struct SetLogLevelBody {
    /// The level.
    #[schema(value_type = LevelName, example = "debug")]
    level: LogLevel,
    /// How long it holds, an ISO 8601 duration; at most 24 hours, 15 minutes if absent.
    #[schema(value_type = Option<String>, example = "PT15M")]
    r#for: Duration,
}

impl FromFields for SetLogLevelBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        const TOO_LONG: Invalid = Invalid::new("out_of_range", "must be at most 24 hours (PT24H)");
        let level = body.required("level").choice(LogLevel::WORDS);
        let time = body.optional("for").text(|text| {
            let time = iso_duration(text)?;
            if time > limits::LOG_LEVEL_FOR_MAX { Err(TOO_LONG) } else { Ok(time) }
        });
        Some(Self { level: level?, r#for: time?.unwrap_or(limits::LOG_LEVEL_FOR) })
    }
}

/// Show the level of the log
#[utoipa::path(
    get, path = "/log/level", operation_id = "show_log_level", tag = "operations",
    responses((status = 200, description = "The level.", body = LogLevelBody))
)]
pub async fn show_log_level(
    State(services): State<EdgeServices>,
    Query(()): Query<()>,
) -> Result<Json<LogLevelBody>, ApiError> {
    Ok(Json(services.operations.log_level().into()))
}

/// Set the level of the log for a while
///
/// Concerns every output of the log. Then the configured level holds again; to set that level ends the change at once.
/// A restart of the process ends it too.
#[utoipa::path(
    put, path = "/log/level", operation_id = "set_log_level", tag = "operations", request_body = SetLogLevelBody,
    responses((status = 200, description = "The level is set.", body = LogLevelBody))
)]
pub async fn set_log_level(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<SetLogLevelBody>,
) -> Result<Json<LogLevelBody>, ApiError> {
    Ok(Json(services.operations.set_log_level(context, body.level, body.r#for).await.into()))
}
