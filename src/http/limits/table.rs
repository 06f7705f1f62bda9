//! Times of arrival by key, in a bounded table: keys with a full quota are removed first.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    RateLimitKey,
    gcra::{Quota, QuotaState},
};
use crate::types::limits;

const SHARDS: usize = 16;

/// The counts of one policy.
pub(super) struct RateTable {
    quota: Quota,
    start: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<RateLimitKey, u64>>>,
    shard_max: usize,
}

impl RateTable {
    pub(super) fn new(quota: Quota, start: Instant) -> Self {
        Self::sized(quota, start, limits::LIMITER_KEYS_MAX / SHARDS)
    }

    fn sized(quota: Quota, start: Instant, shard_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { quota, start, hasher: RandomState::new(), shards, shard_max }
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    pub(super) fn take(&self, key: RateLimitKey, now: Instant) -> QuotaState {
        let now = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX / 2);
        let mut shard = self.shard(key);
        if shard.len() >= self.shard_max && !shard.contains_key(&key) {
            evict_one(&mut shard, now);
        }
        let arrival = shard.entry(key).or_insert(0);
        let (next, state) = self.quota.take(*arrival, now);
        *arrival = next;
        state
    }

    pub(super) fn give_back(&self, key: RateLimitKey) {
        if let Some(arrival) = self.shard(key).get_mut(&key) {
            *arrival = self.quota.give_back(*arrival);
        }
    }

    fn shard(&self, key: RateLimitKey) -> MutexGuard<'_, HashMap<RateLimitKey, u64>> {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        // Each assignment leaves a valid count, so a panic of another thread cannot have corrupted it.
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes keys whose quota is full, which changes no answer. If there are none, removes the key nearest to it.
fn evict_one(shard: &mut HashMap<RateLimitKey, u64>, now: u64) {
    let before = shard.len();
    shard.retain(|_, arrival| *arrival > now);
    if shard.len() == before {
        let nearest = shard.iter().min_by_key(|(_, arrival)| **arrival).map(|(key, _)| *key);
        nearest.map(|key| shard.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Quota, RateLimitKey, RateTable};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's start")]
    fn a_full_table_stays_bounded_and_keeps_the_heaviest() {
        let start = std::time::Instant::now();
        let table = RateTable::sized(Quota::a_minute(3), start, 8);
        let heavy = RateLimitKey::Address([9, 9, 9, 9]);
        for _ in 0..4 {
            table.take(heavy, start);
        }
        for n in 0..100_u8 {
            for m in 0..20_u8 {
                table.take(RateLimitKey::Address([1, 1, n, m]), start);
            }
        }
        let held: usize = table.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held <= 8 * super::SHARDS, "{held}");
        assert!(table.take(heavy, start).refused_for.is_some());
        assert!(table.take(heavy, start + Duration::from_secs(20)).refused_for.is_none());
    }
}
