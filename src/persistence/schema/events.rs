//! The event log: one row per event, by sequence. Written only by `Tx::emit`; numbered when a commit's frame is made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{persons, tables::clock_acceptance};
use crate::{
    domain::event::{EventBodyForm, EventEnvelope, EventKind, EventType},
    persistence::machinery::{
        codec::{self, CodecFault},
        log::{Log, LogLink},
        reader::{Reader, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{
        Page, Timestamp,
        id::{EventId, UserId},
        limits,
    },
};

/// The log.
pub static EVENT_BY_SEQUENCE: Table<u64, StoredEvent> =
    Table::new(0x20, "event_by_sequence", "events.retention (30 days), not past a subscriber's watermark");

/// The log in the machinery's form: without a chain, a row is the event's own bytes.
pub static EVENTS: Log = Log {
    tag: EVENT_BY_SEQUENCE.tag,
    name: "events",
    is_cut: true,
    link: |_, _, body| Ok(LogLink { hash: [0; 32], row: body }),
    hash: |_| Ok([0; 32]),
    proof: None,
};

/// The stored form of an event; its sequence is its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The id by which subscribers recognize a repeated hand-over.
    pub id: EventId,
    /// The person whom the event is about.
    pub subject: UserId,
    /// The time of the decision.
    pub time: Timestamp,
    /// The id of the request that caused it.
    pub correlation: String,
    /// The event that caused this one.
    pub causation: Option<EventId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The type of the event, by number.
    pub kind: EventType,
    /// The schema of `body`.
    pub schema: u16,
    /// The fields of the event, encoded; their form depends on `kind` and `schema`.
    pub body: Vec<u8>,
    /// `Personal`, sealed under the subject's key.
    pub personal: Option<Vec<u8>>,
}

impl Record for StoredEvent {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "event";
}

/// A filter for events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// The types to admit; empty: all.
    pub types: BTreeSet<EventType>,
    /// The person whom the events are about; `None`: any.
    pub subject: Option<UserId>,
}

impl EventFilter {
    /// Whether the filter admits `event`.
    pub fn admits(&self, event: &StoredEvent) -> bool {
        let type_wanted = self.types.is_empty() || self.types.contains(&event.kind);
        type_wanted && self.subject.is_none_or(|subject| subject == event.subject)
    }
}

/// Where to read, and how many events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRange {
    /// The sequence after which to read; 0: from the beginning.
    pub after: u64,
    /// Maximum number of events.
    pub limit: usize,
}

/// Events after `range.after` in order of sequence. `next` is the place to continue, `None` if the end of the log was
/// reached. A page may hold fewer rows than `limit`, even none, since one call reads at most `limits::SCAN_MAX` events.
pub fn read(
    reader: &impl Reader,
    range: EventRange,
    filter: &EventFilter,
) -> Result<Page<EventEnvelope, u64>, TxFault> {
    let looked_at = if *filter == EventFilter::default() { range.limit } else { limits::SCAN_MAX };
    let looked_at = looked_at.min(limits::SCAN_MAX);
    let stored = reader.scan(&EVENT_BY_SEQUENCE, Scan::all().after(&range.after).limit(looked_at))?;
    let mut next = (stored.len() == looked_at).then(|| stored.last().map_or(range.after, |(sequence, _)| *sequence));
    let mut rows = Vec::new();
    for (sequence, event) in stored {
        if !filter.admits(&event) {
            continue;
        }
        if rows.len() == range.limit {
            next = rows.last().map(|last: &EventEnvelope| last.sequence);
            break;
        }
        rows.push(envelope(reader, sequence, event)?);
    }
    Ok(Page { rows, next })
}

/// Sequence and type of the events behind `after`, in order; at most `limits::SCAN_MAX`. Opens nothing that is sealed.
pub fn types_behind(reader: &impl Reader, after: u64) -> Result<Vec<(u64, EventType)>, TxFault> {
    let stored = reader.scan(&EVENT_BY_SEQUENCE, Scan::all().after(&after).limit(limits::SCAN_MAX))?;
    Ok(stored.into_iter().map(|(sequence, event)| (sequence, event.kind)).collect())
}

/// The event of a sequence, if it was not removed.
pub fn find(reader: &impl Reader, sequence: u64) -> Result<Option<EventEnvelope>, TxFault> {
    match reader.get(&EVENT_BY_SEQUENCE, &sequence)? {
        Some(event) => envelope(reader, sequence, event).map(Some),
        None => Ok(None),
    }
}

/// The last sequence; 0 if there never was an event.
pub fn head(reader: &impl Reader) -> Result<u64, TxFault> {
    Ok(EVENTS.read_head(reader)?.number)
}

/// The sequence of the oldest event that was not removed.
pub fn oldest(reader: &impl Reader) -> Result<Option<u64>, TxFault> {
    Ok(reader.keys(&EVENT_BY_SEQUENCE, Scan::all().limit(1))?.first().copied())
}

/// The events that retention may remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expendable {
    /// Events older than this time.
    pub before: Timestamp,
    /// Up to and including this sequence: the lowest watermark of the relevant subscribers.
    pub up_to: u64,
}

/// Removes a batch of at most `limits::SCAN_MAX` old events and returns their number; call it again until it returns 0.
/// The newest event always stays, since the next sequence is counted from it.
pub fn remove_old(tx: &mut Tx<'_>, expendable: Expendable) -> Result<usize, TxFault> {
    let (newest, accepted) = (head(tx)?, clock_acceptance::find(tx)?);
    let mut removed = 0;
    for (sequence, event) in tx.scan(&EVENT_BY_SEQUENCE, Scan::all())? {
        let time = accepted.as_ref().map_or(event.time, |accepted| accepted.event_time(sequence, event.time));
        if time >= expendable.before || sequence > expendable.up_to || sequence == newest {
            break;
        }
        tx.delete(&EVENT_BY_SEQUENCE, &sequence)?;
        removed += 1;
    }
    Ok(removed)
}

/// The event in the form for subscribers; of an unknown type it has no `kind`. The error names sequence and type.
fn envelope(reader: &impl Reader, sequence: u64, event: StoredEvent) -> Result<EventEnvelope, TxFault> {
    let kind = body(&event).map_err(|fault| {
        let StoredEvent { kind, schema, .. } = event;
        TxFault::Corrupt(format!("event {sequence} of the type {kind} (schema {schema}): {fault}"))
    })?;
    let place = persons::place_of_event(event.id);
    let personal = persons::open(reader, event.subject, &place, event.personal.as_deref())?;
    Ok(EventEnvelope {
        id: event.id,
        sequence,
        subject: event.subject,
        time: event.time,
        correlation: event.correlation,
        causation: event.causation,
        traceparent: event.traceparent,
        event_type: event.kind,
        kind,
        personal,
    })
}

fn body(event: &StoredEvent) -> Result<Option<EventKind>, CodecFault> {
    let Some(row) = event.kind.row() else { return Ok(None) };
    let form = EventBodyForm { event_type: event.kind, schema: event.schema };
    codec::seeded(row.name, form, &event.body).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::{Deserializer, de::DeserializeSeed};

    use super::*;
    use crate::domain::event::{PayloadValue, event};

    event! {
        /// An event whose two names became one.
        PersonNamed = 0xff01, "person.named", to [], schema 2, before [1 => PersonNamedV1] {
            /// The name.
            name: String as "name" = "Ada Lovelace".to_owned(),
        }
    }

    /// The form of schema 1.
    #[derive(Serialize, Deserialize)]
    struct PersonNamedV1 {
        first: String,
        last: String,
    }

    impl From<PersonNamedV1> for PersonNamed {
        fn from(before: PersonNamedV1) -> Self {
            Self { name: format!("{} {}", before.first, before.last) }
        }
    }

    /// Reads a body of this schema.
    struct NamedBody(u16);

    impl<'de> DeserializeSeed<'de> for NamedBody {
        type Value = PersonNamed;

        fn deserialize<D: Deserializer<'de>>(self, body: D) -> Result<PersonNamed, D::Error> {
            PersonNamed::read(self.0, body)
        }
    }

    #[test]
    fn a_body_of_an_earlier_schema_is_read_and_one_of_a_later_schema_is_refused() {
        let read = |schema, body: &[u8]| codec::seeded("person.named", NamedBody(schema), body);
        let before = PersonNamedV1 { first: "Ada".to_owned(), last: "Lovelace".to_owned() };
        let (first, second) = (codec::bare(&before).unwrap(), codec::bare(&PersonNamed::sample()).unwrap());
        assert_ne!(first, second);
        assert_eq!((read(1, &first), read(2, &second)), (Ok(PersonNamed::sample()), Ok(PersonNamed::sample())));
        assert_eq!(PersonNamed::ROW.schema, 2);
        let payload = PersonNamed::sample().payload();
        assert_eq!(payload, [("name", PayloadValue::Text("Ada Lovelace".to_owned()))]);
        let fault = read(3, &second).unwrap_err().to_string();
        assert!(fault.contains("schema 3 is not known"), "{fault}");
    }
}
