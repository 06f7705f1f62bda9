//! What operators see of swaps.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{SwapError, SwapReason, Swapped, handover::Handover};
use crate::types::Timestamp;

/// The state of swaps since the store was opened.
#[derive(Default)]
pub(in crate::persistence::machinery) struct SwapState {
    running: AtomicBool,
    pub(in crate::persistence::machinery) handover: Handover,
    /// Keys written by the running rebuild, and keys to write, as an estimate.
    pub(super) done: AtomicU64,
    pub(super) work: AtomicU64,
    records: Mutex<SwapRecords>,
}

#[derive(Default)]
struct SwapRecords {
    running: Option<(SwapReason, Timestamp)>,
    last: Option<LastSwap>,
    last_done: Option<Swapped>,
    done: [u64; SwapReason::ALL.len()],
    failed: [u64; SwapReason::ALL.len()],
}

/// A rebuild that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningSwap {
    pub reason: SwapReason,
    pub since: Timestamp,
    /// Its progress, 0 to 99.
    pub percent: u64,
}

/// The last swap that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSwap {
    pub reason: SwapReason,
    pub ended: Timestamp,
    /// What was done, or why the tree was not replaced.
    pub outcome: Result<Swapped, String>,
}

/// The report for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapReport {
    pub running: Option<RunningSwap>,
    pub last: Option<LastSwap>,
    /// The last one that replaced the tree.
    pub last_done: Option<Swapped>,
    /// Swaps done and failed since the store was opened, by reason.
    pub counts: Vec<(SwapReason, u64, u64)>,
}

impl SwapState {
    fn records(&self) -> MutexGuard<'_, SwapRecords> {
        // Counters and whole values: a panic leaves nothing half changed.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::persistence::machinery) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Begins a swap; `None` while another one runs.
    pub(super) fn begin(&self, reason: SwapReason, now: Timestamp) -> Option<RunningGuard<'_>> {
        let free = self.running.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        free.ok()?;
        self.done.store(0, Ordering::Relaxed);
        self.work.store(0, Ordering::Relaxed);
        self.records().running = Some((reason, now));
        Some(RunningGuard { state: self, reason })
    }

    pub(super) fn report(&self) -> SwapReport {
        let (done, work) = (self.done.load(Ordering::Relaxed), self.work.load(Ordering::Relaxed));
        let records = self.records();
        let percent = (done * 100).checked_div(work).unwrap_or(0).min(99);
        let counts = SwapReason::ALL.into_iter().zip(records.done).zip(records.failed);
        SwapReport {
            running: records.running.map(|(reason, since)| RunningSwap { reason, since, percent }),
            last: records.last.clone(),
            last_done: records.last_done,
            counts: counts.map(|((reason, done), failed)| (reason, done, failed)).collect(),
        }
    }
}

/// One swap at a time runs until this is dropped.
pub(super) struct RunningGuard<'a> {
    state: &'a SwapState,
    reason: SwapReason,
}

impl RunningGuard<'_> {
    /// Records the outcome.
    pub(super) fn end(self, outcome: &Result<Swapped, SwapError>, now: Timestamp) {
        let mut records = self.state.records();
        let at = SwapReason::ALL.iter().position(|reason| *reason == self.reason).unwrap_or_default();
        match outcome {
            Ok(swapped) => {
                records.done[at] += 1;
                records.last_done = Some(*swapped);
            }
            Err(_) => records.failed[at] += 1,
        }
        let outcome = outcome.as_ref().copied().map_err(ToString::to_string);
        records.last = Some(LastSwap { reason: self.reason, ended: now, outcome });
    }
}

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.state.records().running = None;
        self.state.running.store(false, Ordering::Release);
    }
}
