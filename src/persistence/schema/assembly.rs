//! The catalog with which the store is opened, and the store's handle in terms of its content.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    audit::{self, AUDIT, AUDIT_SIGN_INS},
    events::EVENTS,
    tables,
};
use crate::{
    domain::audit::AuditLog,
    persistence::machinery::{
        catalog::StoreCatalog,
        lease::LeaseSource,
        log::LogHead,
        opening::{OpenFault, Options},
        report::StoreCondition,
        store::Store,
        swap::{RunningSwap, SwapReport, Swapped},
        trust::Opening,
        writer::step::StoreWriter,
    },
    telemetry::store::{AuditMark, DoneTreeSwap, RunningTreeSwap, StoreReport, TreeSwapCount, TreeSwapsReport},
    types::{Clock, Entropy},
};

/// The content of the store.
pub static CATALOG: StoreCatalog = StoreCatalog {
    tables: tables::INVENTORY,
    logs: &[&EVENTS, &AUDIT, &AUDIT_SIGN_INS],
    checks: &[],
    lost_without_keys: "Without it sessions, live codes, signing keys, mails that wait, and the names and addresses in \
                        events and audit entries are lost; users and passwords are not. Put the key ring back, or give \
                        these up with `majordomo keys recover --accept-loss`",
};

impl Store {
    /// Opens a data directory, or creates one, and starts the writer's thread. Returns what was found.
    ///
    /// Refuses, and writes nothing, when there are sealed values and the key ring is missing or is another one.
    pub fn open(options: Options) -> Result<(Self, Opening), OpenFault> {
        Self::assemble(&CATALOG, options)
    }

    /// The same with a writer that is driven by the caller: for tests and for the command line.
    pub fn open_in_hand(options: Options) -> Result<(Self, StoreWriter, Opening), OpenFault> {
        Self::assemble_over_directory(&CATALOG, options)
    }

    /// A store in memory that runs each closure twice and compares the results, for tests of flows. Its writer is a
    /// task of the current runtime, so that it follows tokio's paused time.
    pub fn in_memory(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        Self::assemble_in_memory(&CATALOG, clock, entropy)
    }

    /// As `in_memory`; `leases` grants its leases: for tests of what waits for a lease or loses it.
    pub fn in_memory_under(clock: Arc<dyn Clock>, entropy: &dyn Entropy, leases: Arc<dyn LeaseSource>) -> Self {
        Self::assemble_in_memory_under(&CATALOG, (clock, entropy), leases)
    }

    /// A store in memory whose writer is driven by the caller, for tests of the writer.
    pub fn in_hand(clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> (Self, StoreWriter) {
        Self::assemble_in_hand(&CATALOG, clock, entropy)
    }

    /// The sequence of the last visible event; 0 if there never was one.
    pub fn head(&self) -> u64 {
        self.log_head(&EVENTS).number
    }

    /// Changes whenever `head` does.
    pub fn events_changed(&self) -> watch::Receiver<LogHead> {
        self.log_changed(&EVENTS)
    }

    /// The report for operators.
    pub fn report(&self) -> StoreReport {
        let mark = |log| {
            let LogHead { number, hash } = self.log_head(audit::log(log));
            AuditMark { entries: number, hash: hash.iter().map(|byte| format!("{byte:02x}")).collect() }
        };
        let StoreCondition {
            status,
            reasons,
            engine,
            tree_bytes,
            free_bytes,
            damaged_values,
            last_snapshot_at,
            readers,
            writer,
            swaps,
        } = self.condition();
        StoreReport {
            status,
            reasons,
            engine,
            tree_bytes,
            free_bytes,
            damaged_values,
            last_snapshot_at,
            readers,
            last_event: self.head().to_string(),
            audit: mark(AuditLog::Changes),
            audit_sign_ins: mark(AuditLog::SignIns),
            writer,
            tree_swaps: swaps.map(tree_swaps).unwrap_or_default(),
        }
    }
}

fn tree_swaps(report: SwapReport) -> TreeSwapsReport {
    let SwapReport { running, last_done, counts, .. } = report;
    TreeSwapsReport {
        running: running.map(|RunningSwap { reason, since, percent }| RunningTreeSwap {
            reason: reason.as_str(),
            percent,
            since,
        }),
        last: last_done.map(|Swapped { reason, bytes_before, bytes_after, took }| DoneTreeSwap {
            reason: reason.as_str(),
            bytes_before,
            bytes_after,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }),
        counts: counts
            .into_iter()
            .map(|(reason, done, failed)| TreeSwapCount { reason: reason.as_str(), done, failed })
            .collect(),
    }
}
