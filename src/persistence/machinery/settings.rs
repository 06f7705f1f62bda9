//! How a data directory is opened.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use super::{engine::EngineKind, fs::Fs};
use crate::types::{Clock, Entropy, limits};

/// Which run of the machine this is. Two opens with the same one have no stop of the machine between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(pub String);

impl BootId {
    /// Of the machine now; where it cannot be read, one that never matches, so that nothing is believed by mistake.
    pub fn current(entropy: &dyn Entropy) -> Self {
        match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
            Ok(text) => Self(text.trim().to_owned()),
            Err(_) => {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(format!("unknown-{:032x}", u128::from_le_bytes(bytes)))
            }
        }
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sizes and times of the store's upkeep.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Bytes of one journal segment.
    pub segment_bytes: u64,
    /// Journal bytes between two checkpoints.
    pub checkpoint_bytes: u64,
    /// Time between two checkpoints while there is work.
    pub checkpoint_every: Duration,
    /// How long a segment is kept after a snapshot covers it.
    pub retention_time: Duration,
    /// Journal bytes above which covered segments go before their time.
    pub retention_bytes: u64,
    /// Time between two snapshots while there is work.
    pub snapshot_every: Duration,
    /// Journal bytes between two snapshots.
    pub snapshot_bytes: u64,
    /// Snapshots that are kept, the newest ones.
    pub snapshots_kept: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            segment_bytes: limits::SEGMENT_BYTES,
            checkpoint_bytes: limits::CHECKPOINT_BYTES,
            checkpoint_every: limits::CHECKPOINT_EVERY,
            retention_time: limits::JOURNAL_RETENTION,
            retention_bytes: limits::JOURNAL_RETENTION_BYTES,
            snapshot_every: limits::SNAPSHOT_EVERY,
            snapshot_bytes: limits::SNAPSHOT_BYTES,
            snapshots_kept: limits::SNAPSHOTS_KEPT,
        }
    }
}

/// Where and how a store is opened.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The data directory.
    pub dir: PathBuf,
    /// What holds the tree.
    pub engine: EngineKind,
    /// This run of the machine.
    pub boot: BootId,
    /// How long to wait for another process to let go of the directory.
    pub lock_wait: Duration,
    /// Sizes and times.
    pub tuning: Tuning,
}

/// The seams to disk, time and chance.
#[derive(Clone)]
pub struct StoreEnvironment {
    /// The disk.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}
