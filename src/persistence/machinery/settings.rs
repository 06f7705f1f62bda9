//! The settings of an opening.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use super::{engine::EngineKind, fs::Fs, keyring::Keyring};
use crate::types::{Clock, Entropy, limits};

/// The run of the machine. Between two opens with the same value the machine did not stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(pub String);

impl BootId {
    /// The current run. If it cannot be read, a value that never matches, so that nothing is trusted by mistake.
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
    /// Journal bytes above which covered segments are removed before `retention_time`.
    pub retention_bytes: u64,
    /// Time between two snapshots while there is work.
    pub snapshot_every: Duration,
    /// Journal bytes between two snapshots.
    pub snapshot_bytes: u64,
    /// Number of snapshots to keep, the newest ones.
    pub snapshots_kept: usize,
    /// When and how fast the tree is compacted.
    pub compaction: CompactionTuning,
    /// How long the writer may be busy with one step.
    pub watch: WatchLimits,
    /// Bytes of the file that is given up when the disk is full; 0: there is none.
    pub ballast_bytes: u64,
}

/// When the tree is compacted, and the pace of a rebuild beside a running store.
#[derive(Debug, Clone)]
pub struct CompactionTuning {
    /// The least time between two compactions by the program itself; `None`: it begins none.
    pub every: Option<Duration>,
    /// Bytes of the tree's file below which it is not compacted.
    pub above_bytes: u64,
    /// The share of its time, in percent, that a rebuild works.
    pub share_percent: u32,
}

impl Default for CompactionTuning {
    fn default() -> Self {
        Self {
            every: Some(limits::COMPACT_EVERY),
            above_bytes: limits::COMPACT_ABOVE_BYTES,
            share_percent: limits::COMPACT_SHARE_PERCENT,
        }
    }
}

/// How long the writer may be busy with one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchLimits {
    /// After this time health is `down`.
    pub stuck: Duration,
    /// After this time the store is lost, and the process ends.
    pub lost: Duration,
    /// The time for an orderly end of the process, which is killed afterwards; `None`: it is not killed.
    pub kill_after: Option<Duration>,
}

impl WatchLimits {
    /// The store is lost after `lost`, and health is down after a part of it.
    pub fn of(lost: Duration) -> Self {
        Self { stuck: lost / limits::WRITER_STUCK_PART, lost, kill_after: None }
    }
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self::of(limits::WRITER_LOST)
    }
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
            compaction: CompactionTuning::default(),
            watch: WatchLimits::default(),
            ballast_bytes: limits::BALLAST_BYTES,
        }
    }
}

/// Where and how a store is opened.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub dir: PathBuf,
    /// The engine of the tree.
    pub engine: EngineKind,
    /// This run of the machine.
    pub boot: BootId,
    /// How long to wait for another process to release the directory.
    pub lock_wait: Duration,
    /// Sizes and times.
    pub tuning: Tuning,
}

/// The store's dependencies: disk, clock, randomness, and the key ring of its snapshots.
#[derive(Clone)]
pub struct StoreEnvironment {
    pub fs: Arc<dyn Fs>,
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Seals and opens snapshots; `None`: none can be taken, and sealed ones cannot be read.
    pub ring: Option<Arc<Keyring>>,
}
