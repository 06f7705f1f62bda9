//! A store that came out of a snapshot does not send until an operator says so: its original may have sent everything
//! already, and may still run.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::context::NotifierContext;
use crate::{
    domain::{audit::AuditRecord, notification::actions::NotificationAction},
    persistence::{Store, Write},
    supervision::Command,
    types::{Call, Failure, Fault, limits},
};

/// Lets a restored store send. The answer is whether it was held back.
#[derive(Debug, Clone, Copy)]
pub struct ResumeSending;

impl Command<NotifierContext> for ResumeSending {
    type Answer = bool;
    type Refusal = Infallible;
    const KIND: &'static str = "resume_sending";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<NotifierContext>, call: Call) -> Result<bool, Failure<Infallible>> {
        let was_held_back = resume_sending(&context.store, Write::of(&call, context.system.stamp())).await?;
        context.due().nudge();
        Ok(was_held_back)
    }
}

/// The same for a store that no server has open.
pub async fn resume_sending(store: &Store, write: Write) -> Result<bool, Fault> {
    if !store.is_restored() {
        return Ok(false);
    }
    // Written first: an operator who is cut off in between says it once more, and nothing is sent without an entry.
    let record = AuditRecord::done(NotificationAction::ResumeSending, None);
    store.write(write.reclaim(), move |tx| tx.audit(record.clone())).await?;
    let store = store.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "an operator's command, seldom and by hand; the file blocks its thread"
    )]
    let allowing = tokio::task::spawn_blocking(move || store.allow_sending());
    let allowed = allowing.await.map_err(|error| Fault::bug(error.to_string()))?;
    allowed.map_err(|error| Fault::unknown(error.to_string()))?;
    tracing::warn!("sending goes on: an operator says that this restored store may send");
    Ok(true)
}
