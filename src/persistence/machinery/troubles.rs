//! What is wrong in the data directory while the store goes on: reported by health until it is over.
//!
//! Owns: the list of troubles. Must not know: how one is found. Begin with `Troubles`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::telemetry::health::HealthReason;

/// The troubles of an open data directory, each with a text.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<HealthReason, String>>);

impl Troubles {
    fn all(&self) -> MutexGuard<'_, BTreeMap<HealthReason, String>> {
        // Each change is one call on the map: a panic leaves nothing half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the trouble, or its end. Returns whether that changes anything.
    pub(super) fn set(&self, reason: HealthReason, text: Option<String>) -> bool {
        let mut all = self.all();
        match text {
            Some(text) => all.insert(reason, text.clone()) != Some(text),
            None => all.remove(&reason).is_some(),
        }
    }

    /// The text of a trouble, if there is one.
    pub(super) fn get(&self, reason: HealthReason) -> Option<String> {
        self.all().get(&reason).cloned()
    }
}
