//! Resumes sending of a restored store. A store that was restored from a snapshot does not send before this command,
//! because its original may have sent the same deliveries and may still run.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::context::NotifierContext;
use crate::{
    domain::{audit::AuditRecord, notification::actions::NotificationAction},
    persistence::{Store, Write},
    supervision::Command,
    types::{Call, Failure, Fault, limits},
};

/// Resumes sending of a restored store. Answers whether sending was paused.
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

/// Resumes sending of a store that no server has open. Returns whether sending was paused.
pub async fn resume_sending(store: &Store, write: Write) -> Result<bool, Fault> {
    if !store.is_restored() {
        return Ok(false);
    }
    // The entry is written first, so that nothing is sent without it. After a crash in between, the operator repeats
    // the command.
    let record = AuditRecord::done(NotificationAction::ResumeSending, None);
    store.write(write.reclaim(), move |tx| tx.audit(record.clone())).await?;
    let store = store.clone();
    #[expect(clippy::disallowed_methods, reason = "a rare operator's command; the file's write blocks a thread")]
    let allowing = tokio::task::spawn_blocking(move || store.allow_sending());
    let allowed = allowing.await.map_err(|error| Fault::bug(error.to_string()))?;
    allowed.map_err(|error| Fault::unknown(error.to_string()))?;
    tracing::warn!("sending is resumed by an operator");
    Ok(true)
}
