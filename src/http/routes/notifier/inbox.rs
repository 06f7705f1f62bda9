//! `/dev/*`: development mode only, and only for direct loopback requests.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    domain::notification::InboxMail,
    http::{
        error::ApiError,
        extract::{Json, Query},
        fields::{Fields, FromFields, line},
        route::{Access::Development, Class::Exempt, On::Public, Route, row},
        services::EdgeServices,
    },
    types::{PageLimit, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Public, Development, Exempt, routes!(list_inbox_mails)).streams()]
}

/// The filter of the inbox, and how long to wait for a mail.
pub struct InboxQuery {
    to: Option<String>,
    wait: Duration,
    limit: PageLimit,
}

impl FromFields for InboxQuery {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let longest = i64::try_from(limits::INBOX_WAIT_MAX.as_secs()).unwrap_or(i64::MAX);
        let most = i64::try_from(limits::PAGE_MAX).unwrap_or(i64::MAX);
        let to = query.optional("to").text(line(limits::EMAIL_MAX));
        let wait = query.optional("wait").integer(0..=longest);
        let limit = query.optional("limit").integer(1..=most);
        let seconds = wait?.and_then(|wait| u64::try_from(wait).ok()).unwrap_or(0);
        let rows = limit?.and_then(|rows| usize::try_from(rows).ok());
        let limit = rows.and_then(|rows| PageLimit::new(rows).ok()).unwrap_or_default();
        Some(Self { to: to?, wait: Duration::from_secs(seconds), limit })
    }
}

/// A message in the development inbox, which was not sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptMail {
    /// The id of the message.
    id: String,
    /// The channel of the message.
    #[schema(example = "email")]
    channel: &'static str,
    /// The recipient.
    #[schema(example = "ada@example.com")]
    to: String,
    /// The name of the template.
    #[schema(example = "verification_code")]
    template: &'static str,
    /// Subject line.
    subject: String,
    /// Plain text.
    text: String,
    /// HTML.
    html: String,
    /// The code in it, if it has one.
    #[schema(example = "123456")]
    code: Option<String>,
    /// The link in it, if it has one.
    link: Option<String>,
    /// When it arrived.
    #[schema(format = DateTime)]
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

/// The development inbox, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboxList {
    /// The messages.
    data: Vec<KeptMail>,
}

/// List the development inbox
///
/// The mail that was not sent, newest first. With `wait`, an empty answer is delayed until a message arrives.
#[utoipa::path(
    get, path = "/dev/inbox", operation_id = "list_inbox_mails", tag = "development",
    params(
        ("to" = Option<String>, Query, description = "Only messages to this address, in upper or lower case."),
        ("wait" = Option<i64>, Query, description = "Seconds to wait for a message if there is none; at most 30."),
        ("limit" = Option<i64>, Query, description = "The page size, 1 to 100; default 20."),
    ),
    responses((status = 200, description = "The messages, newest first: at most 1,000, for 24 h.", body = InboxList))
)]
pub async fn list_inbox_mails(
    State(services): State<EdgeServices>,
    Query(query): Query<InboxQuery>,
) -> Result<Json<InboxList>, ApiError> {
    let mails = services.notifier.inbox(query.to.as_deref(), query.wait, query.limit).await?;
    Ok(Json(InboxList { data: mails.into_iter().map(KeptMail::from).collect() }))
}
