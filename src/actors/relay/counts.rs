//! Events written since the start of the process, by type: read from the log when somebody asks.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::Relays;
use crate::{
    domain::event::{EventRow, EventType},
    persistence::{Store, events},
    telemetry::metrics::figures::EventCount,
    types::{Fault, limits},
};

/// What was counted, and up to where.
pub(super) struct EventCounts(Mutex<Counted>);

struct Counted {
    after: u64,
    by_type: BTreeMap<EventType, u64>,
}

impl EventCounts {
    /// From the present end of the log on.
    pub(super) fn from_now(store: &Store) -> Self {
        Self(Mutex::new(Counted { after: store.head(), by_type: BTreeMap::new() }))
    }
}

impl Relays {
    /// Events written since the start of the process, each type of the catalogue. One call reads at most
    /// `limits::EVENTS_COUNTED_AT_ONCE` events; the next one goes on there. An event that retention removed before it
    /// was counted is not counted.
    pub fn written(&self) -> Result<Vec<EventCount>, Fault> {
        // The counts are whole between any two pages.
        let mut counted = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        for _page in 0..limits::EVENTS_COUNTED_AT_ONCE / limits::SCAN_MAX {
            let types = self.store.read(|view| events::types_behind(view, counted.after))?;
            for (sequence, event_type) in &types {
                *counted.by_type.entry(*event_type).or_default() += 1;
                counted.after = *sequence;
            }
            if types.len() < limits::SCAN_MAX {
                break;
            }
        }
        let count = |row: &EventRow| EventCount {
            // An attribute of CloudEvents is a URI reference: `/auth`.
            source: row.event_type.source().trim_start_matches('/'),
            event_type: row.name,
            count: counted.by_type.get(&row.event_type).copied().unwrap_or(0),
        };
        Ok(EventRow::all().map(count).collect())
    }
}
