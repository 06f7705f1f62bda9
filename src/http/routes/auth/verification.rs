//! `/auth/verify-email`: the code that makes a registration a user, and sending it again.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::http::routes::otp::codes::CodeVerifiedBody;
use crate::http::routes::user::user_body::UserBody;
use crate::{
    actors::auth::{
        CodeInvalid, EmailProof, EmailVerified, LogoutTokens, Registrant, ResendVerification, Resent, VerifyEmail,
    },
    http::{
        credential::Bearer,
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json},
        fields::{self, Fields, FromFields},
        openapi::forms::{CodeForm, EmailForm, IdForm, LinkSecretForm, TimeForm},
        route::{
            Access::Anonymous,
            Class::{CodeRequest, Login},
            On::Public,
            Route, row,
        },
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Invalid, Secret, Timestamp, id::UserId, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Anonymous, Login, routes!(verify_email)).takes_bearer(),
        row(Public, Anonymous, CodeRequest, routes!(resend_verification)).either("userId", "email"),
    ]
}

/// When a code runs out at the latest and when another may be asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The latest time at which a code sent now runs out; a code that is sent again keeps its own end, which the mail
    /// names.
    #[schema(value_type = TimeForm)]
    expires_at: String,
    /// The time from which the code may be requested again.
    #[schema(value_type = TimeForm)]
    resend_at: String,
}

impl Verification {
    /// Of two times.
    pub(super) fn of(expires_at: Timestamp, resend_at: Timestamp) -> Self {
        Self { expires_at: expires_at.to_string(), resend_at: resend_at.to_string() }
    }
}

/// A registration, and the code that was sent to its address.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct VerifyByCodeBody {
    /// The id that registration answered. The address names no registration: other people may have registered it, with
    /// passwords of their own.
    #[schema(value_type = IdForm)]
    user_id: UserId,
    /// The code.
    #[schema(value_type = CodeForm)]
    code: String,
}

/// The link that was sent to the address of a registration.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct VerifyByLinkBody {
    /// The secret of the link.
    #[schema(value_type = LinkSecretForm)]
    secret: Secret,
}

/// The code or the secret of the link that was mailed: `userId` and `code`, or `secret`.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum VerifyEmailBody {
    /// By the code.
    Code(VerifyByCodeBody),
    /// By the link.
    Link(VerifyByLinkBody),
}

impl FromFields for VerifyEmailBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        const EITHER: Invalid = Invalid::new("one_of", "give either userId and code, or secret");
        let user_id = body.optional("userId").text(str::parse::<UserId>);
        let code = body.optional("code").text(fields::line(limits::CODE_INPUT_MAX));
        let secret = body.optional("secret").secret();
        match (user_id?, code?, secret?) {
            (Some(user_id), Some(code), None) => return Some(Self::Code(VerifyByCodeBody { user_id, code })),
            (None, None, Some(secret)) => return Some(Self::Link(VerifyByLinkBody { secret })),
            (Some(_), None, None) => body.refuse("code", fields::MISSING),
            (None, Some(_), None) => body.refuse("userId", fields::MISSING),
            (None, None, None) => body.refuse("userId", EITHER),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => body.refuse("secret", EITHER),
        }
        None
    }
}

impl From<VerifyEmailBody> for EmailProof {
    fn from(body: VerifyEmailBody) -> Self {
        match body {
            VerifyEmailBody::Code(VerifyByCodeBody { user_id, code }) => Self::Code { owner: user_id, code },
            VerifyEmailBody::Link(VerifyByLinkBody { secret }) => Self::Link(secret),
        }
    }
}

/// What a right code answers: the user or, if it was used before, that the address is verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EmailVerifiedBody {
    /// By this code.
    Now(Box<UserBody>),
    /// By the same code before; no profile is shown again.
    Before(CodeVerifiedBody),
}

impl From<EmailVerified> for EmailVerifiedBody {
    fn from(verified: EmailVerified) -> Self {
        match verified {
            EmailVerified::Now(user) => Self::Now(Box::new((*user).into())),
            EmailVerified::Before => Self::Before(CodeVerifiedBody::verified()),
        }
    }
}

/// Reads `userId` or `email`: exactly one of them.
fn registrant(body: &mut Fields) -> Option<(Option<UserId>, Option<EmailAddress>)> {
    let user_id = body.optional("userId").text(str::parse::<UserId>);
    let email = body.optional("email").text(EmailAddress::parse);
    let (user_id, email) = (user_id?, email?);
    if user_id.is_some() == email.is_some() {
        body.refuse("email", Invalid::new("one_of", "give either userId or email"));
        return None;
    }
    Some((user_id, email))
}

fn registrant_of(user_id: Option<UserId>, email: Option<EmailAddress>) -> Result<Registrant, ApiError> {
    match (user_id, email) {
        (Some(id), None) => Ok(Registrant::Id(id)),
        (None, Some(email)) => Ok(Registrant::Address(email)),
        (Some(_), Some(_)) | (None, None) => Err(ApiError::new(ProblemCode::ValidationFailed)),
    }
}

impl From<CodeInvalid> for ApiError {
    fn from(CodeInvalid: CodeInvalid) -> Self {
        Self::new(ProblemCode::CodeInvalid)
    }
}

/// Verify an address
///
/// The right code, or the secret of the link in the same mail, makes the registration a user; either of them again
/// answers `{ "status": "verified" }`. Where users
/// sign in before they have proven their address, all sessions of the user end but that of the bearer token, if one is
/// sent. Fails in one way only, whatever the reason.
#[utoipa::path(
    post, path = "/auth/verify-email", operation_id = "verify_email", tag = "auth", request_body = VerifyEmailBody,
    responses((status = 200, description = "The address is verified.", body = EmailVerifiedBody))
)]
pub async fn verify_email(
    State(services): State<EdgeServices>,
    context: CallContext,
    Bearer(bearer): Bearer,
    Json(body): Json<VerifyEmailBody>,
) -> Result<Json<EmailVerifiedBody>, ApiError> {
    let prover = services.auth.session_named_by(&LogoutTokens { bearer, refresh: None }).await?;
    let command = VerifyEmail { proof: body.into(), prover };
    let verified = services.auth.run(context, command).await?;
    Ok(Json(verified.into()))
}

/// Whose code is to be sent again.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ResendBody {
    /// The id that registration answered; this or `email`.
    #[schema(value_type = Option<IdForm>)]
    user_id: Option<UserId>,
    /// The address; this or `userId`.
    #[schema(value_type = Option<EmailForm>)]
    email: Option<EmailAddress>,
}

impl FromFields for ResendBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let (user_id, email) = registrant(body)?;
        Some(Self { user_id, email })
    }
}

/// Send the code again
///
/// Sends the same code, at most once a minute; answers the same for every address.
#[utoipa::path(
    post, path = "/auth/verify-email/resend", operation_id = "resend_verification", tag = "auth",
    request_body = ResendBody,
    responses((status = 202, description = "Sent, if there is one to send.", body = Verification))
)]
pub async fn resend_verification(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<ResendBody>,
) -> Result<Accepted<Verification>, ApiError> {
    let registrant = registrant_of(body.user_id, body.email)?;
    let Resent { expires_at, resend_at } = services.auth.run(context, ResendVerification { registrant }).await?;
    Ok(Accepted(Verification::of(expires_at, resend_at)))
}
