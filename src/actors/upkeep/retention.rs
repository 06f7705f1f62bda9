//! Removes events that are older than `events.retention` and below every subscriber's watermark; none while the clock
//! is not trusted.

use std::{sync::Arc, time::Duration};

use super::batch;
use crate::{
    actors::{leased::LeasedWorker, relay::Relays},
    persistence::{
        Lease, Store,
        events::{Expendable, remove_old},
    },
    supervision::{Next, TaskCx},
    types::Fault,
};

/// The interval between two runs.
const EVERY: Duration = Duration::from_secs(60);

/// The worker that removes old events.
pub struct Retention {
    store: Store,
    relays: Relays,
    kept: Duration,
}

impl Retention {
    /// A worker over `store` that keeps events for `kept`.
    pub fn new(store: Store, relays: Relays, kept: Duration) -> Self {
        Self { store, relays, kept }
    }
}

impl LeasedWorker for Retention {
    const KIND: &'static str = "retention";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        if !cx.system().clock().may_remove() {
            return Ok(Next::Within(EVERY));
        }
        let Some(up_to) = self.relays.report().await?.iter().map(|subscriber| subscriber.watermark).min() else {
            return Ok(Next::Within(EVERY));
        };
        let expendable = Expendable { before: cx.system().clock().now().minus(self.kept), up_to };
        let removed = self.store.write(batch((cx, lease), "retention"), move |tx| remove_old(tx, expendable)).await?;
        Ok(if removed > 0 { Next::Now } else { Next::Within(EVERY) })
    }
}
