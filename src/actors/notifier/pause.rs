//! A store that came out of a snapshot does not send until an operator says so: its original may have sent everything
//! already, and may still run.

use crate::{
    domain::audit::{AuditAction, AuditRecord, AuditResult},
    persistence::{Store, Verdict, Write},
    types::Fault,
};

/// Lets a restored store send. False: it was not held back.
pub async fn resume_sending(store: &Store, write: Write) -> Result<bool, Fault> {
    if !store.is_restored() {
        return Ok(false);
    }
    // Written down first: who is cut off in between says it once more, and nothing was sent without a trace.
    let record = AuditRecord {
        action: AuditAction::ResumeSending,
        result: AuditResult::Done,
        subject: None,
        detail: String::new(),
    };
    let audited = store.old_write(write.reclaim(), move |tx| {
        tx.audit(record.clone())?;
        Ok(Verdict::Commit(()))
    });
    audited.await?;
    let store = store.clone();
    #[allow(
        clippy::disallowed_methods,
        reason = "an operator's command, seldom and by hand; the file blocks its thread"
    )]
    let allowing = tokio::task::spawn_blocking(move || store.allow_sending());
    let allowed = allowing.await.map_err(|error| Fault::bug(error.to_string()))?;
    allowed.map_err(|error| Fault::unknown(error.to_string()))?;
    tracing::warn!("sending goes on: an operator says that this restored store may send");
    Ok(true)
}
