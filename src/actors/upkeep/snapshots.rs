//! Takes due snapshots, and removes segments and snapshots that are no longer needed. When the disk is nearly full, it
//! keeps only the newest snapshot.

use std::{sync::Arc, time::Duration};

use crate::{
    actors::leased::LeasedWorker,
    persistence::{Lease, Store, upkeep::DiskSpace},
    supervision::{Next, TaskCx},
    types::Fault,
};

/// The interval between two checks for a due snapshot.
const EVERY: Duration = Duration::from_secs(60);

/// The worker that takes and removes snapshots.
pub struct Snapshots {
    store: Store,
}

impl Snapshots {
    /// A worker over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl LeasedWorker for Snapshots {
    const KIND: &'static str = "snapshots";

    async fn run(&mut self, cx: &TaskCx, _: &Arc<Lease>) -> Result<Next, Fault> {
        let Some(upkeep) = self.store.upkeep().cloned() else { return Ok(Next::Within(EVERY)) };
        let done = cx
            .thread(move |_| {
                // The next run tries again; no rule depends on this snapshot.
                let fault = |error: &dyn std::fmt::Display| Fault::bug(error.to_string());
                let free = upkeep.free_bytes().map_err(|error| fault(&error))?;
                match DiskSpace::of(free) {
                    DiskSpace::Ample => upkeep.run().map_err(|error| fault(&error)),
                    DiskSpace::Low | DiskSpace::Full => upkeep.reclaim().map_err(|error| fault(&error)),
                }
            })
            .await?;
        if let Some(summary) = done.snapshot {
            tracing::info!(snapshot = ?summary, "a snapshot was taken");
        }
        Ok(Next::Within(EVERY))
    }
}
