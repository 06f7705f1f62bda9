//! The progress of the subscribers of the event log (`GET /events/subscribers`, `GET /health/events`).

use serde::Serialize;
use utoipa::ToSchema;

/// The event log and its subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsReport {
    /// The sequence of the last event, as text.
    #[schema(example = "4711")]
    pub last_event: String,
    /// The subscribers of the event log.
    pub subscribers: Vec<SubscriberLine>,
}

/// The progress of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriberLine {
    /// Its name.
    #[schema(example = "notifier")]
    pub name: String,
    /// The watermark, as text: every event up to this sequence is settled, delayed, a dead letter or not wanted.
    #[schema(example = "4709")]
    pub watermark: String,
    /// Number of events after the watermark, wanted or not.
    pub lag: u64,
    /// Age of the oldest of them in milliseconds; `null` if there is none.
    pub oldest_ms: Option<u64>,
    /// Number of events whose hand-over failed and is repeated, counted to 1,000.
    pub delayed: usize,
    /// Number of dead letters, counted to 1,000.
    pub dead_letters: usize,
}
