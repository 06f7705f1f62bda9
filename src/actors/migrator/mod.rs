//! Migrates an older store to this program's version before any service runs; the listeners report the progress.
//!
//! - **Owns:** the progress of the migrations; their order and steps are in `persistence/migrations`.
//! - **Wakes on:** its start, once.
//! - **Promises:** a snapshot is in the data directory before the first step. Each step is one transaction that stores
//!   its position, so that the next start continues there after a stop or a crash.
//! - **Loses on crash:** nothing; its failure ends the process.
//!
//! Must not know: HTTP, what a migration changes. Begin with [`Migrator`].

use tokio::sync::watch;

use crate::{
    persistence::{
        Store, Write,
        migrations::{self, Migration},
    },
    supervision::{Spec, Supervisor, TaskCx},
    telemetry::migration::MigrationProgress,
    types::{CallContext, Fault, Work, limits},
};

/// The handle, from which the listeners and the start read the progress and the end.
#[derive(Clone)]
pub struct Migrator {
    store: Store,
    all: &'static [Migration],
    progress: watch::Sender<MigrationProgress>,
    ended: watch::Sender<Option<Result<(), MigrationFailed>>>,
}

/// The reason why the store was not migrated. The committed steps stay; the next start continues.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationFailed {
    /// No snapshot was taken, and without one there would be no way back.
    #[error("no snapshot before migrating: {0}")]
    Snapshot(Fault),
    /// A step failed, or the read of its position.
    #[error(transparent)]
    Step(#[from] Fault),
}

impl Migrator {
    /// A migrator for the migrations in `all` that `store` still needs.
    pub fn new(store: Store, all: &'static [Migration]) -> Self {
        let (progress, ended) = (watch::Sender::new(MigrationProgress::BEGUN), watch::Sender::new(None));
        Self { store, all, progress, ended }
    }

    /// A receiver of the progress.
    pub fn progress(&self) -> watch::Receiver<MigrationProgress> {
        self.progress.subscribe()
    }

    /// Waits for the end of the migrations.
    pub async fn ended(&self) -> Result<(), MigrationFailed> {
        let mut ended = self.ended.subscribe();
        // `self` owns the sender.
        let outcome = ended.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Fault::bug("the migrator ended without an outcome").into()))
    }

    /// Adds the migrator to a tree. It stops between two steps.
    pub fn supervised(&self, supervisor: &mut Supervisor, spec: Spec) {
        let migrator = self.clone();
        supervisor.task(spec.kind("migrator"), move |cx| {
            let migrator = migrator.clone();
            async move {
                cx.ready();
                if let Some(outcome) = cx.stopping().run_until_cancelled(migrator.migrate(&cx)).await {
                    migrator.ended.send_replace(Some(outcome));
                }
                cx.stopping().cancelled().await;
                Ok(())
            }
        });
    }

    async fn migrate(&self, cx: &TaskCx) -> Result<(), MigrationFailed> {
        let (Self { store, progress, .. }, all) = (self, self.all);
        if !store.read(move |view| migrations::is_under_way(view, all)).await? {
            self.take_snapshot(cx).await.map_err(MigrationFailed::Snapshot)?;
        }
        let system = cx.system();
        let write = || {
            Write::new(
                Work::until(system.clock().instant() + limits::WRITER_LOST),
                system.stamp(),
                CallContext::service("migrator", "start"),
            )
        };
        let report = |reached: MigrationProgress| {
            // The actor that usually reads the free space does not run yet.
            store.tend();
            let before = progress.send_replace(reached);
            if before != reached {
                tracing::info!(migration = reached.name, percent = reached.percent, "migrating");
            }
        };
        migrations::run(store, all, write, report).await?;
        Ok(())
    }

    async fn take_snapshot(&self, cx: &TaskCx) -> Result<(), Fault> {
        // A store in memory is never older than the program.
        let Some(upkeep) = self.store.upkeep().cloned() else { return Ok(()) };
        let taking = cx.thread(move |_| upkeep.take().map_err(|error| Fault::bug(error.to_string())));
        let snapshot = taking.await?;
        tracing::info!(?snapshot, "a snapshot was taken before migrating");
        Ok(())
    }
}
