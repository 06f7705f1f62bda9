//! The first start of a restored store: ends the sessions of before the restore, before any request is served.

use std::sync::Arc;

use super::{AppError, service_write};
use crate::{
    domain::{audit::AuditRecord, operations::OperationsAction},
    persistence::{Store, tables::session, upkeep::Upkeep},
    supervision::System,
    types::{Fault, Timestamp},
};

/// Ends the sessions that began before the restore, unless the operator kept them. After a crash, the next start goes
/// on: `store.json` says so until all are ended.
pub(super) async fn end_sessions(store: &Store, system: &System) -> Result<(), AppError> {
    let Some(upkeep) = store.upkeep().cloned() else { return Ok(()) };
    let failed = |fault| AppError::Start { step: "ending the sessions of before the restore", fault };
    let upkeep = Arc::new(upkeep);
    let Some(time) = blocking(&upkeep, Upkeep::sessions_after).await.map_err(failed)? else { return Ok(()) };
    let ended = remove_all(store, system, time).await.map_err(failed)?;
    blocking(&upkeep, Upkeep::end_sessions_after).await.map_err(failed)?;
    tracing::warn!(ended, "the sessions of before the restore are ended");
    Ok(())
}

async fn remove_all(store: &Store, system: &System, time: Timestamp) -> Result<usize, Fault> {
    let (mut ended, mut place) = (0, None);
    loop {
        let after = place;
        let step =
            store.write(service_write(system).reclaim(), move |tx| session::remove_begun_before(tx, time, after));
        let (removed, next) = step.await?;
        ended += removed;
        place = next;
        if place.is_none() {
            break;
        }
    }
    let record = AuditRecord::done(OperationsAction::EndRestoredSessions, None).detail(format!("sessions={ended}"));
    store.write(service_write(system).reclaim(), move |tx| tx.audit(record.clone())).await?;
    Ok(ended)
}

async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    upkeep: &Arc<Upkeep>,
    work: fn(&Upkeep) -> Result<T, E>,
) -> Result<T, Fault> {
    let upkeep = Arc::clone(upkeep);
    #[expect(clippy::disallowed_methods, reason = "once in a start; a small file blocks a thread")]
    let working = tokio::task::spawn_blocking(move || work(&upkeep).map_err(|error| Fault::bug(error.to_string())));
    working.await.map_err(|error| Fault::bug(error.to_string()))?
}
