//! Migrates an older store to this program's version before any service runs; the listeners report the progress.
//!
//! - **Owns:** the progress of the migrations; their order and steps are in `persistence/migrations`.
//! - **Wakes on:** the open store, once.
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
    telemetry::starting::{MigrationProgress, StartPhase},
    types::{CallContext, Fault, Work, limits},
};

/// The handle, with which the start begins the migration and waits for its end.
#[derive(Clone)]
pub struct Migrator {
    /// The store, once it is open and has to be migrated.
    store: watch::Sender<Option<Store>>,
    all: &'static [Migration],
    phase: watch::Sender<StartPhase>,
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
    /// A migrator for those of the migrations in `all` that a store still needs; `phase` gets the progress.
    pub fn new(phase: watch::Sender<StartPhase>, all: &'static [Migration]) -> Self {
        Self { store: watch::Sender::new(None), all, phase, ended: watch::Sender::new(None) }
    }

    /// Begins the migration of `store`.
    pub fn begin(&self, store: Store) {
        self.phase.send_replace(StartPhase::Migrating(MigrationProgress::BEGUN));
        self.store.send_replace(Some(store));
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
                let work = async { migrator.migrate(&cx, &migrator.begun().await?).await };
                if let Some(outcome) = cx.stopping().run_until_cancelled(work).await {
                    migrator.ended.send_replace(Some(outcome));
                }
                cx.stopping().cancelled().await;
                Ok(())
            }
        });
    }

    /// Waits for the store.
    async fn begun(&self) -> Result<Store, Fault> {
        let mut store = self.store.subscribe();
        // `self` owns the sender.
        let begun = store.wait_for(Option::is_some).await.ok().and_then(|store| store.clone());
        begun.ok_or_else(|| Fault::bug("the migrator has no store"))
    }

    async fn migrate(&self, cx: &TaskCx, store: &Store) -> Result<(), MigrationFailed> {
        let (Self { phase, .. }, all) = (self, self.all);
        if !store.read(move |view| migrations::is_under_way(view, all)).await? {
            take_snapshot(cx, store).await.map_err(MigrationFailed::Snapshot)?;
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
            phase.send_replace(StartPhase::Migrating(reached));
        };
        migrations::run(store, all, write, report).await?;
        Ok(())
    }
}

async fn take_snapshot(cx: &TaskCx, store: &Store) -> Result<(), Fault> {
    // A store in memory is never older than the program.
    let Some(upkeep) = store.upkeep().cloned() else { return Ok(()) };
    let taking = cx.thread(move |_| upkeep.take().map_err(|error| Fault::bug(error.to_string())));
    let snapshot = taking.await?;
    tracing::info!(?snapshot, "a snapshot was taken before migrating");
    Ok(())
}
