//! Removes notifications that are older than `limits::NOTIFICATIONS_KEPT`, and messages that the development inbox does
//! not keep; none while the clock is not trusted.

use std::{sync::Arc, time::Duration};

use super::batch;
use crate::{
    actors::{
        leased::LeasedWorker,
        notifier::{Notifier, writes},
    },
    persistence::{Lease, Store, Tx},
    supervision::{Next, TaskCx},
    types::Fault,
};

/// The interval between two runs.
const EVERY: Duration = Duration::from_secs(3_600);
/// The maximum number of notifications in one transaction.
const BATCH: usize = 200;

/// The worker that removes old notifications.
pub struct NotificationRetention {
    store: Store,
    notifier: Notifier,
}

impl NotificationRetention {
    /// A worker over `store`; `notifier` has the limits of the development inbox.
    pub fn new(store: Store, notifier: Notifier) -> Self {
        Self { store, notifier }
    }
}

impl LeasedWorker for NotificationRetention {
    const KIND: &'static str = "notification_retention";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        if !cx.system().clock().may_remove() {
            return Ok(Next::Within(EVERY));
        }
        let keeping = self.notifier.inbox_keeping();
        let remove = move |tx: &mut Tx<'_>| writes::remove_old(tx, keeping, BATCH);
        let removed = self.store.write(batch((cx, lease), "notifications"), remove).await?;
        Ok(if removed > 0 { Next::Now } else { Next::Within(EVERY) })
    }
}
