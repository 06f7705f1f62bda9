//! Takes due snapshots, and removes segments and snapshots that are no longer needed. When the disk is nearly full, it
//! keeps only the newest snapshot. It also makes the ballast again when there is room.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    actors::leased::LeasedWorker,
    persistence::{Lease, Store},
    supervision::{Next, TaskCx},
    types::Fault,
};

/// The interval between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// The interval between two rounds while a snapshot is needed at once.
const URGENT_EVERY: Duration = Duration::from_secs(10);
/// The interval between two looks whether it is.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The worker that takes and removes snapshots.
pub struct Snapshots {
    store: Store,
    last: Option<Instant>,
}

impl Snapshots {
    /// A worker over `store`.
    pub fn new(store: Store) -> Self {
        Self { store, last: None }
    }
}

impl LeasedWorker for Snapshots {
    const KIND: &'static str = "snapshots";

    async fn run(&mut self, cx: &TaskCx, _: &Arc<Lease>) -> Result<Next, Fault> {
        let Some(upkeep) = self.store.upkeep().cloned() else { return Ok(Next::Within(EVERY)) };
        let now = cx.system().clock().instant();
        let every = if upkeep.is_urgent() { URGENT_EVERY } else { EVERY };
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < every) {
            return Ok(Next::Within(LOOK_EVERY));
        }
        self.last = Some(now);
        // A round that fails is reported by the health of the store, and the next one tries again.
        let done = cx.thread(move |_| Ok(upkeep.round())).await?;
        if let Ok(done) = done
            && let Some(summary) = done.snapshot
        {
            tracing::info!(snapshot = ?summary, "a snapshot was taken");
        }
        Ok(Next::Within(LOOK_EVERY))
    }
}
