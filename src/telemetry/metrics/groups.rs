//! What is measured of each group of transactions.

use std::{borrow::Cow, time::Duration};

use prometheus_client::{metrics::histogram::Histogram, registry::Registry};

use super::catalog::Metric;

/// Upper bounds of the classes of the times.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Upper bounds of the classes of the sizes, up to `limits::GROUP_MAX`.
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// A group that is committed.
#[derive(Debug, Clone, Copy)]
pub struct CommittedGroup {
    /// Its transactions.
    pub commits: usize,
    /// The time in which it was written, synced and applied.
    pub took: Duration,
    /// The time of its sync; `None` for a store in memory.
    pub synced_in: Option<Duration>,
}

/// The measurements of a store's groups. Clones count together.
#[derive(Debug, Clone)]
pub struct GroupMetrics {
    sizes: Histogram,
    times: Histogram,
    syncs: Histogram,
}

impl Default for GroupMetrics {
    fn default() -> Self {
        Self { sizes: Histogram::new(SIZES), times: Histogram::new(SECONDS), syncs: Histogram::new(SECONDS) }
    }
}

impl GroupMetrics {
    /// Counts a group.
    pub fn note(&self, group: CommittedGroup) {
        let CommittedGroup { commits, took, synced_in } = group;
        self.sizes.observe(commits as f64);
        self.times.observe(took.as_secs_f64());
        synced_in.into_iter().for_each(|time| self.syncs.observe(time.as_secs_f64()));
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let of_store = registry.sub_registry_with_label((Cow::Borrowed("service"), Cow::Borrowed("store")));
        let histograms = [
            (Metric::StoreGroupCommits, &self.sizes),
            (Metric::StoreCommitSeconds, &self.times),
            (Metric::StoreSyncSeconds, &self.syncs),
        ];
        for (metric, histogram) in histograms {
            of_store.register(metric.name(), metric.help(), histogram.clone());
        }
    }
}
