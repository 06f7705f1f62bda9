//! Replaces the tree when its file is much larger than its content, or when the walk of a snapshot found rows that are
//! missing or do not fit: rebuilds it beside the running store.

use std::sync::Arc;

use super::batch;
use crate::{
    actors::leased::LeasedWorker,
    domain::{audit::AuditRecord, operations::OperationsAction},
    persistence::{
        Lease, Store,
        swap::{SwapError, Swapped},
    },
    supervision::{Next, TaskCx},
    types::{Fault, limits},
};

/// The worker that replaces the tree.
pub struct Compaction {
    store: Store,
}

impl Compaction {
    /// A worker over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl LeasedWorker for Compaction {
    const KIND: &'static str = "compaction";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        const NEXT: Next = Next::Within(limits::COMPACT_LOOK_EVERY);
        let Some(upkeep) = self.store.upkeep().cloned() else { return Ok(NEXT) };
        let held = Arc::clone(lease);
        let looked = cx.thread(move |cx| {
            let stop = || cx.stopping().is_cancelled() || !held.is_held();
            Ok(match upkeep.repair_if_due(&stop) {
                Ok(None) => upkeep.compact_if_due(&stop),
                repaired => repaired,
            })
        });
        match looked.await? {
            Ok(None) | Err(SwapError::Stopped | SwapError::Running) => {}
            Ok(Some(done)) => {
                let record = replaced(&done);
                self.store.write(batch((cx, lease), "compaction"), move |tx| tx.audit(record.clone())).await?;
            }
            Err(error) => return Err(Fault::bug(error.to_string())),
        }
        Ok(NEXT)
    }
}

/// The audit record of a tree that was replaced.
pub fn replaced(done: &Swapped) -> AuditRecord {
    let Swapped { reason, bytes_before, bytes_after, took } = done;
    let (reason, seconds) = (reason.as_str(), took.as_secs());
    let detail = format!("reason={reason} bytes_before={bytes_before} bytes_after={bytes_after} seconds={seconds}");
    AuditRecord::done(OperationsAction::ReplaceTree, None).detail(detail)
}
