//! `/invitations`: invitations to register, for `auth.registration = "invite"`.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::{
    actors::user::{Invite, InviteRefusal, NoSuchInvitation, RevokeInvitation},
    domain::access::Permission,
    domain::user::Invitation,
    http::{
        error::{ApiError, ProblemCode},
        extract::{Created, Json, List, Path, Rows},
        fields::{Fields, FromFields},
        openapi::forms::{CursorForm, EmailForm, IdForm, LocaleForm, TimeForm},
        route::{Access::Needs, Class::Standard, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Invalid, Locale, id::InvitationId},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Needs(Permission::ManageUsers), Standard, routes!(list_invitations)),
        row(Public, Needs(Permission::ManageUsers), Standard, routes!(create_invitation)),
        row(Public, Needs(Permission::ManageUsers), Standard, routes!(revoke_invitation)),
    ]
}

/// The invitation to create.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct InviteBody {
    /// The address. The code is sent to it, and is valid for this address only.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
    /// Language of the mail.
    #[schema(value_type = Option<LocaleForm>)]
    locale: Option<Locale>,
}

impl FromFields for InviteBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let locale = body.optional("locale").text(Locale::parse);
        Some(Self { email: email?, locale: locale? })
    }
}

/// An invitation. Its code is only in the mail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBody {
    /// The id of the invitation.
    #[schema(value_type = IdForm)]
    id: String,
    /// The address that may register.
    #[schema(value_type = EmailForm)]
    email: String,
    /// Language of the mail.
    #[schema(value_type = Option<LocaleForm>)]
    locale: Option<String>,
    /// The id of the user who invited; `null`: an operator.
    #[schema(value_type = Option<IdForm>)]
    invited_by: Option<String>,
    /// The creation time.
    #[schema(value_type = TimeForm)]
    created_at: String,
    /// The expiry time.
    #[schema(value_type = TimeForm)]
    expires_at: String,
}

impl From<Invitation> for InvitationBody {
    fn from(made: Invitation) -> Self {
        Self {
            id: made.id.to_string(),
            email: made.email.as_str().to_owned(),
            locale: made.locale.map(String::from),
            invited_by: made.invited_by.map(|user| user.to_string()),
            created_at: made.created_at.to_string(),
            expires_at: made.expires_at.to_string(),
        }
    }
}

impl From<InviteRefusal> for ApiError {
    fn from(refusal: InviteRefusal) -> Self {
        match refusal {
            InviteRefusal::EmailTaken => Self::new(ProblemCode::EmailTaken)
                .errors(vec![Invalid::new("email_taken", "the address is a user's already").at("/email")]),
            InviteRefusal::TooSoon { wait } => Self::new(ProblemCode::ResendTooSoon).retry_after(wait),
        }
    }
}

/// Invite a person to register
///
/// Sends a code to the address; the registration sends it as `invitation`. A second invitation of the same address
/// gets a new code, and the earlier code becomes void.
#[utoipa::path(
    post, path = "/invitations", operation_id = "create_invitation", tag = "users", request_body = InviteBody,
    responses(
        (status = 201, description = "The code is being sent.", body = InvitationBody),
        (status = 409, description = "A user has this address already."),
    )
)]
pub async fn create_invitation(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<InviteBody>,
) -> Result<Created<InvitationBody>, ApiError> {
    let command = Invite { email: body.email, locale: body.locale };
    let made = services.users.run(context, command).await?;
    Ok(Created { location: format!("/invitations/{}", made.id), body: made.into() })
}

/// The list has no filters.
pub struct AllInvitations;

impl FromFields for AllInvitations {
    fn from_fields(_: &mut Fields) -> Option<Self> {
        Some(Self)
    }
}

/// List open invitations
///
/// Newest first. A page may contain fewer rows than `limit`: continue while `nextCursor` is not `null`.
#[utoipa::path(
    get, path = "/invitations", operation_id = "list_invitations", tag = "users",
    params(
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
    ),
    responses((status = 200, description = "One page.", body = Rows<InvitationBody>))
)]
pub async fn list_invitations(
    State(services): State<EdgeServices>,
    list: List<AllInvitations>,
) -> Result<Json<Rows<InvitationBody>>, ApiError> {
    let after = list.after.as_deref().map(invitation_of_key).transpose()?;
    let page = services.users.invitations(after, list.limit).await?;
    let next_cursor = page.next.map(|last| list.next(last.as_bytes()));
    Ok(Json(Rows { data: page.rows.into_iter().map(InvitationBody::from).collect(), next_cursor }))
}

fn invitation_of_key(key: &[u8]) -> Result<InvitationId, ApiError> {
    Uuid::from_slice(key).map(InvitationId::from).map_err(|_| ApiError::new(ProblemCode::InvalidCursor))
}

impl From<NoSuchInvitation> for ApiError {
    fn from(NoSuchInvitation: NoSuchInvitation) -> Self {
        Self::new(ProblemCode::NotFound)
    }
}

/// Revoke an invitation
///
/// Its code becomes void at once. A user who registered with it is not affected.
#[utoipa::path(
    delete, path = "/invitations/{id}", operation_id = "revoke_invitation", tag = "users",
    params(("id" = IdForm, Path, description = "The id of the invitation.")),
    responses((status = 204, description = "The invitation is void."))
)]
pub async fn revoke_invitation(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, ApiError> {
    services.users.run(context, RevokeInvitation { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
