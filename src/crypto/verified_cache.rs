//! What was verified a moment ago need not be verified again: a bounded cache by the SHA-256 of a token.
//!
//! It saves the signature's check alone. Session and user are looked at on every request, so nothing in here lets an
//! ended session in. The token itself is not kept.

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

/// A bounded map from tokens to what they proved, for as long as they are valid. Shared between threads.
///
/// Each shard has two generations: entries go into the young one; when that is full it becomes the old one and the old
/// one is dropped; what is found in the old one becomes young again. So what is used stays, at a fixed cost.
pub struct VerifiedCache<V> {
    shards: Vec<Mutex<Shard<V>>>,
    /// Entries of one generation of one shard.
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

    /// What `token` proved, unless it has expired by `now`.
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

    /// Remembers what `token` proved, until `expires`.
    pub fn insert(&self, token: &str, value: V, expires: Timestamp) {
        let key = Self::key(token);
        self.shard(&key).insert(key, Entry { value, expires }, self.capacity);
    }

    /// Forgets everything: when a key is withdrawn.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.clear();
            shard.old.clear();
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        let count = |shard: MutexGuard<'_, Shard<V>>| shard.young.len() + shard.old.len();
        self.shards.iter().map(|shard| count(shard.lock().unwrap_or_else(PoisonError::into_inner))).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn key(token: &str) -> Key {
        Sha256::digest(token.as_bytes()).into()
    }

    /// A shard is whole between any two statements, so one that a panic left behind may be used.
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
