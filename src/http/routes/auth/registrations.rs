//! `/registrations`: registrations that wait for their codes, for administrators.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::verification::Verification;
use crate::{
    actors::{
        auth::{DropRegistration, NoSuchRegistration, RegistrationResent, ResendRefusal, ResendRegistration},
        user::{AccessKind, NoteAccess},
    },
    domain::{access::Permission, auth::Registration},
    http::{
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json, List, Path, Rows},
        fields::{Fields, FromFields},
        openapi::forms::{CursorForm, EmailForm, IdForm, TimeForm},
        route::{Access::Needs, Class::Standard, On::Public, Route, row},
        routes::user::profile_body::ProfileBody,
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, id::UserId},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Needs(Permission::ManageUsers), Standard, routes!(list_registrations)),
        row(Public, Needs(Permission::ManageUsers), Standard, routes!(resend_registration)),
        row(Public, Needs(Permission::ManageUsers), Standard, routes!(drop_registration)),
    ]
}

/// The filter of the list.
pub struct RegistrationFilter {
    email: Option<EmailAddress>,
}

impl FromFields for RegistrationFilter {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let email = query.optional("email").text(EmailAddress::parse);
        Some(Self { email: email? })
    }
}

/// A registration that waits for its code, which is only in the mail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationBody {
    /// The id of the registration, and of its future user.
    #[schema(value_type = IdForm)]
    id: String,
    /// The address, which is not proven.
    #[schema(value_type = EmailForm)]
    email: String,
    #[serde(flatten)]
    profile: ProfileBody,
    /// The creation time.
    #[schema(value_type = TimeForm)]
    created_at: String,
    /// The expiry time of the registration; its code expires earlier.
    #[schema(value_type = TimeForm)]
    expires_at: String,
}

impl From<Registration> for RegistrationBody {
    fn from(waiting: Registration) -> Self {
        Self {
            id: waiting.id.to_string(),
            email: waiting.email.as_str().to_owned(),
            profile: waiting.profile.into(),
            created_at: waiting.created_at.to_string(),
            expires_at: waiting.expires_at.to_string(),
        }
    }
}

/// List pending registrations
///
/// Newest first: those whose code, if it is entered, makes a user. A page may be short, even empty: follow `nextCursor`
/// until it is `null`.
#[utoipa::path(
    get, path = "/registrations", operation_id = "list_registrations", tag = "users",
    params(
        ("email" = Option<EmailForm>, Query, description = "Only the registrations of this address."),
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
    ),
    responses((status = 200, description = "One page.", body = Rows<RegistrationBody>))
)]
pub async fn list_registrations(
    State(services): State<EdgeServices>,
    context: CallContext,
    list: List<RegistrationFilter>,
) -> Result<Json<Rows<RegistrationBody>>, ApiError> {
    let after = list.after.as_deref().map(registration_of_key).transpose()?;
    let page = services.auth.registrations(list.filter.email.clone(), after, list.limit).await?;
    let next_cursor = page.next.map(|last| list.next(last.as_bytes()));
    let note = NoteAccess { kind: AccessKind::ReadUsers, operation: "list_registrations".to_owned() };
    services.users.run(context, note).await?;
    Ok(Json(Rows { data: page.rows.into_iter().map(RegistrationBody::from).collect(), next_cursor }))
}

fn registration_of_key(key: &[u8]) -> Result<UserId, ApiError> {
    Uuid::from_slice(key).map(UserId::from).map_err(|_| ApiError::new(ProblemCode::InvalidCursor))
}

impl From<ResendRefusal> for ApiError {
    fn from(refusal: ResendRefusal) -> Self {
        match refusal {
            ResendRefusal::NotFound => Self::new(ProblemCode::NotFound),
            ResendRefusal::TooSoon { wait } => Self::new(ProblemCode::ResendTooSoon).retry_after(wait),
        }
    }
}

/// Send the code of a registration again
///
/// Within the limits on sending codes. The code is only in the mail.
#[utoipa::path(
    post, path = "/registrations/{id}/resend", operation_id = "resend_registration", tag = "users",
    params(("id" = IdForm, Path, description = "The id of the registration.")),
    responses(
        (status = 202, description = "The code is being sent.", body = Verification),
        (status = 429, description = "A code was sent just now (`resend_too_soon`)."),
    )
)]
pub async fn resend_registration(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(id): Path<UserId>,
) -> Result<Accepted<Verification>, ApiError> {
    let RegistrationResent { expires_at, resend_at } = services.auth.run(context, ResendRegistration { id }).await?;
    Ok(Accepted(Verification::of(expires_at, resend_at)))
}

impl From<NoSuchRegistration> for ApiError {
    fn from(NoSuchRegistration: NoSuchRegistration) -> Self {
        Self::new(ProblemCode::NotFound)
    }
}

/// Drop a registration
///
/// Its code and its link become void at once, and its user name is free. The address may register again.
#[utoipa::path(
    delete, path = "/registrations/{id}", operation_id = "drop_registration", tag = "users",
    params(("id" = IdForm, Path, description = "The id of the registration to remove.")),
    responses((status = 204, description = "The registration is removed."))
)]
pub async fn drop_registration(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    services.auth.run(context, DropRegistration { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
