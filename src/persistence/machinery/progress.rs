//! The progress of a store, for readers in other threads.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::Lsn;
use crate::types::Timestamp;

/// The progress of the store. Only the writer advances it.
#[derive(Debug, Default)]
pub struct StoreProgress {
    committed: AtomicU64,
    applied: AtomicU64,
    checkpointed: AtomicU64,
    last_time: AtomicI64,
    written: AtomicU64,
    new_segment: AtomicBool,
    checkpoints: AtomicU64,
}

impl StoreProgress {
    /// The last commit on disk.
    pub fn committed(&self) -> Lsn {
        Lsn(self.committed.load(Ordering::Acquire))
    }

    /// The last commit in the tree.
    pub fn applied(&self) -> Lsn {
        Lsn(self.applied.load(Ordering::Acquire))
    }

    /// The last commit that a checkpoint covers.
    pub fn checkpointed(&self) -> Lsn {
        Lsn(self.checkpointed.load(Ordering::Acquire))
    }

    /// The time of the last commit.
    pub fn last_time(&self) -> Timestamp {
        Timestamp::from_micros(self.last_time.load(Ordering::Acquire))
    }

    /// Bytes written to the journal since the store was opened.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Asks the writer to continue in a new segment.
    pub(super) fn want_segment(&self) {
        self.new_segment.store(true, Ordering::Release);
    }

    /// Whether a new segment was asked for; the question is over then.
    pub(super) fn take_wanted_segment(&self) -> bool {
        self.new_segment.swap(false, Ordering::AcqRel)
    }

    /// The number of checkpoints since the store was opened.
    pub(super) fn checkpoints_taken(&self) -> u64 {
        self.checkpoints.load(Ordering::Acquire)
    }

    pub(super) fn starts(&self, lsn: Lsn, time: Timestamp, checkpointed: Lsn) {
        self.last_time.store(time.as_micros(), Ordering::Release);
        self.committed.store(lsn.0, Ordering::Release);
        self.applied.store(lsn.0, Ordering::Release);
        self.checkpointed.store(checkpointed.0, Ordering::Release);
    }

    pub(super) fn commits(&self, lsn: Lsn, time: Timestamp, bytes: u64) {
        self.last_time.store(time.as_micros(), Ordering::Release);
        self.written.fetch_add(bytes, Ordering::AcqRel);
        self.committed.store(lsn.0, Ordering::Release);
    }

    pub(super) fn applies(&self, lsn: Lsn) {
        self.applied.store(lsn.0, Ordering::Release);
    }

    pub(super) fn checkpoints(&self, lsn: Lsn) {
        self.checkpointed.store(lsn.0, Ordering::Release);
        self.checkpoints.fetch_add(1, Ordering::AcqRel);
    }
}
