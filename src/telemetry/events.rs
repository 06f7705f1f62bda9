//! How far the subscribers of the event log have come (`GET /events/subscribers`, `GET /health/events`).

use serde::Serialize;
use utoipa::ToSchema;

/// The event log and who hears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsReport {
    /// The sequence of the last event, as text.
    #[schema(example = "4711")]
    pub last_event: String,
    /// The subscribers of the house.
    pub subscribers: Vec<SubscriberLine>,
}

/// How far a subscriber has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriberLine {
    /// Its name.
    #[schema(example = "notifier")]
    pub name: String,
    /// Every event up to this sequence is settled, delayed, dead or not wanted; as text.
    #[schema(example = "4709")]
    pub watermark: String,
    /// Events of the log behind the watermark, wanted or not.
    pub lag: u64,
    /// Milliseconds since the oldest of them happened; `null` if there is none.
    pub oldest_ms: Option<u64>,
    /// Events that could not be taken yet, counted to 1,000.
    pub delayed: usize,
    /// Dead letters, counted to 1,000.
    pub dead_letters: usize,
}
