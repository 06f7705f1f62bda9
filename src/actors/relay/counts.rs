//! Counts the events written since the start of the process, by type: each query reads the events since the last one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Relays;
use crate::{
    domain::event::{EventRow, EventType},
    persistence::{Store, events},
    telemetry::metrics::figures::EventCount,
    types::{Fault, limits},
};

/// The counts, and the sequence of the last event that they include.
pub(super) struct EventCounts(Mutex<Counted>);

struct Counted {
    after: u64,
    by_type: BTreeMap<EventType, u64>,
}

impl EventCounts {
    /// Counts from the present end of the log on.
    pub(super) fn from_now(store: &Store) -> Self {
        Self(Mutex::new(Counted { after: store.head(), by_type: BTreeMap::new() }))
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // The counts are consistent after each page, also if the thread that held the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// Counts the page behind `after`, unless another caller has counted it since.
    fn add(&mut self, after: u64, page: &[(u64, EventType)]) {
        if self.after != after {
            return;
        }
        for (sequence, event_type) in page {
            *self.by_type.entry(*event_type).or_default() += 1;
            self.after = *sequence;
        }
    }
}

impl Relays {
    /// The number of events written since the start of the process, for each type of the catalogue. One call reads at
    /// most `limits::EVENTS_COUNTED_AT_ONCE` events; the next call continues there. An event that retention removed
    /// before it was counted is not counted.
    pub async fn written(&self) -> Result<Vec<EventCount>, Fault> {
        for _page in 0..limits::EVENTS_COUNTED_AT_ONCE / limits::SCAN_MAX {
            let after = self.counts.counted().after;
            let types = self.store.read(move |view| events::types_behind(view, after)).await?;
            self.counts.counted().add(after, &types);
            if types.len() < limits::SCAN_MAX {
                break;
            }
        }
        let counted = self.counts.counted();
        let count = |row: &EventRow| EventCount {
            // An attribute of CloudEvents is a URI reference: `/auth`.
            source: row.event_type.source().trim_start_matches('/'),
            event_type: row.name,
            count: counted.by_type.get(&row.event_type).copied().unwrap_or(0),
        };
        Ok(EventRow::all().map(count).collect())
    }
}
