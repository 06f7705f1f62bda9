//! From records to the figures of metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{record::ActorRecord, stats::Stats, sync::lock, system::ROOT};
use crate::telemetry::metrics::figures::{ActorLoad, ActorWork};

impl Stats {
    /// What waits for each actor and what it did. Children of a directory, of which there may be very many, make one
    /// line together.
    pub fn loads(&self) -> Vec<ActorLoad> {
        let (all, now) = (self.records_after(None), self.now());
        let groups: BTreeMap<&str, bool> = all.iter().map(|record| (&*record.path, record.is_group)).collect();
        // A group's children are declared, a directory's come with their keys.
        let is_keyed = |parent: &str| parent != ROOT && groups.get(parent).is_some_and(|is_group| !is_group);
        let mut loads: BTreeMap<String, ActorLoad> = BTreeMap::new();
        for record in all.iter().filter(|record| !record.is_group) {
            let directory = record.parent.as_deref().filter(|parent| is_keyed(parent));
            let actor = directory.map_or_else(|| record.path.to_string(), |parent| format!("{parent}/*"));
            let load = loads.entry(actor.clone()).or_insert_with(|| ActorLoad::none(actor));
            load.actors += 1;
            load.depth += record.backlog.depth();
            load.oldest = load.oldest.max(record.backlog.oldest(now).unwrap_or_default());
            load.jobs_running += record.jobs_running.load(Ordering::Relaxed) as u64;
            load.holds_lease = record.lease().map(|lease| lease.epoch.is_some());
            load.done = directory.is_none().then(|| work(record));
        }
        loads.into_values().collect()
    }

    /// When the process was started.
    pub fn started(&self) -> crate::types::Timestamp {
        self.0.node.started
    }
}

fn work(record: &Arc<ActorRecord>) -> ActorWork {
    let counts = &record.counts;
    ActorWork {
        handled: counts.handled.get(),
        failed: counts.failed.get(),
        refused: counts.refused.get(),
        expired: counts.expired.get(),
        panics: counts.panics.get(),
        restarts: lock(&record.restarts).total,
        waited: Duration::from_micros(counts.waited_us.get()),
    }
}
