//! `/dev/*`: for developers alone. Development mode, this machine only.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::notification::InboxMail,
    http::{
        error::ApiError,
        extract::{Json, Query},
        fields::{Fields, FromFields, line},
        services::EdgeServices,
    },
    types::{PageLimit, limits},
};

/// Which mails, and how long to wait for one.
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

/// A message that was kept instead of sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptMail {
    /// Its id.
    id: String,
    /// The way it would have gone.
    #[schema(example = "email")]
    channel: &'static str,
    /// The recipient.
    #[schema(example = "ada@example.com")]
    to: String,
    /// What kind of message it is.
    #[schema(example = "verification_code")]
    template: &'static str,
    /// Subject line.
    subject: String,
    /// Plain text.
    text: String,
    /// HTML.
    html: String,
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

/// The development inbox
///
/// Mail that would have been sent, newest first. With `wait`, an empty answer is held back until a message arrives.
#[utoipa::path(
    get, path = "/dev/inbox", operation_id = "list_inbox_mails", tag = "development",
    params(
        ("to" = Option<String>, Query, description = "Only messages to this address, whatever its case."),
        ("wait" = Option<i64>, Query, description = "Seconds to wait for a message if there is none; at most 30."),
        ("limit" = Option<i64>, Query, description = "How many at most, 1 to 100; 20 if it is not given."),
    ),
    responses((status = 200, description = "The messages, newest first; 24 h and 1,000 are kept.", body = InboxList))
)]
pub async fn list_inbox_mails(
    State(services): State<EdgeServices>,
    Query(query): Query<InboxQuery>,
) -> Result<Json<InboxList>, ApiError> {
    let mails = services.notifier.inbox(query.to.as_deref(), query.wait, query.limit).await?;
    Ok(Json(InboxList { data: mails.into_iter().map(KeptMail::from).collect() }))
}
