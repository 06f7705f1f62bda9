//! The report on the store (`GET /health/store`).

use serde::Serialize;
use utoipa::ToSchema;

use super::health::HealthStatus;
use crate::types::Timestamp;

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreReport {
    /// The status.
    pub status: HealthStatus,
    /// The reasons why it is not `up`: `lost`, `writer_stuck: <step>`, `writes_expire`, `disk_full`, `disk_low`,
    /// `damaged`, `inconsistent`, `snapshot_old`, `segment_lost`, `lock_weak`, `replacing_tree: <percent>`;
    /// `compacting: <percent>` while it is `up`.
    #[schema(example = json!([]))]
    pub reasons: Vec<String>,
    /// The engine's name; `none` after a close.
    #[schema(example = "sled")]
    pub engine: &'static str,
    /// Bytes of the tree on disk.
    pub tree_bytes: u64,
    /// Free bytes on the disk; absent for a store in memory.
    #[schema(example = 250_000_000_000_u64)]
    pub free_bytes: Option<u64>,
    /// When the last good snapshot in the data directory was taken.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub last_snapshot_at: Option<Timestamp>,
    /// Stored values that are damaged also after a rebuild of the tree: requests that need them fail.
    pub damaged_values: usize,
    /// Reads that are open now.
    pub readers: u64,
    /// The sequence of the last event, as text.
    #[schema(example = "4711")]
    pub last_event: String,
    /// The head of the audit log of changes.
    pub audit: AuditMark,
    /// The head of the audit log of sign-ins.
    pub audit_sign_ins: AuditMark,
    /// The writer.
    pub writer: WriterReport,
    /// Rebuilds of the tree beside the running store.
    pub tree_swaps: TreeSwapsReport,
}

/// Rebuilds of the tree beside the running store, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeSwapsReport {
    /// The one that runs; null if none does.
    pub running: Option<RunningTreeSwap>,
    /// The last one that replaced the tree; null before it.
    pub last: Option<DoneTreeSwap>,
    /// How many there were, by reason.
    pub counts: Vec<TreeSwapCount>,
}

/// A rebuild of the tree that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningTreeSwap {
    /// The reason: `compaction`, `damage` or `disk_full`.
    #[schema(example = "compaction")]
    pub reason: &'static str,
    /// Its progress, 0 to 99.
    #[schema(example = 40)]
    pub percent: u64,
    /// When it began.
    #[serde(serialize_with = "super::actors::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub since: Timestamp,
}

/// A rebuild of the tree that replaced it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoneTreeSwap {
    /// The reason: `compaction`, `damage` or `disk_full`.
    #[schema(example = "compaction")]
    pub reason: &'static str,
    /// Bytes of the replaced tree on disk.
    #[schema(example = 3_221_225_472_u64)]
    pub bytes_before: u64,
    /// Bytes of the new tree on disk.
    #[schema(example = 402_653_184)]
    pub bytes_after: u64,
    /// Milliseconds from its beginning until the replaced tree was removed.
    pub took_ms: u64,
}

/// The number of rebuilds with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeSwapCount {
    /// The reason: `compaction`, `damage` or `disk_full`.
    #[schema(example = "compaction")]
    pub reason: &'static str,
    /// How many replaced the tree.
    pub done: u64,
    /// How many did not.
    pub failed: u64,
}

/// The head of an audit log: a copy stored elsewhere reveals a log that was cut or rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditMark {
    /// Number of entries.
    pub entries: u64,
    /// The hash of the last entry, in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$", example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub hash: String,
}

/// The writer's statistics since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WriterReport {
    /// Transactions that wait in the prompt lane.
    pub waiting: usize,
    /// Batches of upkeep that wait in the bulk lane.
    pub bulk_waiting: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Groups of commits: one sync each.
    pub groups: u64,
    /// Commits in the largest group.
    pub largest_group: usize,
    /// The journal's number of the last commit.
    pub last_commit: u64,
    /// The time of the last commit.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub last_commit_at: Option<Timestamp>,
    /// Microseconds to write, sync and apply the last group.
    pub last_group_us: u64,
    /// The time of the last checkpoint.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub last_checkpoint_at: Option<Timestamp>,
    /// Milliseconds of the writer's current step; 0 when idle.
    pub busy_ms: u64,
}
