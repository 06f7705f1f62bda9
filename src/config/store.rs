//! `[store]`

use std::{path::PathBuf, time::Duration};

use super::{
    ByteSize,
    section::section,
    value::{Choice, days},
};
use crate::types::limits;

section! {
    /// The journal, the tree beside it, and snapshots.
    pub struct StoreConfig {
        /// The directory of the store; created if it does not exist.
        path: PathBuf = PathBuf::from("data");
        /// The storage of the tree: "sled" (fastest; rebuilt from the journal after a machine failure), "redb" (needs
        /// no rebuild), "mem" (in memory, rebuilt at every start; for tests).
        engine: EngineChoice = EngineChoice::Sled;
        /// How long a start waits for another process to release the directory.
        lock_wait: Duration = Duration::from_secs(30), within Duration::ZERO..=Duration::from_secs(600);
        /// How long the writer may be busy with one step, such as a sync, before the process ends; after a sixth of it
        /// health is down. Time in which the process or the machine is paused does not count.
        writer_limit: Duration = limits::WRITER_LOST, within Duration::from_secs(3)..=Duration::from_secs(600);
        /// The size of one segment of the journal, which is reserved on the disk when the segment begins.
        journal_segment_bytes: ByteSize = ByteSize::mib(64), within ByteSize::kib(64)..=ByteSize::gib(1);
        /// The shortest time that a segment of the journal is kept, even if a snapshot covers it.
        journal_retention: Duration = Duration::from_hours(24), within Duration::ZERO..=days(365);
        /// The size of the journal above which covered segments are removed before that time.
        journal_retention_bytes: ByteSize = ByteSize::gib(4), within ByteSize::mib(128)..=ByteSize::gib(1_024);
        /// Time between two snapshots.
        snapshot_every: Duration = Duration::from_hours(6), within Duration::from_mins(1)..=days(7);
        /// The growth of the journal after which a snapshot is taken before that time.
        snapshot_every_bytes: ByteSize = ByteSize::gib(1), within ByteSize::kib(64)..=ByteSize::gib(64);
        /// The number of snapshots to keep.
        snapshots_kept: u32 = 2, within 1..=100;
        /// The size of a file in the directory of the store that is given up first when the disk is full, so that
        /// logouts, a stop and a start still have space; made again when there is room. 0 for none.
        ballast: ByteSize = ByteSize::mib(64), within ByteSize::mib(0)..=ByteSize::gib(1);
        /// The shortest time between two compactions, which rebuild the tree beside the running store when its file has
        /// more than three times the bytes of its content. "0s": only `majordomo store compact` compacts.
        compact_every: Duration = Duration::from_hours(24), within Duration::ZERO..=days(365);
        /// The size of the tree's file up to which it is not compacted.
        compact_above: ByteSize = ByteSize::mib(64), within ByteSize::mib(1)..=ByteSize::gib(1_024);
        /// The share of its time, in percent, in which a compaction works; it takes more when commits come faster.
        compact_share: u32 = 25, within 1..=100;
    }
}

/// The storage of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// sled; the journal detects and repairs its losses.
    Sled,
    /// redb.
    Redb,
    /// Memory, rebuilt from snapshot and journal at every start; for tests.
    Mem,
}

impl Choice for EngineChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("sled", Self::Sled), ("redb", Self::Redb), ("mem", Self::Mem)];
}
