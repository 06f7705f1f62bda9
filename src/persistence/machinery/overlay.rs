//! Changes that are not in the tree yet, and reading through them.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
};

use super::{
    batch::{Batch, Operation},
    checksum::CHECKSUM,
    engine::{ByteScan, Direction, EngineError, EngineView, Pair},
};

/// The values of keys after a transaction, or after those of a group so far; `None`: deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlay {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Overlay {
    /// Sets `key` to `value`; `None` deletes it.
    pub fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let size = value.as_ref().map_or(0, Vec::len);
        match self.changes.entry(key) {
            btree_map::Entry::Vacant(free) => {
                self.bytes += free.key().len() + size;
                free.insert(value);
            }
            btree_map::Entry::Occupied(mut taken) => {
                self.bytes = self.bytes - taken.get().as_ref().map_or(0, Vec::len) + size;
                taken.insert(value);
            }
        }
    }

    /// Takes over all changes of `layer`, which are later than those here.
    pub fn absorb(&mut self, layer: Self) {
        for (key, value) in layer.changes {
            self.set(key, value);
        }
    }

    /// The number of changed keys.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The size in bytes of changed keys and their values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every changed key in order, with its value after the changes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The changes as operations, in the order of their keys.
    pub fn to_batch(&self) -> Batch {
        let operation = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| match value {
            Some(value) => Operation::Put { key: key.clone(), value: with_space_for_checksum(value) },
            None => Operation::Delete { key: key.clone() },
        };
        Batch(self.changes.iter().map(operation).collect())
    }

    fn range<'a>(&'a self, scan: &'a ByteScan) -> Option<btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>> {
        if self.changes.is_empty() || holds_nothing(scan) {
            return None;
        }
        let bounds = (slice(&scan.start), slice(&scan.end));
        Some(self.changes.range::<[u8], _>(bounds))
    }
}

/// The tree under overlays; if two overlays change a key, the first one applies.
pub struct Layers<'a> {
    /// Changes, latest first.
    pub overlays: &'a [&'a Overlay],
    /// The tree under them.
    pub engine: &'a dyn EngineView,
}

impl Layers<'_> {
    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match self.overlays.iter().find_map(|overlay| overlay.changes.get(key)) {
            Some(change) => Ok(change.clone()),
            None => self.engine.get(key),
        }
    }

    /// The pairs of `scan`.
    pub fn scan(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        let mut changes: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
        for overlay in self.overlays.iter().rev() {
            for (key, value) in overlay.range(scan).into_iter().flatten() {
                changes.insert(key, value.as_deref());
            }
        }
        if changes.is_empty() {
            return self.engine.scan(scan);
        }
        // With one more row for each change, the tree returns enough even if every change deletes one of its rows.
        let mut wider = scan.clone();
        wider.limit = scan.limit.saturating_add(changes.len());
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = self.engine.scan(&wider)?.into_iter().collect();
        for (key, value) in changes {
            match value {
                Some(value) => rows.insert(key.to_vec(), value.to_vec()),
                None => rows.remove(key),
            };
        }
        Ok(match scan.direction {
            Direction::Ascending => rows.into_iter().take(scan.limit).collect(),
            Direction::Descending => rows.into_iter().rev().take(scan.limit).collect(),
        })
    }
}

/// A copy that does not move when its checksum is appended.
fn with_space_for_checksum(value: &[u8]) -> Vec<u8> {
    let mut copy = Vec::with_capacity(value.len() + CHECKSUM);
    copy.extend_from_slice(value);
    copy
}

fn slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key.as_slice()),
        Bound::Excluded(key) => Bound::Excluded(key.as_slice()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Whether the range is empty; `BTreeMap::range` panics on such bounds.
fn holds_nothing(scan: &ByteScan) -> bool {
    match (&scan.start, &scan.end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::persistence::machinery::{
        batch::Lsn,
        engine::{Engine, mem::MemEngine},
    };

    type Change = (u8, Option<u8>);

    fn overlay(changes: &[Change]) -> Overlay {
        let mut overlay = Overlay::default();
        for (key, value) in changes {
            overlay.set(vec![1, *key], value.map(|byte| vec![byte]));
        }
        overlay
    }

    proptest! {
        #[test]
        fn reading_through_layers_is_reading_after_they_are_applied(
            base in prop::collection::vec((0u8..12, prop::option::of(any::<u8>())), 0..20),
            group in prop::collection::vec((0u8..12, prop::option::of(any::<u8>())), 0..10),
            layer in prop::collection::vec((0u8..12, prop::option::of(any::<u8>())), 0..10),
            low in 0u8..12, high in 0u8..12, limit in 0usize..8, down: bool,
        ) {
            let (under, group, layer) = (MemEngine::new(), overlay(&group), overlay(&layer));
            under.apply(&overlay(&base).to_batch(), Lsn(1)).unwrap();
            let applied = MemEngine::new();
            for (at, changes) in [&overlay(&base), &group, &layer].into_iter().enumerate() {
                applied.apply(&changes.to_batch(), Lsn(at as u64 + 1)).unwrap();
            }
            let (under, applied) = (under.view().unwrap(), applied.view().unwrap());
            let overlays = [&layer, &group];
            let layers = Layers { overlays: &overlays, engine: under.as_ref() };
            let direction = if down { Direction::Descending } else { Direction::Ascending };
            let scan = ByteScan {
                start: Bound::Included(vec![1, low]), end: Bound::Excluded(vec![1, high]), direction, limit,
            };
            prop_assert_eq!(layers.scan(&scan).unwrap(), applied.scan(&scan).unwrap());
            prop_assert_eq!(layers.get(&[1, low]).unwrap(), applied.get(&[1, low]).unwrap());
        }

        #[test]
        fn bytes_are_those_of_the_batch(
            changes in prop::collection::vec((0u8..4, prop::option::of(any::<u8>())), 0..20),
        ) {
            let overlay = overlay(&changes);
            prop_assert_eq!(overlay.bytes(), overlay.to_batch().size());
        }
    }
}
