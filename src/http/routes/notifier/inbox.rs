//! `/dev/inbox`: development mode only, and only for direct loopback requests.

use std::time::Duration;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::{
    domain::notification::{InboxMail, MailSelector},
    http::{
        accept::AnswerForm,
        error::{ApiError, ProblemCode},
        extract::{Json, List, Path, Query, Rows},
        fields::{Fields, FromFields, line},
        openapi::forms::{ChannelForm, CursorForm, IdForm, TemplateForm, TimeForm},
        pages::INBOX,
        route::{Access::Development, Class::Exempt, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{id::MailId, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Public, Development, Exempt, routes!(list_inbox_mails)).streams(),
        row(Public, Development, Exempt, routes!(show_inbox_code)).streams(),
        row(Public, Development, Exempt, routes!(show_inbox_mail)),
    ]
}

/// Which mails are wanted, and how long to wait for one.
pub struct MailQuery {
    select: MailSelector,
    wait: Duration,
}

impl FromFields for MailQuery {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let longest = i64::try_from(limits::INBOX_WAIT_MAX.as_secs()).unwrap_or(i64::MAX);
        let to = query.optional("to").text(line(limits::EMAIL_MAX));
        let after = query.optional("after").text(str::parse::<MailId>);
        let wait = query.optional("wait").integer(0..=longest);
        let seconds = wait?.and_then(|wait| u64::try_from(wait).ok()).unwrap_or(0);
        let select = MailSelector { to: to?, after: after?, before: None };
        Some(Self { select, wait: Duration::from_secs(seconds) })
    }
}

/// A message in the development inbox, which was not sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptMail {
    /// The id of the message.
    #[schema(value_type = IdForm)]
    id: String,
    /// The channel of the message.
    #[schema(value_type = ChannelForm)]
    channel: &'static str,
    /// The recipient.
    #[schema(example = "ada@example.com")]
    to: String,
    /// The name of the template.
    #[schema(value_type = TemplateForm)]
    template: &'static str,
    /// Subject line.
    #[schema(example = "Your code")]
    subject: String,
    /// Plain text.
    #[schema(example = "Your code is 123456.")]
    text: String,
    /// HTML.
    #[schema(example = "<p>Your code is <b>123456</b>.</p>")]
    html: String,
    /// The code in it, if it has one.
    #[schema(example = "123456")]
    code: Option<String>,
    /// The link in it, if it has one.
    #[schema(example = json!(null))]
    link: Option<String>,
    /// When it arrived.
    #[schema(value_type = TimeForm)]
    created_at: String,
}

impl From<InboxMail> for KeptMail {
    fn from(mail: InboxMail) -> Self {
        Self {
            id: mail.id.to_string(),
            channel: mail.channel.as_str(),
            to: mail.to,
            template: mail.template.as_str(),
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            code: mail.code,
            link: mail.link,
            created_at: mail.created_at.to_string(),
        }
    }
}

/// List the development inbox
///
/// The mail that was not sent, newest first. With `wait`, an empty answer is delayed until a message arrives; with
/// `wait` and `after`, until one arrives after that message. A browser, which names `text/html` in `Accept`, gets the
/// inbox as a page, which shows new messages as they arrive.
#[utoipa::path(
    get, path = "/dev/inbox", operation_id = "list_inbox_mails", tag = "development",
    params(
        ("to" = Option<String>, Query,
            description = "Only messages to this address, in upper or lower case.", min_length = 1, max_length = 254),
        ("after" = Option<IdForm>, Query, description = "Only messages that arrived after the one with this id."),
        ("wait" = Option<i64>, Query,
            description = "Seconds to wait for a message if there is none.", minimum = 0, maximum = 30),
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
    ),
    responses((
        status = 200, description = "The messages, newest first: at most 1,000, for 24 h.",
        content((Rows<KeptMail> = "application/json"), (String = "text/html")),
    ))
)]
pub async fn list_inbox_mails(
    State(services): State<EdgeServices>,
    form: AnswerForm,
    list: List<MailQuery>,
) -> Result<Response, ApiError> {
    let answer = match form {
        AnswerForm::Page => INBOX.answer(),
        AnswerForm::Json => {
            let before = list.after.as_deref().map(mail_of_key).transpose()?;
            let MailQuery { select, wait } = &list.filter;
            // No later mail can be before the cursor.
            let wait = if before.is_some() { Duration::ZERO } else { *wait };
            let select = MailSelector { before, ..select.clone() };
            let mails = services.notifier.inbox(&select, wait, list.limit).await?;
            let last = mails.last().filter(|_| mails.len() == list.limit.rows());
            let next_cursor = last.map(|last| list.next(last.id.as_bytes()));
            Json(Rows { data: mails.into_iter().map(KeptMail::from).collect(), next_cursor }).into_response()
        }
    };
    Ok(([(header::VARY, "accept, origin")], answer).into_response())
}

fn mail_of_key(key: &[u8]) -> Result<MailId, ApiError> {
    Uuid::from_slice(key).map(MailId::from).map_err(|_| ApiError::new(ProblemCode::InvalidCursor))
}

/// Show the newest code in the development inbox
///
/// The code alone, as text, for a script: `curl -fsS 'http://127.0.0.1:8080/dev/inbox/code?to=ada@example.com&wait=5'`.
#[utoipa::path(
    get, path = "/dev/inbox/code", operation_id = "show_inbox_code", tag = "development",
    params(
        ("to" = Option<String>, Query,
            description = "Only messages to this address, in upper or lower case.", min_length = 1, max_length = 254),
        ("after" = Option<IdForm>, Query, description = "Only messages that arrived after the one with this id."),
        ("wait" = Option<i64>, Query,
            description = "Seconds to wait for a code if there is none.", minimum = 0, maximum = 30),
    ),
    responses(
        (status = 200, description = "The code.", content_type = "text/plain", body = String, example = "482913"),
        (status = 404, description = "No message with a code arrived in that time."),
    )
)]
pub async fn show_inbox_code(
    State(services): State<EdgeServices>,
    Query(query): Query<MailQuery>,
) -> Result<Response, ApiError> {
    let code = services.notifier.inbox_code(&query.select, query.wait).await?;
    let code =
        code.ok_or_else(|| ApiError::new(ProblemCode::NotFound).detail("No message with a code has arrived."))?;
    Ok(plain_text(format!("{}\n", code.reveal())))
}

/// Under this policy the frame of a mail runs no script, sends no form, and loads nothing but images that it contains.
/// Its links open in a window of their own.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
     style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Show a message of the development inbox as a mail program shows it
///
/// For the frame of the inbox's page. No script of the message runs.
#[utoipa::path(
    get, path = "/dev/inbox/{id}/html", operation_id = "show_inbox_mail", tag = "development",
    params(("id" = IdForm, Path, description = "The id of the message.")),
    responses(
        (status = 200, description = "The HTML of the message; a text message as text.", content_type = "text/html",
         body = String),
        (status = 404, description = "There is no such message; the inbox keeps a message for 24 h."),
    )
)]
pub async fn show_inbox_mail(
    State(services): State<EdgeServices>,
    Path(id): Path<MailId>,
) -> Result<Response, ApiError> {
    let mail = services.notifier.inbox_mail(id).await?.ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    let policy = [(header::CONTENT_SECURITY_POLICY, MAIL_POLICY)];
    if mail.html.is_empty() {
        return Ok((policy, plain_text(mail.text)).into_response());
    }
    let html = mail.html.replacen("<head>", "<head><base target=\"_blank\">", 1);
    Ok((policy, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

fn plain_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
