//! `/events/dead-letters`: what subscribers did not take, and what operators decide on it.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::events::EventBody;
use crate::{
    actors::relay::OperatorRefusal,
    domain::event::{DeadLetter, EventType},
    http::{
        error::{ApiError, ProblemCode},
        extract::{Json, List, Path, PathPair, Rows},
        fields::{Fields, FromFields, line},
        services::EdgeServices,
    },
    types::{CallContext, Page, limits},
};

/// The parameters of the list.
pub struct DeadLetterFilter {
    subscriber: Option<String>,
}

impl FromFields for DeadLetterFilter {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let subscriber = query.optional("subscriber").text(line(limits::CURSOR_KEY_MAX - 8));
        Some(Self { subscriber: subscriber? })
    }
}

/// An event that a subscriber did not take.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterBody {
    /// The subscriber.
    #[schema(example = "notifier")]
    subscriber: String,
    /// The event's sequence, as text.
    #[schema(example = "4711")]
    sequence: String,
    /// The event's id; `null` if it was gone from the log.
    event_id: Option<String>,
    /// The event's type; `null` if it was gone from the log.
    event_type: Option<&'static str>,
    /// The person it was about.
    subject: String,
    /// `refused`: never to be taken; `exhausted`: not taken ten times; `gone`: no longer in the log.
    #[schema(example = "exhausted")]
    reason: &'static str,
    /// How often it was handed over.
    attempts: u32,
    /// What the subscriber said last.
    last_error: String,
    /// Since when it is here.
    #[schema(format = DateTime)]
    created_at: String,
    /// The event itself, if one letter is asked for and the event is still in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventBody>,
}

impl DeadLetterBody {
    fn new(subscriber: &str, sequence: u64, letter: DeadLetter) -> Self {
        Self {
            subscriber: subscriber.to_owned(),
            sequence: sequence.to_string(),
            event_id: letter.event.map(|id| id.to_string()),
            event_type: letter.event_type.map(EventType::as_str),
            subject: letter.subject.to_string(),
            reason: letter.reason.as_str(),
            attempts: letter.attempts,
            last_error: letter.last_error,
            created_at: letter.at.to_string(),
            event: None,
        }
    }
}

/// How many were handed over again.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequeuedBody {
    /// Their number.
    requeued: usize,
}

/// Why a dead letter is given up.
#[derive(ToSchema)]
pub struct Discard {
    /// For the audit trail; no personal field.
    #[schema(max_length = 200, example = "the mailbox was closed for good")]
    reason: String,
}

impl FromFields for Discard {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let reason = body.required("reason").text(line(limits::OPERATOR_REASON_MAX));
        Some(Self { reason: reason? })
    }
}

/// A place in the list: 8 bytes of sequence, then the subscriber's name.
fn key(subscriber: &str, sequence: u64) -> Vec<u8> {
    [&sequence.to_be_bytes()[..], subscriber.as_bytes()].concat()
}

fn place(key: &[u8]) -> Result<(&str, u64), ApiError> {
    let parts = key.split_first_chunk::<8>();
    let place = parts.and_then(|(sequence, name)| Some((str::from_utf8(name).ok()?, u64::from_be_bytes(*sequence))));
    place.ok_or_else(|| ApiError::new(ProblemCode::InvalidCursor))
}

impl From<OperatorRefusal> for ApiError {
    fn from(refusal: OperatorRefusal) -> Self {
        Self::new(ProblemCode::NotFound).detail(match refusal {
            OperatorRefusal::UnknownSubscriber => "No subscriber has this name.",
            OperatorRefusal::UnknownDeadLetter => "There is no such dead letter.",
        })
    }
}

/// Dead letters
///
/// In the order of the subscribers' names, each one's oldest first.
#[utoipa::path(
    get, path = "/events/dead-letters", operation_id = "list_dead_letters", tag = "events",
    params(
        ("subscriber" = Option<String>, Query, description = "Only this subscriber's."),
        ("limit" = Option<i64>, Query, description = "How many at most, 1 to 100; 20 if it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before."),
    ),
    responses((status = 200, description = "One page.", body = Rows<DeadLetterBody>))
)]
pub async fn list_dead_letters(
    State(services): State<EdgeServices>,
    list: List<DeadLetterFilter>,
) -> Result<Json<Rows<DeadLetterBody>>, ApiError> {
    let after = list.after.as_deref().map(place).transpose()?;
    let (data, next) = match &list.filter.subscriber {
        None => {
            let Page { rows, next } = services.relays.all_dead_letters(after, list.limit)?;
            let rows = rows.into_iter().map(|(name, sequence, letter)| DeadLetterBody::new(name, sequence, letter));
            (rows.collect(), next.map(|(name, sequence)| key(name, sequence)))
        }
        Some(name) => {
            let after = after.map(|(_, sequence)| sequence);
            let Page { rows, next } = services.relays.dead_letters(name, after, list.limit)?;
            let rows = rows.into_iter().map(|(sequence, letter)| DeadLetterBody::new(name, sequence, letter));
            (rows.collect(), next.map(|sequence| key(name, sequence)))
        }
    };
    Ok(Json(Rows { data, next_cursor: next.map(|key| list.next(&key)) }))
}

/// One dead letter
///
/// With its event, if that is still in the log.
#[utoipa::path(
    get, path = "/events/dead-letters/{subscriber}/{sequence}", operation_id = "show_dead_letter", tag = "events",
    params(
        ("subscriber" = String, Path, description = "The subscriber."),
        ("sequence" = String, Path, description = "The event's sequence."),
    ),
    responses((status = 200, description = "The letter.", body = DeadLetterBody))
)]
pub async fn show_dead_letter(
    State(services): State<EdgeServices>,
    PathPair(subscriber, sequence): PathPair<String, u64>,
) -> Result<Json<DeadLetterBody>, ApiError> {
    let (letter, event) = services.relays.dead_letter(&subscriber, sequence)?;
    let body = DeadLetterBody::new(&subscriber, sequence, letter);
    Ok(Json(DeadLetterBody { event: event.map(EventBody::from), ..body }))
}

/// Requeue a dead letter
///
/// It is handed over again in the order of its subject, as if for the first time.
#[utoipa::path(
    post, path = "/events/dead-letters/{subscriber}/{sequence}/requeue", operation_id = "requeue_dead_letter",
    tag = "events",
    params(
        ("subscriber" = String, Path, description = "The subscriber."),
        ("sequence" = String, Path, description = "The event's sequence."),
    ),
    responses((status = 200, description = "It was put back into the queue.", body = RequeuedBody))
)]
pub async fn requeue_dead_letter(
    State(services): State<EdgeServices>,
    context: CallContext,
    PathPair(subscriber, sequence): PathPair<String, u64>,
) -> Result<Json<RequeuedBody>, ApiError> {
    services.relays.requeue(context, &subscriber, sequence).await?;
    Ok(Json(RequeuedBody { requeued: 1 }))
}

/// Requeue all dead letters of a subscriber
#[utoipa::path(
    post, path = "/events/dead-letters/{subscriber}/requeue", operation_id = "requeue_dead_letters", tag = "events",
    params(("subscriber" = String, Path, description = "The subscriber.")),
    responses((status = 200, description = "They were put back into the queue.", body = RequeuedBody))
)]
pub async fn requeue_dead_letters(
    State(services): State<EdgeServices>,
    context: CallContext,
    Path(subscriber): Path<String>,
) -> Result<Json<RequeuedBody>, ApiError> {
    let requeued = services.relays.requeue_all(context, &subscriber).await?;
    Ok(Json(RequeuedBody { requeued }))
}

/// Discard a dead letter
///
/// It is given up for good; the audit trail keeps the reason.
#[utoipa::path(
    post, path = "/events/dead-letters/{subscriber}/{sequence}/discard", operation_id = "discard_dead_letter",
    tag = "events",
    params(
        ("subscriber" = String, Path, description = "The subscriber."),
        ("sequence" = String, Path, description = "The event's sequence."),
    ),
    request_body = Discard,
    responses((status = 204, description = "It is gone."))
)]
pub async fn discard_dead_letter(
    State(services): State<EdgeServices>,
    context: CallContext,
    PathPair(subscriber, sequence): PathPair<String, u64>,
    Json(body): Json<Discard>,
) -> Result<StatusCode, ApiError> {
    services.relays.discard(context, &subscriber, sequence, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
