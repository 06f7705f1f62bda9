//! Corrects records with later dates after an operator accepted an earlier time.

use std::{sync::Arc, time::Duration};

use super::batch;
use crate::{
    actors::leased::LeasedWorker,
    persistence::{
        Lease, Store,
        redating::{Redated, step},
    },
    supervision::{Next, TaskCx},
    types::Fault,
};

/// The interval between two looks, if no acceptance wakes the worker.
const EVERY: Duration = Duration::from_secs(60);

/// The worker that walks over the records with dates.
pub struct Redating {
    store: Store,
}

impl Redating {
    /// A worker over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl LeasedWorker for Redating {
    const KIND: &'static str = "redating";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        Ok(match self.store.write(batch((cx, lease), "redate"), step).await? {
            Redated::Further => Next::Now,
            Redated::Waits(wait) => Next::Within(wait.min(EVERY)),
            Redated::Finished => Next::Within(EVERY),
        })
    }
}
