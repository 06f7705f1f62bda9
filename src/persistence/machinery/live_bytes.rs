//! The bytes of all keys and values of a tree, as they were last counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    engine::{ByteScan, Engine},
    rebuild::{BuildWatch, RebuildError},
};
use crate::types::limits;

const UNKNOWN: u64 = u64::MAX;

/// The last count; unknown until the first.
pub(super) struct LiveBytes(AtomicU64);

impl Default for LiveBytes {
    fn default() -> Self {
        Self(AtomicU64::new(UNKNOWN))
    }
}

impl LiveBytes {
    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|bytes| *bytes != UNKNOWN)
    }
}

/// Counts the bytes of `engine`'s keys and values, in pages, while commits go on.
pub(super) fn count(engine: &dyn Engine, watch: &mut BuildWatch<'_>) -> Result<u64, RebuildError> {
    let mut bytes = 0;
    let mut scan = ByteScan::all(limits::SCAN_MAX);
    loop {
        let page = engine.view()?.scan(&scan)?;
        bytes += page.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
        watch(page.len() as u64)?;
        match page.into_iter().next_back() {
            Some((last, _)) => scan = scan.after(last),
            None => return Ok(bytes),
        }
    }
}
