//! Tells the log every hour where the audit trail ends.

use std::sync::Arc;

use crate::{
    actors::{audit::tell_end, leased::LeasedWorker},
    persistence::{Lease, Store},
    supervision::{Next, TaskCx},
    types::{Fault, Timestamp, limits},
};

/// The worker.
pub struct AuditEnd {
    store: Store,
    /// By the time of day, so that an hour in which the machine slept counts; that time never goes back.
    due: Option<Timestamp>,
}

impl AuditEnd {
    /// A worker over `store`; its first note is at once.
    pub fn new(store: Store) -> Self {
        Self { store, due: None }
    }
}

impl LeasedWorker for AuditEnd {
    const KIND: &'static str = "audit_end";

    async fn run(&mut self, cx: &TaskCx, _: &Arc<Lease>) -> Result<Next, Fault> {
        let now = cx.system().clock().now();
        let due = self.due.unwrap_or(now);
        if now < due {
            return Ok(Next::Within(due.since(now)));
        }
        tell_end(&self.store);
        self.due = Some(now.plus(limits::AUDIT_END_TOLD_EVERY));
        Ok(Next::Within(limits::AUDIT_END_TOLD_EVERY))
    }
}
