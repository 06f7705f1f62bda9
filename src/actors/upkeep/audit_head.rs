//! Writes the head of the audit chain to the log every hour.

use std::sync::Arc;

use crate::{
    actors::{audit::log_heads, leased::LeasedWorker},
    persistence::{Lease, Store},
    supervision::{Next, TaskCx},
    types::{Fault, Timestamp, limits},
};

/// The worker that logs the head of the audit chain.
pub struct AuditHeadLog {
    store: Store,
    /// By the system's clock, which includes the time of a suspended machine.
    due: Option<Timestamp>,
}

impl AuditHeadLog {
    /// A worker over `store`; it logs once at its start.
    pub fn new(store: Store) -> Self {
        Self { store, due: None }
    }
}

impl LeasedWorker for AuditHeadLog {
    const KIND: &'static str = "audit_head";

    async fn run(&mut self, cx: &TaskCx, _: &Arc<Lease>) -> Result<Next, Fault> {
        let now = cx.system().clock().now();
        let due = self.due.unwrap_or(now);
        // A time that is further away than the interval is from before an operator accepted an earlier time.
        if now < due && due <= now.plus(limits::AUDIT_HEAD_LOGGED_EVERY) {
            return Ok(Next::Within(due.since(now)));
        }
        log_heads(&self.store);
        self.due = Some(now.plus(limits::AUDIT_HEAD_LOGGED_EVERY));
        Ok(Next::Within(limits::AUDIT_HEAD_LOGGED_EVERY))
    }
}
