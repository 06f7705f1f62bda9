//! The report of the store for operators, independent of its content.

use std::sync::atomic::Ordering;

use super::{
    known_damage::FoundDamage,
    shared::Shared,
    swap::{RunningSwap, SwapReport},
    upkeep::Upkeep,
    writer::job::WriteLane,
};
use crate::{
    telemetry::{
        health::{HealthReason, HealthStatus},
        store::WriterReport,
    },
    types::{Timestamp, limits},
};

/// The condition of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCondition {
    /// The status for health.
    pub status: HealthStatus,
    /// The reasons why it is not `up`.
    pub reasons: Vec<String>,
    /// The engine's name; `none` after a close.
    pub engine: &'static str,
    /// Bytes of the tree on disk.
    pub tree_bytes: u64,
    /// Free bytes on the disk; `None` for a store in memory.
    pub free_bytes: Option<u64>,
    /// When the last good snapshot in the data directory was taken.
    pub last_snapshot_at: Option<Timestamp>,
    /// Stored values that are damaged also after a rebuild of the tree.
    pub damaged_values: usize,
    /// Reads that are open now.
    pub readers: u64,
    pub writer: WriterReport,
    /// Rebuilds of the tree beside the running store; `None` for a store in memory.
    pub swaps: Option<SwapReport>,
}

pub(super) fn of(shared: &Shared, upkeep: Option<&Upkeep>) -> StoreCondition {
    let engine = shared.engine_stats();
    let tally = *shared.tally();
    let free = shared.free_bytes.load(Ordering::Relaxed);
    let swaps = upkeep.map(Upkeep::swaps);
    let damage = shared.damage.found();
    let troubles = upkeep.map(Upkeep::troubles).unwrap_or_default();
    let swapping = swaps.as_ref().and_then(|swaps| swaps.running);
    let (status, reasons) = health(shared, free, (&damage, swapping, troubles));
    StoreCondition {
        status,
        reasons,
        engine: engine.name,
        tree_bytes: engine.disk_bytes,
        last_snapshot_at: upkeep.and_then(Upkeep::last_snapshot_at),
        free_bytes: (free != u64::MAX).then_some(free),
        damaged_values: damage.values.values().sum(),
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
        swaps,
    }
}

fn health(
    shared: &Shared,
    free: u64,
    (damage, swapping, troubles): (&FoundDamage, Option<RunningSwap>, Vec<(HealthReason, String)>),
) -> (HealthStatus, Vec<String>) {
    let tables = damage.values.iter().map(|(table, count)| format!("{count} in {table}")).collect::<Vec<_>>();
    let inconsistent = damage.inconsistent.clone().or_else(|| damage.unproven.clone());
    let percent = |trouble| {
        let swapping = swapping.filter(|swap| swap.reason.is_trouble() == trouble);
        swapping.map(|swap| format!("{} %", swap.percent))
    };
    let stuck = shared.steps.stuck().map(|busy| busy.step.to_string());
    let inspection = [
        (shared.is_lost(), HealthStatus::Down, HealthReason::Lost),
        (shared.steps.writes_expire(), HealthStatus::Down, HealthReason::WritesExpire),
        (free < limits::DISK_FULL, HealthStatus::Down, HealthReason::DiskFull),
        (free < limits::DISK_LOW, HealthStatus::Degraded, HealthReason::DiskLow),
    ];
    let plain = inspection.into_iter().filter(|(holds, ..)| *holds);
    let plain = plain.map(|(_, status, reason)| (status, reason.as_str().to_owned()));
    let described = [
        (HealthStatus::Down, HealthReason::WriterStuck, stuck),
        (HealthStatus::Down, HealthReason::Damaged, (!tables.is_empty()).then(|| tables.join(", "))),
        (HealthStatus::Degraded, HealthReason::Inconsistent, inconsistent),
        (HealthStatus::Degraded, HealthReason::ReplacingTree, percent(true)),
        (HealthStatus::Up, HealthReason::Compacting, percent(false)),
    ];
    let troubles = troubles.into_iter().map(|(reason, text)| (HealthStatus::Degraded, reason, Some(text)));
    let described = described
        .into_iter()
        .chain(troubles)
        .filter_map(|(status, reason, text)| text.map(|text| (status, format!("{}: {text}", reason.as_str()))));
    plain.chain(described).fold((HealthStatus::Up, Vec::new()), |(worst, mut reasons), (status, reason)| {
        reasons.push(reason);
        (worst.max(status), reasons)
    })
}
