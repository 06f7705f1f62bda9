//! The report of the store for operators, independent of its content.

use std::sync::atomic::Ordering;

use super::{shared::Shared, writer::job::WriteLane};
use crate::{
    telemetry::{
        health::{HealthReason, HealthStatus},
        store::WriterReport,
    },
    types::limits,
};

/// The condition of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCondition {
    /// The status for health.
    pub status: HealthStatus,
    /// The reasons why it is not `up`.
    pub reasons: Vec<&'static str>,
    /// The engine's name; `none` after a close.
    pub engine: &'static str,
    /// Bytes of the tree on disk.
    pub tree_bytes: u64,
    /// Free bytes on the disk; `None` for a store in memory.
    pub free_bytes: Option<u64>,
    /// Reads that are open now.
    pub readers: u64,
    pub writer: WriterReport,
}

pub(super) fn of(shared: &Shared) -> StoreCondition {
    let engine = shared.engine_stats();
    let tally = *shared.tally();
    let free = shared.free_bytes.load(Ordering::Relaxed);
    let (status, reasons) = health(shared, free);
    StoreCondition {
        status,
        reasons,
        engine: engine.name,
        tree_bytes: engine.disk_bytes,
        free_bytes: (free != u64::MAX).then_some(free),
        readers: shared.readers.count(),
        writer: WriterReport {
            waiting: shared.queue.len(WriteLane::Prompt),
            bulk_waiting: shared.queue.len(WriteLane::Bulk),
            commits: tally.commits,
            groups: tally.groups,
            largest_group: tally.largest_group,
            last_commit: tally.last_lsn,
            last_commit_at: tally.last_commit_at,
            last_group_us: tally.last_group_us,
            last_checkpoint_at: tally.last_checkpoint_at,
            busy_ms: shared.steps.busy().map_or(0, |busy| u64::try_from(busy.lasts.as_millis()).unwrap_or(u64::MAX)),
        },
    }
}

fn health(shared: &Shared, free: u64) -> (HealthStatus, Vec<&'static str>) {
    let stuck = shared.steps.stuck();
    let stuck_reason = stuck.map_or(HealthReason::WriterStuck.as_str(), |busy| busy.step.stuck_reason());
    let inspection = [
        (shared.is_lost(), HealthStatus::Down, HealthReason::Lost),
        (stuck.is_some(), HealthStatus::Down, HealthReason::WriterStuck),
        (shared.steps.writes_expire(), HealthStatus::Down, HealthReason::WritesExpire),
        (free < limits::DISK_FULL, HealthStatus::Down, HealthReason::DiskFull),
        (free < limits::DISK_LOW, HealthStatus::Degraded, HealthReason::DiskLow),
    ];
    let found = inspection.into_iter().filter(|(holds, ..)| *holds);
    found.fold((HealthStatus::Up, Vec::new()), |(worst, mut reasons), (_, status, reason)| {
        reasons.push(if reason == HealthReason::WriterStuck { stuck_reason } else { reason.as_str() });
        (worst.max(status), reasons)
    })
}
