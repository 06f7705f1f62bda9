//! `/auth/sessions`: the caller's own sessions.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::auth::{EndSession, NoSuchSession},
    domain::access::Permission,
    domain::auth::Session,
    http::{
        context::SignedIn,
        error::{ApiError, ProblemCode},
        extract::{Json, Path},
        openapi::forms::{CursorForm, IdForm, TimeForm},
        route::{Access::Needs, Class::Standard, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, id::SessionId},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(list_own_sessions)),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(end_own_session)),
    ]
}

/// One session: a signed-in device.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    /// The id of the session.
    #[schema(value_type = IdForm)]
    id: String,
    /// The device name that the client sent.
    #[schema(example = "Ada's phone")]
    device_name: Option<String>,
    /// `User-Agent` at login.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    user_agent: Option<String>,
    /// The client's address at login or the last refresh.
    #[schema(example = "203.0.113.7")]
    ip_address: Option<String>,
    /// The creation time.
    #[schema(value_type = TimeForm)]
    created_at: String,
    /// The time of the last refresh.
    #[schema(value_type = TimeForm)]
    last_used_at: String,
    /// Whether it is the session of this request.
    current: bool,
}

impl SessionBody {
    fn of(session: Session, asking: SessionId) -> Self {
        Self {
            current: session.id == asking,
            id: session.id.to_string(),
            device_name: session.device_name,
            user_agent: session.user_agent,
            ip_address: session.ip_address,
            created_at: session.created_at.to_string(),
            last_used_at: session.last_used_at.to_string(),
        }
    }
}

/// The sessions of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionList {
    /// All sessions; their number is limited, so there is one page.
    data: Vec<SessionBody>,
    /// Always `null`.
    #[schema(value_type = Option<CursorForm>)]
    next_cursor: Option<String>,
}

impl SessionList {
    /// `sessions` for the answer to a request of the session `asking`.
    pub(super) fn of(sessions: Vec<Session>, asking: SessionId) -> Self {
        let data = sessions.into_iter().map(|session| SessionBody::of(session, asking)).collect();
        Self { data, next_cursor: None }
    }
}

/// List own sessions
///
/// All sessions of the caller, the most recently used first.
#[utoipa::path(
    get, path = "/auth/sessions", operation_id = "list_own_sessions", tag = "auth",
    responses((status = 200, description = "The sessions.", body = SessionList))
)]
pub async fn list_own_sessions(
    State(services): State<EdgeServices>,
    SignedIn(caller): SignedIn,
) -> Result<Json<SessionList>, ApiError> {
    Ok(Json(SessionList::of(services.auth.sessions(caller.user).await?, caller.session)))
}

impl From<NoSuchSession> for ApiError {
    fn from(NoSuchSession: NoSuchSession) -> Self {
        Self::new(ProblemCode::NotFound)
    }
}

/// End one own session
///
/// Its tokens stop working at once. A session of another user is answered with 404.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", operation_id = "end_own_session", tag = "auth",
    params(("id" = IdForm, Path, description = "The id of the session.")),
    responses((status = 204, description = "The session has ended."))
)]
pub async fn end_own_session(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(caller): SignedIn,
    Path(session): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    let command = EndSession { user: caller.user, session };
    services.auth.run(context, command).await?;
    Ok(StatusCode::NO_CONTENT)
}
