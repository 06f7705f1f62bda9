//! `/invitations`: who may register where registration is by invitation.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    actors::user::{Invite, InviteRefusal, NoSuchInvitation, RevokeInvitation},
    domain::user::Invitation,
    http::{
        error::{ApiError, ProblemCode},
        extract::{Created, Json, List, Path, Rows},
        fields::{Fields, FromFields},
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Invalid, Locale, id::InvitationId},
};

/// Who is to be invited.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct InviteBody {
    /// The address; a code is sent to it, and lets no other address register.
    #[schema(value_type = String, example = "ada@example.com")]
    email: EmailAddress,
    /// Language of the mail.
    #[schema(value_type = Option<String>, example = "en")]
    locale: Option<Locale>,
}

impl FromFields for InviteBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let locale = body.optional("locale").text(Locale::parse);
        Some(Self { email: email?, locale: locale? })
    }
}

/// An invitation. Its code is in the mail alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBody {
    /// The invitation.
    id: String,
    /// The address that may register.
    email: String,
    /// Language of the mail.
    locale: Option<String>,
    /// Who invited; `null`: an operator.
    invited_by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is void.
    #[schema(format = DateTime)]
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

/// Invite somebody to register
///
/// Mails a code to the address; registering with it takes `invitation`. An address that is invited again gets another
/// code, and the one before is void.
#[utoipa::path(
    post, path = "/invitations", operation_id = "create_invitation", tag = "users", request_body = InviteBody,
    responses(
        (status = 201, description = "The code is on its way.", body = InvitationBody),
        (status = 409, description = "The address is a user's already."),
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

/// No filters.
pub struct AllInvitations;

impl FromFields for AllInvitations {
    fn from_fields(_: &mut Fields) -> Option<Self> {
        Some(Self)
    }
}

/// Invitations that wait
///
/// Newest first. A page may hold fewer than asked for: go on while there is a `nextCursor`.
#[utoipa::path(
    get, path = "/invitations", operation_id = "list_invitations", tag = "users",
    params(
        ("limit" = Option<i64>, Query, description = "How many at most, 1 to 100; 20 if it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before."),
    ),
    responses((status = 200, description = "One page.", body = Rows<InvitationBody>))
)]
pub async fn list_invitations(
    State(services): State<EdgeServices>,
    list: List<AllInvitations>,
) -> Result<Json<Rows<InvitationBody>>, ApiError> {
    let after = list.after.as_deref().map(invitation_of_key).transpose()?;
    let page = services.users.invitations(after, list.limit)?;
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

/// Take an invitation back
///
/// Its code is void at once; who has registered with it stays.
#[utoipa::path(
    delete, path = "/invitations/{id}", operation_id = "revoke_invitation", tag = "users",
    params(("id" = String, Path, description = "The invitation.")),
    responses((status = 204, description = "It is void."))
)]
pub async fn revoke_invitation(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, ApiError> {
    services.users.run(context, RevokeInvitation { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
