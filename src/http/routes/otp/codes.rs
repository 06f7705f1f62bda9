//! `/otp`: one-time codes that a signed-in user requests.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::auth::{ConfirmRefusal, OwnCode, OwnPurpose, RequestRefusal},
    domain::{access::Permission, notification::Channel, otp::CodeProgress},
    http::{
        context::SignedIn,
        error::{ApiError, ProblemCode},
        extract::{Accepted, Json, Path},
        fields::{self, Fields, FromFields},
        openapi::forms::{ChannelForm, CodeForm, CodeStatusForm, IdForm, PurposeForm, TimeForm},
        route::{Access::Needs, Class::Standard, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, Invalid, id::CodeId, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(request_code)),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(show_code)),
        row(Public, Needs(Permission::UseOwnAccount), Standard, routes!(verify_code)).either("id", "purpose"),
    ]
}

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

/// The purpose of the code.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CodeRequestBody {
    /// `step_up`: a renewed proof of the user; `verify_email`, `verify_phone`: proof of the address or phone number.
    #[schema(value_type = PurposeForm)]
    purpose: OwnPurpose,
    /// The channel: `sms` for `verify_phone`, else `email`. The default is the channel of the purpose.
    #[schema(value_type = Option<ChannelForm>)]
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

/// A code that is being sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeRequestedBody {
    /// The id of the code, for `POST /otp/verify`.
    #[schema(value_type = IdForm)]
    id: String,
    /// The purpose.
    #[schema(value_type = PurposeForm)]
    purpose: &'static str,
    /// The channel.
    #[schema(value_type = ChannelForm)]
    channel: &'static str,
    /// The expiry time.
    #[schema(value_type = TimeForm)]
    expires_at: String,
    /// The earliest time of the next request for it.
    #[schema(value_type = TimeForm)]
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

/// Request a code
#[utoipa::path(
    post, path = "/otp", operation_id = "request_code", tag = "otp", request_body = CodeRequestBody,
    responses((status = 202, description = "The code is being sent.", body = CodeRequestedBody))
)]
pub async fn request_code(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(caller): SignedIn,
    Json(body): Json<CodeRequestBody>,
) -> Result<Accepted<CodeRequestedBody>, ApiError> {
    let sent = services.auth.request_code(context, caller.user, body.purpose).await?;
    Ok(Accepted(CodeRequestedBody {
        id: sent.code.to_string(),
        purpose: name(body.purpose),
        channel: channel(body.purpose).as_str(),
        expires_at: sent.expires_at.to_string(),
        resend_at: sent.resend_at.to_string(),
    }))
}

/// A requested code, without its digits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeStandingBody {
    /// The id of the code, for `POST /otp/verify`.
    #[schema(value_type = IdForm)]
    id: String,
    /// The purpose.
    #[schema(value_type = PurposeForm)]
    purpose: &'static str,
    /// The channel.
    #[schema(value_type = ChannelForm)]
    channel: &'static str,
    /// `pending`, `verified`, `expired`, or `void` after too many wrong tries.
    #[schema(value_type = CodeStatusForm)]
    status: &'static str,
    /// The number of code tries left; 0 unless it is `pending`.
    #[schema(minimum = 0, maximum = 10, example = 5)]
    attempts_left: u8,
    /// The expiry time.
    #[schema(value_type = TimeForm)]
    expires_at: String,
    /// The earliest time of the next request for it.
    #[schema(value_type = TimeForm)]
    resend_at: String,
}

/// Show a code
///
/// A code is stored for one day after it was sent, or until a new one is drawn for the same purpose.
#[utoipa::path(
    get, path = "/otp/{id}", operation_id = "show_code", tag = "otp",
    params(("id" = IdForm, Path, description = "The `id` in the answer to `POST /otp`.")),
    responses(
        (status = 200, description = "The state of the code.", body = CodeStandingBody),
        (status = 404, description = "The caller has no such code."),
    )
)]
pub async fn show_code(
    State(services): State<EdgeServices>,
    SignedIn(caller): SignedIn,
    Path(id): Path<CodeId>,
) -> Result<Json<CodeStandingBody>, ApiError> {
    let found = services.auth.code_standing(caller.user, id).await?;
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

/// The digits of a code, and its id or purpose.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CodeVerifyBody {
    /// The `id` in the answer to `POST /otp`; this or `purpose`.
    #[schema(value_type = Option<IdForm>)]
    id: Option<CodeId>,
    /// The purpose; this or `id`.
    #[schema(value_type = Option<PurposeForm>)]
    purpose: Option<OwnPurpose>,
    /// The code.
    #[schema(value_type = CodeForm)]
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

/// The state after a right code.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum VerifiedState {
    /// It is verified.
    Verified,
}

/// The code was correct.
#[derive(Debug, Serialize, ToSchema)]
pub struct CodeVerifiedBody {
    /// The state of the code or address.
    #[schema(value_type = VerifiedState)]
    status: &'static str,
}

impl CodeVerifiedBody {
    /// The only one there is.
    pub(in crate::http) fn verified() -> Self {
        Self { status: "verified" }
    }
}

impl From<ConfirmRefusal> for ApiError {
    fn from(refusal: ConfirmRefusal) -> Self {
        match refusal {
            ConfirmRefusal::NoCode => {
                Self::invalid(vec![Invalid::new("code_format", "must be the digits of the code: 6, or 8").at("/code")])
            }
            ConfirmRefusal::Wrong { attempts_left } => {
                Self::new(ProblemCode::CodeWrong).with("attemptsLeft", attempts_left)
            }
            ConfirmRefusal::Expired => Self::new(ProblemCode::CodeExpired),
        }
    }
}

/// Verify a code
#[utoipa::path(
    post, path = "/otp/verify", operation_id = "verify_code", tag = "otp", request_body = CodeVerifyBody,
    responses(
        (status = 200, description = "The code was correct.", body = CodeVerifiedBody),
        (status = 410, description = "The code has expired, or there were too many wrong tries."),
    )
)]
pub async fn verify_code(
    State(services): State<EdgeServices>,
    context: CallContext,
    SignedIn(caller): SignedIn,
    Json(body): Json<CodeVerifyBody>,
) -> Result<Json<CodeVerifiedBody>, ApiError> {
    let which = match (body.id, body.purpose) {
        (Some(id), None) => OwnCode::Id(id),
        (None, Some(purpose)) => OwnCode::Purpose(purpose),
        (Some(_), Some(_)) | (None, None) => return Err(ApiError::new(ProblemCode::ValidationFailed)),
    };
    services.auth.confirm_code(context, (caller, which), &body.code).await?;
    Ok(Json(CodeVerifiedBody::verified()))
}
