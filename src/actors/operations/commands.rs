//! Operators' commands on the process beside restarts: snapshots, the clock, the level of the log.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::Operations;
use crate::{
    actors::upkeep::replaced,
    config::{Choice, LogLevel},
    domain::{
        audit::{AuditAction, AuditRecord},
        operations::OperationsAction,
    },
    persistence::{
        Write, redating,
        snapshot::SnapshotForm,
        swap::{SwapError, SwapReason, Swapped},
        upkeep::Upkeep,
    },
    supervision::ManualClock,
    telemetry::log::LogLevelReport,
    types::{AcceptedTime, CallContext, Failure, Fault, Stamp, Timestamp, Work, limits},
};

/// A finished snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// The last commit that the snapshot includes.
    pub commit: u64,
    pub keys: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// The reason why no snapshot was taken. No file is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotRefusal {
    /// The path is relative. The server may have another working directory than the caller.
    NotAbsolute,
    /// A file of this name exists; it is unchanged.
    IsThere,
    /// A file of this name cannot be created, for this reason.
    NoPlace(&'static str),
    /// A store in memory has no snapshots.
    InMemory,
    /// The file cannot be written, for this reason.
    NotWritten(String),
}

/// The reason why the tree was not replaced. It is as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompactRefusal {
    /// The tree is being rebuilt already.
    Running,
    /// The tree is in memory.
    InMemory,
    /// It could not be rebuilt, for this reason.
    NotDone(String),
}

impl Operations {
    /// Registers the clock of the process as one that `advance_clock` may set forward, in development.
    pub fn let_advance(&self, manual: Arc<ManualClock>) {
        // The first clock stays.
        let _ = self.0.manual.set(manual);
    }

    /// Takes a snapshot into `file`, which must not exist yet.
    pub async fn snapshot(
        &self,
        context: CallContext,
        (file, form): (PathBuf, SnapshotForm),
    ) -> Result<SnapshotTaken, Failure<SnapshotRefusal>> {
        if !file.is_absolute() {
            return Err(Failure::Refused(SnapshotRefusal::NotAbsolute));
        }
        let upkeep = self.0.store.upkeep().cloned().ok_or(Failure::Refused(SnapshotRefusal::InMemory))?;
        #[expect(clippy::disallowed_methods, reason = "a rare operator's command; the copy blocks a thread")]
        let taking = tokio::task::spawn_blocking(move || take_snapshot(&upkeep, &file, form));
        let taken = taking.await.map_err(|error| Fault::bug(error.to_string()))?.map_err(Failure::Refused)?;
        self.audit(context, OperationsAction::TakeSnapshot, snapshot_detail(taken.commit, form)).await?;
        Ok(taken)
    }

    /// Compacts the tree: rebuilds it beside the running store. Returns after the replaced tree was removed; `report`
    /// of the store has the progress. The work goes on if the caller leaves, and ends with the process.
    pub async fn compact_store(&self, context: CallContext) -> Result<Swapped, Failure<CompactRefusal>> {
        let upkeep = self.0.store.upkeep().cloned().filter(Upkeep::keeps_tree);
        let upkeep = upkeep.ok_or(Failure::Refused(CompactRefusal::InMemory))?;
        let system = self.0.system.clone();
        let stop = move || system.shutdown().is_cancelled();
        #[expect(clippy::disallowed_methods, reason = "a rare operator's command; the rebuild blocks a thread")]
        let compacting = tokio::task::spawn_blocking(move || upkeep.swap_tree(SwapReason::Compaction, &stop));
        let done = compacting.await.map_err(|error| Fault::bug(error.to_string()))?.map_err(|error| match error {
            SwapError::Running => Failure::Refused(CompactRefusal::Running),
            SwapError::Stopped => Failure::Fault(Fault::Unavailable),
            error @ (SwapError::Rebuild(_)
            | SwapError::Snapshot(_)
            | SwapError::Refused(_)
            | SwapError::NoSpace { .. }
            | SwapError::Behind) => Failure::Refused(CompactRefusal::NotDone(error.to_string())),
        })?;
        self.audit_record(context, replaced(&done)).await?;
        Ok(done)
    }

    /// Takes the wall clock as it is, also backwards, by a marked commit with an audit entry. That ends the clock's
    /// trouble and the pauses of workers. After a step back, upkeep corrects what has later dates.
    pub async fn accept_clock(&self, context: CallContext) -> Result<AcceptedTime, Fault> {
        let clock = self.0.system.clock();
        // The clock is first, so that no transaction after the marked commit is stamped with the time before.
        let accepted = clock.accept();
        let written = self.write_accepted(context, accepted).await;
        match &written {
            Ok(()) => tracing::warn!(before = %accepted.before, now = %accepted.now, "an operator accepted the time"),
            // The commit may be in the journal; the process ends, and the next start reads it.
            Err(Fault::Unknown { .. }) => {}
            Err(_) => clock.withdraw(accepted),
        }
        self.0.system.wake_workers();
        written.map(|()| accepted)
    }

    async fn write_accepted(&self, context: CallContext, accepted: AcceptedTime) -> Result<(), Fault> {
        let work = Work::until(self.0.system.clock().instant() + limits::CALL_DEADLINE);
        let stamp = Stamp { now: accepted.now, ..self.0.system.stamp() };
        let detail = format!("before={} now={}", accepted.before, accepted.now);
        let record = AuditRecord::done(OperationsAction::AcceptClock, None).detail(detail);
        let write = Write::new(work, stamp, context).reclaim().accepting_its_time();
        self.0
            .store
            .write(write, move |tx| {
                if accepted.is_backward() {
                    redating::begin(tx, accepted.before)?;
                }
                tx.audit(record.clone())
            })
            .await
    }

    /// Sets the clock of development forward and wakes the workers, which read the time again. Returns the time; `None`
    /// if the clock is the machine's.
    pub fn advance_clock(&self, by: Duration) -> Option<Timestamp> {
        let manual = self.0.manual.get()?;
        manual.advance(by);
        self.0.system.wake_workers();
        Some(self.0.system.clock().now())
    }

    /// The level of the log.
    pub fn log_level(&self) -> LogLevelReport {
        self.0.log.report(self.0.system.clock().now())
    }

    /// Sets the level of the log for `time`; then the configured level applies again. Works while the store accepts no
    /// write, which may be the reason for it.
    pub async fn set_log_level(&self, context: CallContext, level: LogLevel, time: Duration) -> LogLevelReport {
        let (request_id, caller) = (context.request_id.clone(), context.caller.clone());
        let (new_level, seconds) = (level.word(), time.as_secs());
        // Before the change, which may leave out warnings.
        tracing::warn!(new_level, seconds, %request_id, ?caller, "the level of the log is set by an operator");
        let report = self.0.log.set(level, self.0.system.clock().now(), time);
        self.0.system.wake_workers();
        let detail = format!("level={new_level} seconds={seconds}");
        self.audit_if_possible(context, OperationsAction::SetLogLevel, detail).await;
        report
    }

    /// Writes an operator's action into the audit log, or reports in the log that the store accepted no write.
    pub(super) async fn audit_if_possible(&self, context: CallContext, action: OperationsAction, detail: String) {
        let (request_id, caller) = (context.request_id.clone(), context.caller.clone());
        if let Err(fault) = self.audit(context, action, detail.clone()).await {
            let action = AuditAction::from(action);
            tracing::error!(%action, detail, %request_id, ?caller, %fault, "an action has no audit entry");
        }
    }

    /// Writes an operator's action into the audit log.
    pub(super) async fn audit(
        &self,
        context: CallContext,
        action: OperationsAction,
        detail: String,
    ) -> Result<(), Fault> {
        self.audit_record(context, AuditRecord::done(action, None).detail(detail)).await
    }

    async fn audit_record(&self, context: CallContext, record: AuditRecord) -> Result<(), Fault> {
        let work = Work::until(self.0.system.clock().instant() + limits::CALL_DEADLINE);
        let write = Write::new(work, self.0.system.stamp(), context);
        self.0.store.write(write.reclaim(), move |tx| tx.audit(record.clone())).await
    }
}

/// The detail of the audit entry on a snapshot.
pub fn snapshot_detail(commit: u64, form: SnapshotForm) -> String {
    match form {
        SnapshotForm::Sealed => format!("commit={commit}"),
        SnapshotForm::Plain => format!("commit={commit} plain"),
    }
}

/// Blocks its thread during the copy.
fn take_snapshot(upkeep: &Upkeep, file: &Path, form: SnapshotForm) -> Result<SnapshotTaken, SnapshotRefusal> {
    if file.symlink_metadata().is_ok() {
        return Err(SnapshotRefusal::IsThere);
    }
    if form == SnapshotForm::Plain {
        let warning = "a snapshot is written that is not sealed: everyone who reads it reads all";
        tracing::warn!(file = %file.display(), "{warning}");
    }
    let taken = upkeep.take_to(file, form).map_err(|error| match error.place() {
        Some(reason) => SnapshotRefusal::NoPlace(reason),
        None => SnapshotRefusal::NotWritten(error.to_string()),
    })?;
    Ok(SnapshotTaken { commit: taken.exact.0, keys: taken.pairs, bytes: taken.bytes })
}
