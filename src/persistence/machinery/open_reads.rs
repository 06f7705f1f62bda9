//! How many reads are open.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count of what is open now.
#[derive(Default)]
pub(super) struct OpenReads(AtomicU64);

/// Counts as open until it is dropped, also by a panic of the reader.
pub(super) struct OpenRead<'a>(&'a OpenReads);

impl OpenReads {
    pub(super) fn enter(&self) -> OpenRead<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenRead(self)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OpenRead<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
