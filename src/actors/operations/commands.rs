//! What operators have the process do beside restarts: snapshots, and the clock.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::Operations;
use crate::{
    domain::{audit::AuditRecord, operations::OperationsAction},
    persistence::{Write, upkeep::Upkeep},
    supervision::ManualClock,
    types::{CallContext, Failure, Fault, Timestamp, Work, limits},
};

/// A snapshot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// The commit at which it is exact.
    pub commit: u64,
    /// Keys in it.
    pub keys: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why no snapshot was taken. Nothing is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotRefusal {
    /// The file must be named from the root of the file system: the server may run elsewhere than who asks.
    NotAbsolute,
    /// Something is there already, which stays as it is.
    IsThere,
    /// There can be no file of this name, for this reason.
    NoPlace(&'static str),
    /// A store in memory has none.
    InMemory,
    /// It cannot be written, for this reason.
    NotWritten(String),
}

impl Operations {
    /// The clock of the process is `manual`, which may be set forward: in development.
    pub fn let_advance(&self, manual: Arc<ManualClock>) {
        // The first clock that was given stays.
        let _ = self.0.manual.set(manual);
    }

    /// Takes a snapshot into `file`, which must not be there yet.
    pub async fn snapshot(
        &self,
        context: CallContext,
        file: PathBuf,
    ) -> Result<SnapshotTaken, Failure<SnapshotRefusal>> {
        if !file.is_absolute() {
            return Err(Failure::Refused(SnapshotRefusal::NotAbsolute));
        }
        let upkeep = self.0.store.upkeep().cloned().ok_or(Failure::Refused(SnapshotRefusal::InMemory))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "an operator's command, seldom and by hand; the copy blocks its thread"
        )]
        let taking = tokio::task::spawn_blocking(move || take_snapshot(&upkeep, &file));
        let taken = taking.await.map_err(|error| Fault::bug(error.to_string()))?.map_err(Failure::Refused)?;
        self.audit(context, OperationsAction::TakeSnapshot, format!("commit={}", taken.commit)).await?;
        Ok(taken)
    }

    /// The operator says that the time is right: what waited for the clock's trouble to end goes on. Gives the time.
    pub async fn accept_clock(&self, context: CallContext) -> Result<Timestamp, Fault> {
        let clock = self.0.system.clock();
        let detail = format!("trouble={}", if clock.trouble().is_some() { "yes" } else { "no" });
        clock.accept();
        self.0.system.wake_workers();
        self.audit(context, OperationsAction::AcceptClock, detail).await?;
        Ok(clock.now())
    }

    /// Sets the clock of development forward and wakes the workers, which look at the time again. Gives the time, or
    /// nothing where the clock is the machine's.
    pub fn advance_clock(&self, by: Duration) -> Option<Timestamp> {
        let manual = self.0.manual.get()?;
        manual.advance(by);
        self.0.system.wake_workers();
        Some(self.0.system.clock().now())
    }

    /// Writes down what an operator did.
    pub(super) async fn audit(
        &self,
        context: CallContext,
        action: OperationsAction,
        detail: String,
    ) -> Result<(), Fault> {
        let work = Work::until(self.0.system.clock().instant() + limits::CALL_DEADLINE);
        let write = Write::new(work, self.0.system.stamp(), context);
        let record = AuditRecord::done(action, None).detail(detail);
        self.0.store.write(write.reclaim(), move |tx| tx.audit(record.clone())).await
    }
}

/// Blocks for as long as the copying takes.
fn take_snapshot(upkeep: &Upkeep, file: &Path) -> Result<SnapshotTaken, SnapshotRefusal> {
    if file.exists() {
        return Err(SnapshotRefusal::IsThere);
    }
    let taken = upkeep.take_to(file).map_err(|error| match error.place() {
        Some(reason) => SnapshotRefusal::NoPlace(reason),
        None => SnapshotRefusal::NotWritten(error.to_string()),
    })?;
    Ok(SnapshotTaken { commit: taken.exact.0, keys: taken.pairs, bytes: taken.bytes })
}
