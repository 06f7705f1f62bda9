//! Removes events that are older than `events.retention`, but never one that a subscriber of the house has not
//! had, and none by a clock that is not to be trusted.

use std::time::Duration;

use crate::{
    actors::relay::Relays,
    persistence::{
        Store, Verdict, Write,
        events::{Expendable, remove_old},
    },
    supervision::{Next, TaskCx, Worker},
    types::{Call, CallContext, Fault, Work, limits},
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(60);

/// The worker.
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

impl Worker for Retention {
    const KIND: &'static str = "retention";

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        if cx.system().clock().trouble().is_some() {
            return Ok(Next::Within(EVERY));
        }
        let Some(up_to) = self.relays.report()?.iter().map(|subscriber| subscriber.watermark).min() else {
            return Ok(Next::Within(EVERY));
        };
        let clock = cx.system().clock();
        let expendable = Expendable { before: clock.now().minus(self.kept), up_to };
        let work = Work::until(clock.instant() + limits::CALL_DEADLINE);
        let call = Call { work, context: CallContext::service("upkeep", "retention") };
        let removed = self
            .store
            .old_write(Write::of(&call, cx.system().stamp()).reclaim().bulk(), move |tx| {
                let removed = remove_old(tx, expendable)?;
                Ok(if removed == 0 { Verdict::Discard(0) } else { Verdict::Commit(removed) })
            })
            .await?;
        Ok(if removed > 0 { Next::Now } else { Next::Within(EVERY) })
    }
}
