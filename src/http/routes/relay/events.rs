//! `/events`: the event log for operators, and the progress of its subscribers.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::relay::{EventPage, EventQuery},
    domain::access::Permission,
    domain::event::{self, EventEnvelope, EventType},
    http::{
        error::{ApiError, ProblemCode},
        extract::{Json, List},
        fields::{Fields, FromFields},
        openapi::forms::{CursorForm, EventSourceForm, EventTypeForm, IdForm, MetadataForm, SequenceForm, TimeForm},
        route::{Access::Needs, Class::Standard, On::Ops, Route, row},
        services::EdgeServices,
    },
    telemetry::events::{EventsReport, SubscriberLine},
    types::{Invalid, id::UserId, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Ops, Needs(Permission::ReadEvents), Standard, routes!(list_events)),
        row(Ops, Needs(Permission::ReadEvents), Standard, routes!(list_event_subscribers)),
    ]
}

/// The parameters of the list.
pub struct EventsQuery {
    after: u64,
    types: BTreeSet<EventType>,
    subject: Option<UserId>,
}

impl FromFields for EventsQuery {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let after = query.optional("after").text(sequence);
        let types = query.optional("types").text(types);
        let subject = query.optional("subject").text(str::parse::<UserId>);
        Some(Self { after: after?.unwrap_or(0), types: types?.unwrap_or_default(), subject: subject? })
    }
}

fn sequence(text: &str) -> Result<u64, Invalid> {
    let is_number = text.len() <= limits::SEQUENCE_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| Invalid::new("not_a_sequence", "must be the sequence of an event: a whole number"))
}

fn types(text: &str) -> Result<BTreeSet<EventType>, Invalid> {
    if text.len() > limits::EVENT_TYPES_QUERY_MAX {
        return Err(Invalid::detailed(
            "length",
            format!("must be at most {} characters", limits::EVENT_TYPES_QUERY_MAX),
        ));
    }
    let unknown = Invalid::new("unknown_value", "must be types of events, separated by commas");
    text.split(',').map(|name| EventType::from_name(name).ok_or_else(|| unknown.clone())).collect()
}

/// An event: the attributes of CloudEvents 1.0 and its extensions.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventBody {
    /// The deduplication key.
    #[schema(value_type = IdForm)]
    id: String,
    /// Strictly increasing.
    #[schema(value_type = SequenceForm)]
    sequence: String,
    /// The type of the event.
    #[serde(rename = "type")]
    #[schema(value_type = EventTypeForm)]
    kind: String,
    /// The service that wrote the event.
    #[schema(value_type = EventSourceForm)]
    source: &'static str,
    /// The id of the person that the event is about.
    #[schema(value_type = IdForm)]
    subject: String,
    /// The time of the decision.
    #[schema(value_type = TimeForm)]
    time: String,
    /// Always `1.0`.
    #[schema(value_type = String, pattern = "^1\\.0$", example = "1.0")]
    specversion: &'static str,
    /// Always `application/json`.
    #[schema(value_type = String, pattern = "^application/json$", example = "application/json")]
    datacontenttype: &'static str,
    /// The major version of `data`.
    #[schema(value_type = String, pattern = "^[0-9]+$", example = "1")]
    dataversion: &'static str,
    /// The id of the request that started the chain of events.
    #[schema(example = "0197f3a0-7c1e-7d2a-9b1f-1f2e3d4c5b6a")]
    correlationid: String,
    /// The id of the event that caused this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = IdForm)]
    causationid: Option<String>,
    /// W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    traceparent: Option<String>,
    /// The payload; empty but for personal fields if the type is unknown. These are missing after the person's erasure.
    #[schema(value_type = MetadataForm)]
    data: Map<String, Value>,
}

impl From<EventEnvelope> for EventBody {
    fn from(event: EventEnvelope) -> Self {
        let payload = event.kind.map(|kind| kind.payload()).unwrap_or_default().into_iter();
        let payload = payload.map(|(name, value)| (name.to_owned(), json_of(value)));
        let personal = event.personal.fields().into_iter();
        let personal = personal.map(|(name, value)| (name.to_owned(), Value::String(value)));
        Self {
            id: event.id.to_string(),
            sequence: event.sequence.to_string(),
            kind: event.event_type.to_string(),
            source: event.event_type.source(),
            subject: event.subject.to_string(),
            time: event.time.to_string(),
            specversion: "1.0",
            datacontenttype: "application/json",
            dataversion: "1",
            correlationid: event.correlation,
            causationid: event.causation.map(|id| id.to_string()),
            traceparent: event.traceparent,
            data: payload.chain(personal).collect(),
        }
    }
}

fn json_of(value: event::PayloadValue) -> Value {
    match value {
        event::PayloadValue::Text(text) => Value::String(text),
        event::PayloadValue::Flag(flag) => Value::Bool(flag),
        event::PayloadValue::Count(count) => Value::from(count),
        event::PayloadValue::Texts(texts) => Value::from(texts),
    }
}

/// A page of the event log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// The events, in order of sequence. A page may contain fewer than `limit`, even none, and still have a next page.
    data: Vec<EventBody>,
    /// `null`: the page reaches the end of the log.
    #[schema(value_type = Option<CursorForm>)]
    next_cursor: Option<String>,
    /// The sequence of the newest event at the read. If `nextCursor` is `null`, continue later with it as `after`.
    #[schema(value_type = SequenceForm)]
    last_event: String,
}

/// List events
///
/// Oldest first, after a given sequence. Events are kept for `events.retention`.
#[utoipa::path(
    get, path = "/events", operation_id = "list_events", tag = "events",
    params(
        ("after" = Option<SequenceForm>, Query, description = "Only events after this sequence."),
        ("types" = Option<Vec<EventTypeForm>>, Query, style = Form, explode = false, min_items = 1, max_items = 20,
            description = "Only these types, by name or alias."),
        ("subject" = Option<IdForm>, Query, description = "Only events about this person."),
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
    ),
    responses((status = 200, description = "One page.", body = EventList))
)]
pub async fn list_events(
    State(services): State<EdgeServices>,
    list: List<EventsQuery>,
) -> Result<Json<EventList>, ApiError> {
    let EventsQuery { after, types, subject } = &list.filter;
    let after = list.after.as_deref().map(sequence_of_key).transpose()?.unwrap_or(*after);
    let query = EventQuery { after, types: types.clone(), subject: *subject, limit: list.limit };
    let EventPage { rows, next, head } = services.relays.events(query).await?;
    Ok(Json(EventList {
        data: rows.into_iter().map(EventBody::from).collect(),
        next_cursor: next.map(|next| list.next(&next.to_be_bytes())),
        last_event: head.to_string(),
    }))
}

fn sequence_of_key(key: &[u8]) -> Result<u64, ApiError> {
    key.try_into().map(u64::from_be_bytes).map_err(|_| ApiError::new(ProblemCode::InvalidCursor))
}

/// The subscribers of the event log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriberList {
    /// All subscribers; their number is fixed, so there is one page.
    data: Vec<SubscriberLine>,
    /// Always `null`.
    #[schema(value_type = Option<CursorForm>)]
    next_cursor: Option<String>,
    /// The sequence of the newest event at the read.
    #[schema(value_type = SequenceForm)]
    last_event: String,
}

/// List the subscribers of the event log
///
/// The cursor of each subscriber, its waiting events, and the number of its dead letters.
#[utoipa::path(
    get, path = "/events/subscribers", operation_id = "list_event_subscribers", tag = "events",
    responses((status = 200, description = "All subscribers.", body = SubscriberList))
)]
pub async fn list_event_subscribers(State(services): State<EdgeServices>) -> Result<Json<SubscriberList>, ApiError> {
    let EventsReport { last_event, subscribers } = services.operations.events().await?;
    Ok(Json(SubscriberList { data: subscribers, next_cursor: None, last_event }))
}
