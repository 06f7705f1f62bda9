//! Bounds of the event log and its relays.

use std::time::Duration;

use super::SCAN_MAX;

/// Events that one scrape of the metrics counts.
pub const EVENTS_COUNTED_AT_ONCE: usize = 100 * SCAN_MAX;
/// Events above a subscriber's watermark.
pub const RELAY_WINDOW: usize = 4_096;
/// Parallel event hand-overs of one subscriber.
pub const RELAY_PARALLEL: usize = 32;
/// Hand-overs before an event becomes a dead letter.
pub const RELAY_ATTEMPTS: u32 = 10;
/// The age of an event that a subscriber has not received after which the subscriber is reported as lagging.
pub const EVENT_LAG_SHOWN: Duration = Duration::from_secs(60);
/// Digits of a sequence in a request; every such number fits.
pub const SEQUENCE_DIGITS_MAX: usize = 19;
/// Characters of the filter by types of events.
pub const EVENT_TYPES_QUERY_MAX: usize = 1_000;
