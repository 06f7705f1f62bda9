//! Damage that a rebuild of the tree does not repair, and what the walk of a snapshot found.
//!
//! A damaged value loses the store, and the next start rebuilds the tree. If the value of the same key is damaged in
//! the rebuilt tree too, another rebuild would not help: requests that need it fail, and the store goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::checksum::DamagedValue;
use crate::types::limits;

/// What is known to be wrong in the tree of an open store.
#[derive(Default)]
pub(super) struct KnownDamage {
    /// The keys for which the tree was rebuilt.
    rebuilt_for: BTreeSet<String>,
    found: Mutex<FoundDamage>,
}

/// What was found since the store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundDamage {
    /// The number of damaged values that a rebuild did not repair, by table.
    pub values: BTreeMap<&'static str, usize>,
    /// What the last walk over the tree found besides, for operators: tables and numbers, no content.
    pub inconsistent: Option<String>,
    /// Rows of logs that the last walk found to be written without the key ring: logs and numbers.
    pub unproven: Option<String>,
    keys: BTreeSet<String>,
}

impl KnownDamage {
    /// For a tree that was rebuilt because of these keys.
    pub(super) fn of(rebuilt_for: &[String]) -> Self {
        Self { rebuilt_for: rebuilt_for.iter().cloned().collect(), found: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, FoundDamage> {
        // Each change is one assignment or insertion.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the tree was rebuilt for this key already; if so, the value is counted for the table `table`.
    pub(super) fn persists(&self, value: &DamagedValue, table: &'static str) -> bool {
        let name = value.name().to_string();
        if !self.rebuilt_for.contains(&name) {
            return false;
        }
        let mut found = self.lock();
        if found.keys.len() < limits::DAMAGED_KEYS_MAX && found.keys.insert(name) {
            *found.values.entry(table).or_default() += 1;
            tracing::error!(%value, table, "a value is damaged after a rebuild too; requests that need it fail");
        }
        true
    }

    /// What a walk over the tree found; `None`: nothing. Returns whether it is another finding than that of the walk
    /// before.
    pub(super) fn set_inconsistent(&self, text: Option<String>) -> bool {
        let mut found = self.lock();
        std::mem::replace(&mut found.inconsistent, text.clone()) != text
    }

    /// The rows of logs that were written without the key ring, in words; `None`: none.
    pub(super) fn set_unproven(&self, text: Option<String>) {
        self.lock().unproven = text;
    }

    /// What was found since the store was opened.
    pub(super) fn found(&self) -> FoundDamage {
        self.lock().clone()
    }
}

/// The keys for which a tree is rebuilt that was damaged at `key` and rebuilt for `before`: the latest ones.
pub(super) fn rebuilt_for(before: &[String], key: &str) -> Vec<String> {
    let mut keys: Vec<String> = before.iter().filter(|other| *other != key).cloned().collect();
    keys.push(key.to_owned());
    keys.drain(..keys.len().saturating_sub(limits::DAMAGED_KEYS_MAX));
    keys
}
