//! Tells the log every hour where the audit trail ends.

use std::time::Instant;

use crate::{
    actors::audit::tell_end,
    persistence::Store,
    supervision::{Next, TaskCx, Worker},
    types::{Fault, limits},
};

/// The worker.
pub struct AuditEnd {
    store: Store,
    due: Option<Instant>,
}

impl AuditEnd {
    /// A worker over `store`; its first note is at once.
    pub fn new(store: Store) -> Self {
        Self { store, due: None }
    }
}

impl Worker for AuditEnd {
    const KIND: &'static str = "audit_end";

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        let now = cx.system().clock().instant();
        let due = self.due.unwrap_or(now);
        if now < due {
            return Ok(Next::Within(due - now));
        }
        tell_end(&self.store);
        self.due = Some(now + limits::AUDIT_END_TOLD_EVERY);
        Ok(Next::Within(limits::AUDIT_END_TOLD_EVERY))
    }
}
