//! The error answers of the API: one table of problem codes, and the error type that carries a row of it.
//!
//! The wire form is RFC 9457 (`application/problem+json`) with the members `code`, `requestId`, `errors`, `retryable`
//! and `outcome` beside the standard ones. `docs/reference/errors.md` is printed from [`ProblemCode::ALL`] by a test.

use std::{borrow::Cow, convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde_json::{Map, Value, json};

use crate::types::{Failure, Fault, FieldError, Outcome, limits};

/// One row of the table of codes.
#[derive(Debug, Clone, Copy)]
pub struct ProblemRow {
    /// Stable, snake_case. Clients branch on it.
    pub code: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Whether the same request, unchanged, may succeed later.
    pub retryable: Retry,
    /// The same text for every occurrence of the code (RFC 9457 section 3.1.3).
    pub title: &'static str,
    /// What the code means and what the client can do. It is the `detail` unless a more exact one is set.
    pub meaning: &'static str,
}

/// Whether the client should send the same request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The request may succeed after a wait.
    Later,
    /// The request is refused again.
    Never,
}

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $retry:ident $title:literal $meaning:literal;)*) => {
        /// Why a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $(#[doc = $meaning] $name,)* }

        impl ProblemCode {
            /// Every code, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The row of this code.
            pub const fn row(self) -> ProblemRow {
                match self {
                    $(Self::$name => ProblemRow {
                        code: $code, status: $status, retryable: Retry::$retry, title: $title, meaning: $meaning,
                    },)*
                }
            }
        }
    };
}

codes! {
    // -- the form of the request
    InvalidJson "invalid_json" 400 Never "The body is not JSON"
        "Send one JSON object in UTF-8.";
    InvalidQuery "invalid_query" 400 Never "The query is not valid"
        "`errors` names each parameter that is unknown, repeated or out of its range.";
    InvalidCursor "invalid_cursor" 400 Never "The cursor is not valid"
        "Use an unchanged `nextCursor` with the same filters, or begin without a cursor.";
    InvalidHeader "invalid_header" 400 Never "A header is not valid"
        "`detail` names the header and what it must be.";
    AmbiguousCredentials "ambiguous_credentials" 400 Never "More than one credential"
        "Send either a bearer token or the cookie.";
    IdempotencyNotSupported "idempotency_not_supported" 400 Never "Idempotency-Key is not supported here"
        "Send the request without the header: this route does not store its answers for repeated requests.";
    RequestTimeout "request_timeout" 408 Later "The request arrived too slowly"
        "The head or the body was not complete in time; nothing was done.";
    MalformedRequest "malformed_request" 400 Never "The request cannot be read"
        "The head is not HTTP/1.1 (RFC 9112), or it is ambiguous.";
    HttpVersionNotSupported "http_version_not_supported" 505 Never "The version of HTTP is not supported"
        "Use HTTP/1.1.";
    UriTooLong "uri_too_long" 414 Never "The URI is too long" "Use a shorter path or query.";
    HeadTooLarge "head_too_large" 431 Never "The head is too large" "Send fewer or shorter headers.";
    BodyTooLarge "body_too_large" 413 Never "The body is too large"
        "Send less at once; `detail` names the limit.";
    UnsupportedMediaType "unsupported_media_type" 415 Never "The media type is not supported"
        "Send the body with `Content-Type: application/json`.";
    ValidationFailed "validation_failed" 422 Never "Some values are not valid"
        "`errors` names each field by its JSON pointer, and its rule.";
    NotFound "not_found" 404 Never "Not found"
        "The resource does not exist, or the caller may not see it.";
    MethodNotAllowed "method_not_allowed" 405 Never "The method is not allowed here"
        "`Allow` lists the methods of this path.";
    PreconditionFailed "precondition_failed" 412 Never "The resource was changed in the meantime"
        "Read the resource again and send the new `ETag` in `If-Match`.";
    PreconditionRequired "precondition_required" 428 Never "If-Match is needed"
        "Read the resource first and send its `ETag` in `If-Match`.";
    Conflict "conflict" 409 Never "The request conflicts with the current state"
        "`detail` names the conflict.";

    // -- authentication and permissions
    Unauthenticated "unauthenticated" 401 Never "Sign in first"
        "Send `Authorization: Bearer` with an access token.";
    InvalidToken "invalid_token" 401 Never "The access token is not valid"
        "Refresh it, or sign in again.";
    TokenExpired "token_expired" 401 Never "The access token has expired"
        "Refresh it at POST /auth/refresh.";
    SessionEnded "session_ended" 401 Never "The session has ended"
        "Sign in again.";
    Forbidden "forbidden" 403 Never "Not permitted"
        "Your roles do not include the permission this needs.";
    StepUpRequired "step_up_required" 403 Never "The identity must be proven again"
        "Confirm with a code or the password, then send the request again.";
    LoopbackOnly "loopback_only" 403 Never "Only for clients on this machine"
        "Development routes answer direct loopback requests only.";
    CrossSite "cross_site" 403 Never "Not for another site"
        "The request's origin is not the application's own.";
    HttpsRequired "https_required" 421 Never "Only over https"
        "Send the request to the public https URL: it arrived without TLS and bypassed the TLS proxy.";

    // -- signing in and registration
    InvalidCredentials "invalid_credentials" 401 Never "Signing in was refused"
        "The identifier or the password is wrong, or the address is not verified yet.";
    EmailNotVerified "email_not_verified" 403 Never "The address is not verified yet"
        "Enter the code that was mailed, or request it again.";
    LockedOut "locked_out" 429 Later "Too many failed attempts"
        "Wait for `Retry-After`, or reset the password.";
    InvalidRefreshToken "invalid_refresh_token" 401 Never "The refresh token is not valid"
        "Sign in again.";
    RegistrationClosed "registration_closed" 403 Never "Registration is closed"
        "This installation does not accept this registration; ask its operator.";
    InvitationRequired "invitation_required" 403 Never "Registration is by invitation"
        "Send the code from the mail that invited you as `invitation`.";

    // -- one-time codes
    CodeInvalid "code_invalid" 422 Never "The code is not valid"
        "The code is wrong, has expired, or was replaced; request a new one.";
    CodeWrong "code_wrong" 422 Never "The code is wrong"
        "`attemptsLeft` is the number of tries left.";
    CodeExpired "code_expired" 410 Never "The code has expired or is void"
        "Request a new one.";
    ResendTooSoon "resend_too_soon" 429 Later "A code was sent just now"
        "Wait for `Retry-After` before the next request.";

    // -- users
    EmailTaken "email_taken" 409 Never "The address is registered already"
        "Sign in, or reset the password.";
    UsernameTaken "username_taken" 409 Never "The user name is taken"
        "Choose another one.";
    LastAdmin "last_admin" 409 Never "The last administrator stays"
        "Grant the role to another user first.";
    StatusConflict "status_conflict" 409 Never "The status does not allow this"
        "`detail` names the current status.";

    // -- limits and failures of the server
    RateLimited "rate_limited" 429 Later "Too many requests"
        "Wait for `Retry-After`.";
    Overloaded "overloaded" 503 Later "Too busy at the moment"
        "Nothing was done; wait for `Retry-After`.";
    Unavailable "unavailable" 503 Later "Not available at the moment"
        "Nothing was done; wait for `Retry-After`.";
    DeadlineExpired "deadline_expired" 504 Later "The deadline has passed"
        "Nothing was done; send the request again.";
    OutcomeUnknown "outcome_unknown" 500 Never "The outcome is unknown"
        "The change may or may not have been applied: check before you send the request again.";
    StorageFull "storage_full" 507 Later "The disk is nearly full"
        "Nothing was done; the operator has to free disk space.";
    Internal "internal" 500 Never "Internal error"
        "It is in the log under the `requestId`.";
}

impl ProblemCode {
    /// The challenge of a 401 (RFC 9110 section 15.5.2), in the form of RFC 6750 section 3: it names an error only if
    /// the request carried a bearer token.
    fn challenge(self) -> Option<HeaderValue> {
        const REALM: &str = "Bearer realm=\"majordomo\"";
        match self {
            Self::InvalidToken | Self::TokenExpired | Self::SessionEnded => {
                let title = self.row().title;
                let challenge = format!("{REALM}, error=\"invalid_token\", error_description=\"{title}\"");
                HeaderValue::from_str(&challenge).ok()
            }
            other => (other.row().status == 401).then_some(HeaderValue::from_static(REALM)),
        }
    }
}

/// The error of a handler, an extractor or the edge code.
#[derive(Debug, Clone)]
pub struct ApiError(Box<ApiErrorInner>);

#[derive(Debug, Clone)]
struct ApiErrorInner {
    code: ProblemCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    outcome: Outcome,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Where a problem arose. The edge code adds it to every error answer.
#[derive(Debug, Clone, Copy)]
pub struct ProblemContext<'a> {
    /// The path that precedes `/problems` for clients of the listener; empty at the root of its host.
    pub base: &'a str,
    /// The request's path, without its query.
    pub instance: &'a str,
    /// The request's id.
    pub request_id: &'a str,
}

impl ApiError {
    /// An error whose detail is the row's meaning and whose outcome is `not_applied`.
    pub fn new(code: ProblemCode) -> Self {
        Self(Box::new(ApiErrorInner {
            code,
            detail: Cow::Borrowed(code.row().meaning),
            errors: Vec::new(),
            outcome: Outcome::NotApplied,
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// Field errors: 422 `validation_failed`.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(ProblemCode::ValidationFailed).errors(errors)
    }

    /// Replaces the detail by a more exact one. It must contain no internals and no secrets.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds the refused fields.
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds an extension member (RFC 9457 section 3.2), in camelCase.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets whether the requested change was applied.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    /// Adds a header to the answer. A value that is no valid header value is omitted.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// `Retry-After` in whole seconds, rounded up, at least one (RFC 9110 section 10.2.3).
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, &seconds.max(1).to_string())
    }

    /// 405 with the `Allow` header (RFC 9110 section 15.5.6).
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(ProblemCode::MethodNotAllowed).header(header::ALLOW, allow)
    }

    /// The headers of this error, without those of every problem document.
    pub(in crate::http) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }

    /// The refused fields.
    pub(in crate::http) fn field_errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The problem code.
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// The HTTP status of the code.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The problem document.
    pub fn document(&self, at: ProblemContext<'_>) -> Value {
        let ApiErrorInner { code, detail, errors, outcome, members, .. } = &*self.0;
        let row = code.row();
        let errors = shown(errors);
        let mut document = json!({
            "type": format!("{}/problems/{}", at.base, row.code),
            "title": row.title,
            "status": row.status,
            "detail": detail,
            "instance": &at.instance[..at.instance.floor_char_boundary(limits::INSTANCE_SHOWN)],
            "code": row.code,
            "requestId": at.request_id,
            "errors": errors,
            "retryable": row.retryable == Retry::Later,
            "outcome": outcome.as_str(),
        });
        if let Value::Object(document) = &mut document {
            document.extend(members.clone());
        }
        document
    }

    /// The whole answer: status, headers and problem document.
    pub fn answer(&self, at: ProblemContext<'_>) -> Response<Body> {
        let mut response = Response::new(Body::from(self.document(at).to_string()));
        *response.status_mut() = self.status();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name, value.clone());
        }
        if let Some(challenge) = self.0.code.challenge() {
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
        response
    }
}

/// The field errors for the document, up to `limits::FIELD_ERRORS_BYTES_MAX`. They contain names that the client
/// sent, so the limit keeps the answer from growing with the request.
fn shown(errors: &[FieldError]) -> Vec<Value> {
    let mut room = limits::FIELD_ERRORS_BYTES_MAX;
    let mut rows = Vec::new();
    for error in errors.iter().take(limits::FIELD_ERRORS_MAX) {
        let row = json!({ "pointer": error.pointer, "code": error.code, "detail": error.detail });
        let bytes = row.to_string().len() + 1;
        if bytes > room {
            break;
        }
        room -= bytes;
        rows.push(row);
    }
    rows
}

impl IntoResponse for ApiError {
    /// The edge code (`middleware/frame.rs`) finds the error in the extensions and adds the `ProblemContext`.
    fn into_response(self) -> Response<Body> {
        let mut response = self.answer(ProblemContext { base: "", instance: "", request_id: "" });
        response.extensions_mut().insert(self);
        response
    }
}

/// The only conversion of a fault to an HTTP answer. It logs the fault, so no other code needs to.
impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match &fault {
            Fault::Overloaded { retry_after } => Self::new(ProblemCode::Overloaded).retry_after(*retry_after),
            Fault::Unavailable => Self::new(ProblemCode::Unavailable).retry_after(Duration::from_secs(1)),
            Fault::Expired => Self::new(ProblemCode::DeadlineExpired),
            Fault::StorageFull => Self::new(ProblemCode::StorageFull).retry_after(Duration::from_secs(60)),
            Fault::Unknown { .. } => {
                tracing::error!(%fault, "the outcome of a request is unknown");
                Self::new(ProblemCode::OutcomeUnknown).outcome(fault.outcome())
            }
            Fault::Bug { .. } => {
                tracing::error!(%fault, "a request failed because of a bug");
                Self::new(ProblemCode::Internal)
            }
        }
    }
}

/// The codes of a refusal are defined beside the routes of its service.
impl<R: Into<ApiError>> From<Failure<R>> for ApiError {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Fault(fault) => fault.into(),
        }
    }
}

impl From<Infallible> for ApiError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
