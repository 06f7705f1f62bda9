//! `/events/dead-letters`: events that a subscriber did not accept, and the operators' decisions on them.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::events::EventBody;
use crate::{
    actors::relay::OperatorRefusal,
    domain::access::Permission,
    domain::event::DeadLetter,
    http::{
        error::{ApiError, ProblemCode},
        extract::{Json, List, Path, PathPair, Rows},
        fields::{Fields, FromFields, line},
        openapi::forms::{
            CursorForm, DeadLetterReasonForm, EventTypeForm, IdForm, ReasonForm, SequenceForm, SubscriberForm, TimeForm,
        },
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    types::{CallContext, Page, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Ops, Needs(Permission::ReadEvents), Standard, routes!(list_dead_letters)),
        row(Ops, Needs(Permission::ReadEvents), Standard, routes!(show_dead_letter)),
        row(Ops, Needs(Permission::ManageDeadLetters), Standard, routes!(requeue_dead_letter)),
        row(Ops, Needs(Permission::ManageDeadLetters), Standard, routes!(requeue_dead_letters)),
        row(Ops, Needs(Permission::ManageDeadLetters), Standard, routes!(discard_dead_letter)),
    ]
}

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

/// An event that a subscriber did not accept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterBody {
    /// The subscriber.
    #[schema(example = "notifier")]
    subscriber: String,
    /// The sequence of the event.
    #[schema(value_type = SequenceForm)]
    sequence: String,
    /// The event's id; `null` if it was no longer in the log.
    #[schema(value_type = Option<IdForm>)]
    event_id: Option<String>,
    /// The event's type; `null` if it was no longer in the log.
    #[schema(value_type = Option<EventTypeForm>)]
    event_type: Option<String>,
    /// The person that the event is about.
    #[schema(value_type = IdForm)]
    subject: String,
    /// The reason.
    #[schema(value_type = DeadLetterReasonForm)]
    reason: &'static str,
    /// The number of hand-overs.
    attempts: u32,
    /// The last error of the subscriber.
    #[schema(example = "the mail server refuses the recipient")]
    last_error: String,
    /// The time at which it became a dead letter.
    #[schema(value_type = TimeForm)]
    created_at: String,
    /// The event. Only in the answer for one dead letter, while the event is in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = EventBody)]
    event: Option<EventBody>,
}

impl DeadLetterBody {
    fn new(subscriber: &str, sequence: u64, letter: DeadLetter) -> Self {
        Self {
            subscriber: subscriber.to_owned(),
            sequence: sequence.to_string(),
            event_id: letter.event.map(|id| id.to_string()),
            event_type: letter.event_type.map(|event_type| event_type.to_string()),
            subject: letter.subject.to_string(),
            reason: letter.reason.as_str(),
            attempts: letter.attempts,
            last_error: letter.last_error,
            created_at: letter.at.to_string(),
            event: None,
        }
    }
}

/// The number of requeued dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequeuedBody {
    /// The number.
    requeued: usize,
}

/// The reason of a discarded dead letter.
#[derive(ToSchema)]
pub struct Discard {
    /// The reason.
    #[schema(value_type = ReasonForm)]
    reason: String,
}

impl FromFields for Discard {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let reason = body.required("reason").text(line(limits::OPERATOR_REASON_MAX));
        Some(Self { reason: reason? })
    }
}

/// A position in the list: 8 bytes of sequence, then the subscriber's name.
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

/// List dead letters
///
/// Ordered by the subscriber's name, then oldest first.
#[utoipa::path(
    get, path = "/events/dead-letters", operation_id = "list_dead_letters", tag = "events",
    params(
        ("subscriber" = Option<SubscriberForm>, Query, description = "Only those of this subscriber."),
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
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
            let Page { rows, next } = services.relays.all_dead_letters(after, list.limit).await?;
            let rows = rows.into_iter().map(|(name, sequence, letter)| DeadLetterBody::new(name, sequence, letter));
            (rows.collect(), next.map(|(name, sequence)| key(name, sequence)))
        }
        Some(name) => {
            let after = after.map(|(_, sequence)| sequence);
            let Page { rows, next } = services.relays.dead_letters(name, after, list.limit).await?;
            let rows = rows.into_iter().map(|(sequence, letter)| DeadLetterBody::new(name, sequence, letter));
            (rows.collect(), next.map(|sequence| key(name, sequence)))
        }
    };
    Ok(Json(Rows { data, next_cursor: next.map(|key| list.next(&key)) }))
}

/// Show one dead letter
///
/// With its event, if the log still contains it.
#[utoipa::path(
    get, path = "/events/dead-letters/{subscriber}/{sequence}", operation_id = "show_dead_letter", tag = "events",
    params(
        ("subscriber" = SubscriberForm, Path, description = "The name of the subscriber."),
        ("sequence" = SequenceForm, Path, description = "The event's sequence."),
    ),
    responses((status = 200, description = "The letter.", body = DeadLetterBody))
)]
pub async fn show_dead_letter(
    State(services): State<EdgeServices>,
    PathPair(subscriber, sequence): PathPair<String, u64>,
) -> Result<Json<DeadLetterBody>, ApiError> {
    let (letter, event) = services.relays.dead_letter(&subscriber, sequence).await?;
    let body = DeadLetterBody::new(&subscriber, sequence, letter);
    Ok(Json(DeadLetterBody { event: event.map(EventBody::from), ..body }))
}

/// Requeue a dead letter
///
/// The event is handed over again in the order of its subject, with a new count of hand-overs.
#[utoipa::path(
    post, path = "/events/dead-letters/{subscriber}/{sequence}/requeue", operation_id = "requeue_dead_letter",
    tag = "events",
    params(
        ("subscriber" = SubscriberForm, Path, description = "The name of the subscriber."),
        ("sequence" = SequenceForm, Path, description = "The event's sequence."),
    ),
    responses((status = 200, description = "The dead letter is requeued.", body = RequeuedBody))
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
    params(("subscriber" = SubscriberForm, Path, description = "The name of the subscriber.")),
    responses((status = 200, description = "The dead letters are requeued.", body = RequeuedBody))
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
/// The event is not handed over again. The audit log keeps the reason.
#[utoipa::path(
    post, path = "/events/dead-letters/{subscriber}/{sequence}/discard", operation_id = "discard_dead_letter",
    tag = "events",
    params(
        ("subscriber" = SubscriberForm, Path, description = "The name of the subscriber."),
        ("sequence" = SequenceForm, Path, description = "The event's sequence."),
    ),
    request_body = Discard,
    responses((status = 204, description = "The dead letter is discarded."))
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
