//! A bounded cache of verified tokens, by the SHA-256 of a token, so that a repeated token is not verified again.
//!
//! It saves only the verification of the signature. Session and user are checked on every request, so the cache does
//! not keep an ended session valid. The token itself is not stored.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest, Sha256};

use crate::types::Timestamp;

const SHARDS: usize = 16;

type Key = [u8; 32];

/// A bounded map from tokens to verified values, until they expire. Shared between threads.
///
/// Each shard has two generations. New entries go into the young one; when that is full it becomes the old one, and the
/// old one is dropped. An entry found in the old one moves to the young one. So used entries stay, at a constant cost.
pub struct VerifiedCache<V> {
    shards: Vec<Mutex<Shard<V>>>,
    /// Maximum entries of one generation of one shard.
    capacity: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Shard<V> {
    young: HashMap<Key, Entry<V>>,
    old: HashMap<Key, Entry<V>>,
}

struct Entry<V> {
    value: V,
    expires: Timestamp,
}

impl<V: Clone> VerifiedCache<V> {
    /// Holds at most `entries`, at least 32.
    pub fn new(entries: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() })).collect();
        let capacity = (entries / SHARDS / 2).max(1);
        Self { shards, capacity, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The value of `token`, unless it has expired by `now`.
    pub fn get(&self, token: &str, now: Timestamp) -> Option<V> {
        let found = self.look_up(token, now);
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// How often `get` found something, and how often it did not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn look_up(&self, token: &str, now: Timestamp) -> Option<V> {
        let key = Self::key(token);
        let mut shard = self.shard(&key);
        if let Some(entry) = shard.young.get(&key) {
            return (now < entry.expires).then(|| entry.value.clone());
        }
        let entry = shard.old.remove(&key)?;
        if now >= entry.expires {
            return None;
        }
        let value = entry.value.clone();
        shard.insert(key, entry, self.capacity);
        Some(value)
    }

    /// Stores the value of `token` until `expires`.
    pub fn insert(&self, token: &str, value: V, expires: Timestamp) {
        let key = Self::key(token);
        self.shard(&key).insert(key, Entry { value, expires }, self.capacity);
    }

    /// Removes all entries, when a key is withdrawn.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.clear();
            shard.old.clear();
        }
    }

    /// The number of entries.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        let count = |shard: MutexGuard<'_, Shard<V>>| shard.young.len() + shard.old.len();
        self.shards.iter().map(|shard| count(shard.lock().unwrap_or_else(PoisonError::into_inner))).sum()
    }

    /// Whether there are none.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn key(token: &str) -> Key {
        Sha256::digest(token.as_bytes()).into()
    }

    /// A shard is consistent between any two statements, so it may be used after a panic.
    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard<V>> {
        self.shards[usize::from(key[0]) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: Key, entry: Entry<V>, capacity: usize) {
        if self.young.len() >= capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: Timestamp = Timestamp::from_micros(1);
    const LATE: Timestamp = Timestamp::from_micros(1_000);

    #[test]
    fn an_entry_is_found_until_it_expires() {
        let cache = VerifiedCache::new(64);
        cache.insert("a", 1, LATE);
        assert_eq!(cache.get("a", EARLY), Some(1));
        assert_eq!(cache.get("b", EARLY), None);
        assert_eq!(cache.get("a", LATE), None);
        assert_eq!(cache.hits_and_misses(), (1, 2));
        cache.clear();
        assert!(cache.is_empty());
        assert_eq!(cache.get("a", EARLY), None);
    }

    #[test]
    fn it_never_holds_more_than_it_may() {
        let cache = VerifiedCache::new(256);
        for number in 0..10_000 {
            cache.insert(&number.to_string(), number, LATE);
            assert!(cache.len() <= 256);
        }
        assert!(cache.len() > 100);
    }

    #[test]
    fn what_is_used_stays() {
        let cache = VerifiedCache::new(256);
        cache.insert("used", 0, LATE);
        for number in 1..5_000 {
            cache.insert(&number.to_string(), number, LATE);
            assert_eq!(cache.get("used", EARLY), Some(0), "after {number}");
        }
        assert_eq!(cache.get("1", EARLY), None);
    }
}
