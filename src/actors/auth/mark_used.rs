//! First uses of refresh generations: after the first access token of a generation was used, the previous refresh token
//! may be repeated only within the grace time.
//!
//! First uses are collected for `limits::FIRST_USES_WITHIN` and written in one transaction, so that many devices that
//! return at the same time cost one commit. No caller waits: the next request of a generation repeats a lost first use.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Auth;
use crate::{
    domain::auth::Session,
    persistence::{Store, Tx, TxFault, Write, tables::session},
    supervision::{Next, Nudge, System, TaskCx, Worker},
    types::{Call, CallContext, Fault, Work, id::SessionId, limits},
};

/// Sessions with the generation in use, not written yet.
#[derive(Default)]
pub(super) struct FirstUses {
    seen: Mutex<BTreeSet<(SessionId, u32)>>,
    began: Nudge,
}

impl FirstUses {
    /// Notes that a generation is in use. Ignored while `limits::FIRST_USES_MAX` of them wait.
    pub(super) fn note(&self, session: SessionId, generation: u32) {
        let mut seen = self.seen();
        if seen.len() >= limits::FIRST_USES_MAX {
            return;
        }
        let is_first = seen.is_empty();
        seen.insert((session, generation));
        drop(seen);
        if is_first {
            self.began.nudge();
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeSet<(SessionId, u32)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker that writes the first uses. The first waiting one wakes it.
pub struct MarkUsed {
    first_uses: Arc<FirstUses>,
    store: Store,
    system: System,
}

impl MarkUsed {
    /// A worker for the first uses that `auth` notes.
    pub fn new(auth: &Auth) -> Self {
        let context = auth.context();
        Self {
            first_uses: Arc::clone(&context.first_uses),
            store: context.store.clone(),
            system: context.system.clone(),
        }
    }

    /// The nudge that wakes the worker of `auth`.
    pub fn woken_by(auth: &Auth) -> Nudge {
        auth.context().first_uses.began.clone()
    }
}

impl Worker for MarkUsed {
    const KIND: &'static str = "mark_used";

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        if self.first_uses.seen().is_empty() {
            return Ok(Next::Nudged);
        }
        tokio::select! {
            () = cx.stopping().cancelled() => {}
            () = tokio::time::sleep(limits::FIRST_USES_WITHIN) => {}
        }
        let seen = std::mem::take(&mut *self.first_uses.seen());
        let work = Work::until(self.system.clock().instant() + limits::CALL_DEADLINE);
        let call = Call { work, context: CallContext::service("auth", "first-uses") };
        let write = Write::of(&call, self.system.stamp()).reclaim();
        self.store.write(write, move |tx| commit(tx, &seen)).await?;
        Ok(Next::Nudged)
    }
}

fn commit(tx: &mut Tx<'_>, seen: &BTreeSet<(SessionId, u32)>) -> Result<(), TxFault> {
    for (id, generation) in seen {
        let Some(found) = session::find(tx, *id)? else { continue };
        if let Some(marked) = found.refresh.mark_used(*generation, tx.now()) {
            session::update(tx, &Session { refresh: marked, ..found })?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "mark_used_tests.rs"]
mod tests;
