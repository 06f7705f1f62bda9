//! `/auth/password/*`: forgotten, reset, changed.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::auth::{
        ChangePassword, ChangeRefusal, ForgotPassword, ResetBy, ResetPassword, ResetProof, ResetRefusal, ResetRequested,
    },
    domain::{access::Permission, auth::password_policy::PasswordContext},
    http::{
        context::SignedIn,
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json},
        fields::{self, Fields, FromFields},
        openapi::forms::{CodeForm, EmailForm, IdForm, LinkSecretForm, NewPasswordForm, PasswordForm, TimeForm},
        route::{
            Access::{Anonymous, Needs},
            Class::{CodeRequest, Login, Standard},
            On::Public,
            Route, row,
        },
        services::EdgeServices,
    },
    types::{CallContext, EmailAddress, Invalid, Secret, id::ResetId, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Anonymous, CodeRequest, routes!(forgot)),
        row(Public, Anonymous, Login, routes!(reset)).either("resetId", "email"),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(change)),
    ]
}

/// Whose password is forgotten.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ForgotPasswordBody {
    /// The address; a code is sent to it if it is known.
    #[schema(value_type = EmailForm)]
    email: EmailAddress,
}

impl FromFields for ForgotPasswordBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        Some(Self { email: email? })
    }
}

/// The request, for `POST /auth/password/reset`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetRequestedBody {
    /// The request.
    #[schema(value_type = IdForm)]
    reset_id: String,
    /// The latest time at which the code ends.
    #[schema(value_type = TimeForm)]
    expires_at: String,
    /// The time from which another mail may be requested.
    #[schema(value_type = TimeForm)]
    resend_at: String,
}

/// Ask for a password reset
///
/// Answers the same for every address; its owner is sent a code. Asking again sends the same code, once a minute.
#[utoipa::path(
    post, path = "/auth/password/forgot", operation_id = "forgot_password", tag = "auth",
    request_body = ForgotPasswordBody,
    responses((status = 202, description = "A code was sent, if the address is known.", body = ResetRequestedBody))
)]
pub async fn forgot(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<ForgotPasswordBody>,
) -> Result<Accepted<ResetRequestedBody>, ApiError> {
    let command = ForgotPassword { email: body.email };
    let ResetRequested { reset, expires_at, resend_at } = services.auth.run(context, command).await?;
    Ok(Accepted(ResetRequestedBody {
        reset_id: reset.to_string(),
        expires_at: expires_at.to_string(),
        resend_at: resend_at.to_string(),
    }))
}

/// The code that was mailed, and the new password.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ResetByCodeBody {
    /// What `POST /auth/password/forgot` answered; this or `email`.
    #[schema(value_type = Option<IdForm>)]
    reset_id: Option<ResetId>,
    /// The address; this or `resetId`. Code tries of an address are limited per day.
    #[schema(value_type = Option<EmailForm>)]
    email: Option<EmailAddress>,
    /// The code.
    #[schema(value_type = CodeForm)]
    code: String,
    /// The new password.
    #[schema(value_type = NewPasswordForm)]
    new_password: Secret,
}

/// The link that was mailed, and the new password.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ResetByLinkBody {
    /// The secret of the link.
    #[schema(value_type = LinkSecretForm)]
    secret: Secret,
    /// The new password.
    #[schema(value_type = NewPasswordForm)]
    new_password: Secret,
}

/// The code or the secret of the link that was mailed, and the new password.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum ResetPasswordBody {
    /// By the code.
    Code(ResetByCodeBody),
    /// By the link.
    Link(ResetByLinkBody),
}

impl FromFields for ResetPasswordBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        const EITHER: Invalid = Invalid::new("one_of", "give either resetId and code, or secret");
        let reset_id = body.optional("resetId").text(str::parse::<ResetId>);
        let email = body.optional("email").text(EmailAddress::parse);
        let code = body.optional("code").text(fields::line(limits::CODE_INPUT_MAX));
        let secret = body.optional("secret").secret();
        let owner = PasswordContext { email: email.as_ref().and_then(Option::as_ref), username: None };
        let new_password = body.new_password("newPassword", owner);
        let (reset_id, email) = (reset_id?, email?);
        if reset_id.is_some() && email.is_some() {
            body.refuse("email", Invalid::new("one_of", "give either resetId or email"));
            return None;
        }
        let is_named = reset_id.is_some() || email.is_some();
        match (is_named, code?, secret?) {
            (true, Some(code), None) => {
                return Some(Self::Code(ResetByCodeBody { reset_id, email, code, new_password: new_password? }));
            }
            (false, None, Some(secret)) => {
                return Some(Self::Link(ResetByLinkBody { secret, new_password: new_password? }));
            }
            (true, None, None) => body.refuse("code", fields::MISSING),
            (false, Some(_), None) => body.refuse("resetId", fields::MISSING),
            (false, None, None) => body.refuse("resetId", EITHER),
            (true, _, Some(_)) | (false, Some(_), Some(_)) => body.refuse("secret", EITHER),
        }
        None
    }
}

impl TryFrom<ResetPasswordBody> for ResetPassword {
    type Error = ApiError;

    fn try_from(body: ResetPasswordBody) -> Result<Self, ApiError> {
        match body {
            ResetPasswordBody::Code(ResetByCodeBody { reset_id, email, code, new_password }) => {
                let by = match (reset_id, email) {
                    (Some(id), None) => ResetBy::Id(id),
                    (None, Some(email)) => ResetBy::Address(email),
                    (Some(_), Some(_)) | (None, None) => return Err(ApiError::new(ProblemCode::ValidationFailed)),
                };
                Ok(Self { proof: ResetProof::Code { by, code }, new_password })
            }
            ResetPasswordBody::Link(ResetByLinkBody { secret, new_password }) => {
                Ok(Self { proof: ResetProof::Link(secret), new_password })
            }
        }
    }
}

impl From<ResetRefusal> for ApiError {
    fn from(refusal: ResetRefusal) -> Self {
        match refusal {
            ResetRefusal::Fields(errors) => Self::invalid(errors),
            ResetRefusal::CodeInvalid => Self::new(ProblemCode::CodeInvalid),
        }
    }
}

/// Reset a password
///
/// Sets a new password by the code that was mailed, or by the secret of the link in the same mail: all sessions end,
/// and an address that was never verified is now: its user has an id of its own, not that of a registration. Sent again
/// with the same password it answers the same; code and secret set no other one.
#[utoipa::path(
    post, path = "/auth/password/reset", operation_id = "reset_password", tag = "auth",
    request_body = ResetPasswordBody,
    responses((status = 204, description = "The new password is set."))
)]
pub async fn reset(
    State(services): State<EdgeServices>,
    context: CallContext,
    Json(body): Json<ResetPasswordBody>,
) -> Result<StatusCode, ApiError> {
    let command = ResetPassword::try_from(body)?;
    services.auth.run(context, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Both passwords.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ChangePasswordBody {
    /// The present password.
    #[schema(value_type = PasswordForm)]
    current_password: Secret,
    /// The new password.
    #[schema(value_type = NewPasswordForm)]
    new_password: Secret,
}

impl FromFields for ChangePasswordBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let current_password = body.required("currentPassword").secret();
        let new_password = body.new_password("newPassword", PasswordContext::default());
        Some(Self { current_password: current_password?, new_password: new_password? })
    }
}

impl From<ChangeRefusal> for ApiError {
    fn from(refusal: ChangeRefusal) -> Self {
        match refusal {
            ChangeRefusal::Fields(errors) => Self::invalid(errors),
            ChangeRefusal::LockedOut { wait } => Self::new(ProblemCode::LockedOut).retry_after(wait),
            ChangeRefusal::WrongPassword => {
                Self::invalid(vec![Invalid::new("wrong_password", "is not your password").at("/currentPassword")])
            }
            ChangeRefusal::SessionEnded => Self::new(ProblemCode::SessionEnded),
        }
    }
}

/// Change my password
///
/// Sets a new password by the one before. The caller's other sessions end; this one goes on.
#[utoipa::path(
    post, path = "/auth/password/change", operation_id = "change_password", tag = "auth",
    request_body = ChangePasswordBody,
    responses((status = 204, description = "The new password is set."))
)]
pub async fn change(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(caller): SignedIn,
    Json(body): Json<ChangePasswordBody>,
) -> Result<StatusCode, ApiError> {
    let command = ChangePassword { caller, current: body.current_password, new: body.new_password };
    services.auth.run(context, command).await?;
    Ok(StatusCode::NO_CONTENT)
}
