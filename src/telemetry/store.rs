//! How the store is doing (`GET /health/store`).

use serde::Serialize;
use utoipa::ToSchema;

use super::health::HealthStatus;
use crate::types::Timestamp;

/// The store as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreReport {
    /// How well it is.
    pub status: HealthStatus,
    /// Why it is not up: `lost`, `writer_stuck`, `disk_full`, `disk_low`.
    pub reasons: Vec<&'static str>,
    /// The engine's name; `none` once it is closed.
    pub engine: &'static str,
    /// Bytes the tree takes on disk.
    pub tree_bytes: u64,
    /// Free bytes on the disk; absent for a store in memory.
    pub free_bytes: Option<u64>,
    /// Reads that are open now.
    pub readers: u64,
    /// The sequence of the last event, as text.
    pub last_event: String,
    /// The end of the audit trail's log of changes.
    pub audit: AuditMark,
    /// The end of its log of sign-ins.
    pub audit_sign_ins: AuditMark,
    /// The writer.
    pub writer: WriterReport,
}

/// The end of a log of the audit trail: noted elsewhere, it shows a log that was cut or rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditMark {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one, in hexadecimal digits.
    pub hash: String,
}

/// The writer's figures since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WriterReport {
    /// Transactions that wait.
    pub waiting: usize,
    /// Batches of upkeep that wait, in a lane of their own.
    pub bulk_waiting: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Groups they were committed in: one sync each.
    pub groups: u64,
    /// Commits of the largest group.
    pub largest_group: usize,
    /// The journal's number of the last commit.
    pub last_commit: u64,
    /// When it was made.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>)]
    pub last_commit_at: Option<Timestamp>,
    /// Microseconds the last group took to be written, synced and applied.
    pub last_group_us: u64,
    /// When the last checkpoint was taken.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>)]
    pub last_checkpoint_at: Option<Timestamp>,
    /// Milliseconds the writer has been at its present closure or sync; 0 when idle.
    pub busy_ms: u64,
}
