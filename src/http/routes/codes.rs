//! `/otp`: one-time codes that signed-in users ask for themselves.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    actors::auth::{ConfirmRefusal, OwnCode, OwnPurpose, RequestRefusal},
    domain::{notification::Channel, otp::CodeProgress},
    http::{
        context::SignedIn,
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json, Path},
        fields::{self, Fields, FromFields},
        services::EdgeServices,
    },
    types::{CallContext, Invalid, id::CodeId, limits},
};

const PURPOSES: &[(&str, OwnPurpose)] = &[
    ("step_up", OwnPurpose::StepUp),
    ("verify_email", OwnPurpose::VerifyEmail),
    ("verify_phone", OwnPurpose::VerifyPhone),
];

fn name(purpose: OwnPurpose) -> &'static str {
    match purpose {
        OwnPurpose::StepUp => "step_up",
        OwnPurpose::VerifyEmail => "verify_email",
        OwnPurpose::VerifyPhone => "verify_phone",
    }
}

/// What the code is to prove.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CodeRequestBody {
    /// `step_up`: that it is still you; `verify_email`, `verify_phone`: that the address or phone is yours.
    #[schema(value_type = String, example = "step_up")]
    purpose: OwnPurpose,
    /// The way it goes: `sms` for `verify_phone`, else `email`; which is also meant if nothing is said.
    #[schema(value_type = Option<String>, example = "email")]
    #[expect(dead_code, reason = "each purpose has one channel; the field is for the contract")]
    channel: Option<()>,
}

impl FromFields for CodeRequestBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let purpose = body.required("purpose").choice(PURPOSES);
        let way = channel(purpose.unwrap_or(OwnPurpose::StepUp)).as_str();
        let channel = body.optional("channel").choice(&[(way, ())]);
        Some(Self { purpose: purpose?, channel: channel? })
    }
}

/// A code that is on its way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeRequestedBody {
    /// For `POST /otp/verify`.
    id: String,
    /// What it is to prove.
    #[schema(example = "step_up")]
    purpose: &'static str,
    /// The way it goes.
    #[schema(example = "email")]
    channel: &'static str,
    /// When it runs out.
    #[schema(format = DateTime)]
    expires_at: String,
    /// From when on it may be asked for again.
    #[schema(format = DateTime)]
    resend_at: String,
}

fn channel(purpose: OwnPurpose) -> Channel {
    match purpose {
        OwnPurpose::StepUp | OwnPurpose::VerifyEmail => Channel::Email,
        OwnPurpose::VerifyPhone => Channel::Sms,
    }
}

impl From<RequestRefusal> for ApiError {
    fn from(refusal: RequestRefusal) -> Self {
        let at_purpose = |code, detail| Self::invalid(vec![Invalid::new(code, detail).at("/purpose")]);
        match refusal {
            RequestRefusal::NoChannel => {
                at_purpose("no_channel", "this installation has no way to send a code to a phone")
            }
            RequestRefusal::NoPhone => at_purpose("no_phone", "your account has no phone number"),
            RequestRefusal::AlreadyVerified => at_purpose("already_verified", "your address is verified already"),
            RequestRefusal::TooSoon { wait } => Self::new(ProblemCode::ResendTooSoon).retry_after(wait),
            RequestRefusal::SessionEnded => Self::new(ProblemCode::SessionEnded),
        }
    }
}

/// Send me a code
#[utoipa::path(
    post, path = "/otp", operation_id = "request_code", tag = "otp", request_body = CodeRequestBody,
    responses((status = 202, description = "It is on its way.", body = CodeRequestedBody))
)]
pub async fn request_code(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(who): SignedIn,
    Json(body): Json<CodeRequestBody>,
) -> Result<Accepted<CodeRequestedBody>, ApiError> {
    let sent = services.auth.request_code(context, who.user, body.purpose).await?;
    Ok(Accepted(CodeRequestedBody {
        id: sent.code.to_string(),
        purpose: name(body.purpose),
        channel: channel(body.purpose).as_str(),
        expires_at: sent.expires_at.to_string(),
        resend_at: sent.resend_at.to_string(),
    }))
}

/// A code that was asked for, without its digits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeStandingBody {
    /// For `POST /otp/verify`.
    id: String,
    /// What it is to prove.
    #[schema(example = "step_up")]
    purpose: &'static str,
    /// The way it went.
    #[schema(example = "email")]
    channel: &'static str,
    /// `pending`, `verified`, `expired`, or `void` after too many wrong tries.
    #[schema(example = "pending")]
    status: &'static str,
    /// Tries that are left; 0 unless it is `pending`.
    #[schema(example = 5)]
    attempts_left: u8,
    /// When it runs out.
    #[schema(format = DateTime)]
    expires_at: String,
    /// From when on it may be asked for again.
    #[schema(format = DateTime)]
    resend_at: String,
}

/// How does my code stand?
///
/// A code is remembered for a day after it was sent, and until another is drawn for the same purpose.
#[utoipa::path(
    get, path = "/otp/{id}", operation_id = "show_code", tag = "otp",
    params(("id" = String, Path, description = "What asking for the code answered.")),
    responses(
        (status = 200, description = "How it stands.", body = CodeStandingBody),
        (status = 404, description = "You have no such code."),
    )
)]
pub async fn show_code(
    State(services): State<EdgeServices>,
    SignedIn(who): SignedIn,
    Path(id): Path<CodeId>,
) -> Result<Json<CodeStandingBody>, ApiError> {
    let found = services.auth.code_standing(who.user, id)?;
    let (purpose, standing) = found.ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    let (status, attempts_left) = match standing.progress {
        CodeProgress::Pending { attempts_left } => ("pending", attempts_left),
        CodeProgress::Verified => ("verified", 0),
        CodeProgress::Expired => ("expired", 0),
        CodeProgress::Void => ("void", 0),
    };
    Ok(Json(CodeStandingBody {
        id: standing.code.to_string(),
        purpose: name(purpose),
        channel: channel(purpose).as_str(),
        status,
        attempts_left,
        expires_at: standing.expires_at.to_string(),
        resend_at: standing.resend_at.to_string(),
    }))
}

/// A code, and which one it is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CodeVerifyBody {
    /// What asking for it answered; this or `purpose`.
    #[schema(value_type = Option<String>)]
    id: Option<CodeId>,
    /// What it is to prove; this or `id`.
    #[schema(value_type = Option<String>, example = "step_up")]
    purpose: Option<OwnPurpose>,
    /// Six digits.
    #[schema(value_type = String, example = "123456")]
    code: String,
}

impl FromFields for CodeVerifyBody {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let id = body.optional("id").text(str::parse::<CodeId>);
        let purpose = body.optional("purpose").choice(PURPOSES);
        let code = body.required("code").text(fields::line(limits::CODE_INPUT_MAX));
        let (id, purpose) = (id?, purpose?);
        if id.is_some() == purpose.is_some() {
            body.refuse("id", Invalid::new("one_of", "give either id or purpose"));
            return None;
        }
        Some(Self { id, purpose, code: code? })
    }
}

/// The code was right.
#[derive(Debug, Serialize, ToSchema)]
pub struct CodeVerifiedBody {
    /// Always `verified`.
    #[schema(example = "verified")]
    status: &'static str,
}

impl From<ConfirmRefusal> for ApiError {
    fn from(refusal: ConfirmRefusal) -> Self {
        match refusal {
            ConfirmRefusal::NoCode => {
                Self::invalid(vec![Invalid::new("code_format", "must be six digits").at("/code")])
            }
            ConfirmRefusal::Wrong { attempts_left } => {
                Self::new(ProblemCode::CodeWrong).with("attemptsLeft", attempts_left)
            }
            ConfirmRefusal::Expired => Self::new(ProblemCode::CodeExpired),
        }
    }
}

/// Here is the code
#[utoipa::path(
    post, path = "/otp/verify", operation_id = "verify_code", tag = "otp", request_body = CodeVerifyBody,
    responses(
        (status = 200, description = "It was right.", body = CodeVerifiedBody),
        (status = 410, description = "It has run out, or there were too many wrong ones."),
    )
)]
pub async fn verify_code(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(who): SignedIn,
    Json(body): Json<CodeVerifyBody>,
) -> Result<Json<CodeVerifiedBody>, ApiError> {
    let which = match (body.id, body.purpose) {
        (Some(id), None) => OwnCode::Id(id),
        (None, Some(purpose)) => OwnCode::Purpose(purpose),
        (Some(_), Some(_)) | (None, None) => return Err(ApiError::new(ProblemCode::ValidationFailed)),
    };
    services.auth.confirm_code(context, (who, which), &body.code).await?;
    Ok(Json(CodeVerifiedBody { status: "verified" }))
}
