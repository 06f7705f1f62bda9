//! Compacts the tree when its file is much larger than its content: rebuilds it beside the running store.

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

/// The worker that compacts the tree.
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
            Ok(upkeep.compact_if_due(&stop))
        });
        match looked.await? {
            Ok(None) | Err(SwapError::Stopped | SwapError::Running) => {}
            Ok(Some(done)) => {
                let record = compacted(&done);
                self.store.write(batch((cx, lease), "compaction"), move |tx| tx.audit(record.clone())).await?;
            }
            Err(error) => return Err(Fault::bug(error.to_string())),
        }
        Ok(NEXT)
    }
}

/// The audit record of a compaction.
pub fn compacted(done: &Swapped) -> AuditRecord {
    let Swapped { bytes_before, bytes_after, took, .. } = done;
    let detail = format!("bytes_before={bytes_before} bytes_after={bytes_after} seconds={}", took.as_secs());
    AuditRecord::done(OperationsAction::CompactStore, None).detail(detail)
}
