//! Time and randomness for the unit tests of this folder, which must not import the supervision's.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use crate::types::{Clock, Entropy, Timestamp};

/// The clock of the machine.
pub(super) struct MachineClock;

#[expect(clippy::disallowed_methods, reason = "it is the clock")]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// Bytes that differ at each call, the same in every run.
pub(super) struct CountedEntropy(AtomicU64);

impl CountedEntropy {
    pub(super) fn new(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }
}

impl Entropy for CountedEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}
