//! The values of samples, and one event of each type.

use std::time::Duration;

use uuid::Uuid;

use super::{EventEnvelope, EventKind, Personal};
use crate::types::Timestamp;

/// An id.
pub fn id<I: From<Uuid>>() -> I {
    I::from(Uuid::from_u128(7))
}

/// A time ten minutes after the time of the samples.
pub fn in_ten_minutes() -> Timestamp {
    Timestamp::ZERO.plus(Duration::from_secs(600))
}

/// A sample of each event, as a subscriber receives it.
pub fn envelopes() -> impl Iterator<Item = EventEnvelope> {
    EventKind::samples().into_iter().map(|kind| EventEnvelope {
        id: id(),
        sequence: 1,
        subject: id(),
        time: Timestamp::ZERO,
        correlation: "sample".to_owned(),
        causation: None,
        traceparent: None,
        event_type: kind.event_type(),
        kind: Some(kind),
        personal: Personal::default(),
    })
}
