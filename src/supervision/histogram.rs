//! Handling times: a histogram of atomics with a relative error of at most 1/8.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{telemetry::actors::Times, types::limits};

/// Buckets per power of two.
const STEPS: u64 = 8;
/// The last bucket begins above 2^36 us, about 19 hours.
const BUCKETS: usize = 34 * STEPS as usize + STEPS as usize;

/// Counts durations in microseconds.
pub(super) struct Histogram {
    counts: Box<[AtomicU64]>,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(super) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket_of(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// The report of these times under `kind`.
    pub(super) fn times(&self, kind: &str) -> Times {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let at = |percent: u64| quantile(&counts, count, percent);
        Times { kind: kind.to_owned(), count, p50_us: at(50), p99_us: at(99) }
    }
}

fn quantile(counts: &[u64], total: u64, percent: u64) -> u64 {
    let rank = total.saturating_mul(percent).div_ceil(100);
    let mut seen = 0;
    for (index, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= rank && seen > 0 {
            return upper_bound(index);
        }
    }
    0
}

/// Values below `STEPS` have a bucket each; above, the highest four bits choose it.
fn bucket_of(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let power = u64::from(63 - micros.leading_zeros());
    let step = (micros >> (power - 3)) & (STEPS - 1);
    (((power - 2) * STEPS + step) as usize).min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (power, step) = (bucket / STEPS + 2, bucket % STEPS);
    ((STEPS + step + 1) << (power - 3)) - 1
}

/// A histogram for each kind of message of one kind of actor. Kinds are never removed, so recording takes no lock.
pub(super) struct KindTimes {
    kinds: Box<[OnceLock<(&'static str, Histogram)>]>,
}

impl KindTimes {
    pub(super) fn new() -> Self {
        Self { kinds: (0..=limits::MESSAGE_KINDS_MAX).map(|_| OnceLock::new()).collect() }
    }

    /// Records a duration. Kinds past the limit are counted together as `other`, in the last place.
    pub(super) fn record(&self, kind: &'static str, took: Duration) {
        for (index, place) in self.kinds.iter().enumerate() {
            let is_last = index == limits::MESSAGE_KINDS_MAX;
            let (known, histogram) = place.get_or_init(|| (if is_last { "other" } else { kind }, Histogram::new()));
            if is_last || std::ptr::eq(*known, kind) || *known == kind {
                return histogram.record(took);
            }
        }
    }

    pub(super) fn times(&self) -> Vec<Times> {
        let known = self.kinds.iter().filter_map(OnceLock::get);
        let mut all: Vec<Times> = known.map(|(kind, histogram)| histogram.times(kind)).collect();
        all.sort_by(|a, b| a.kind.cmp(&b.kind));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_values_within_an_eighth() {
        for micros in (0..2_000).chain((11..36).map(|power| (1_u64 << power) + 7)) {
            let bound = upper_bound(bucket_of(micros));
            assert!(bound >= micros && bound <= micros + micros / 8 + 1, "{micros} is shown as {bound}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let histogram = Histogram::new();
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        let times = histogram.times("x");
        assert_eq!(times.count, 100);
        assert!((50..=57).contains(&times.p50_us) && (99..=112).contains(&times.p99_us), "{times:?}");
        assert_eq!(Histogram::new().times("x").p99_us, 0);
    }
}
