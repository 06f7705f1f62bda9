//! Brings an older store up to this program while the listeners say so and no service runs yet.
//!
//! - **Owns:** how far the migrations have come; their order and their steps are `persistence/migrations`.
//! - **Wakes on:** its start, once.
//! - **Promises:** a snapshot is in the data directory before the first step. Each step is one transaction that keeps
//!   the place it came to, so that after a stop or a crash at any moment the next start goes on from there.
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

/// The handle, which others read progress and end by.
#[derive(Clone)]
pub struct Migrator {
    store: Store,
    all: &'static [Migration],
    progress: watch::Sender<MigrationProgress>,
    ended: watch::Sender<Option<Result<(), MigrationFailed>>>,
}

/// Why the store could not be migrated. What was done of it stays; the next start goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationFailed {
    /// There has to be a way back before the first step.
    #[error("no snapshot before migrating: {0}")]
    Snapshot(Fault),
    /// A step, or reading how far it came.
    #[error(transparent)]
    Step(#[from] Fault),
}

impl Migrator {
    /// For those of `all` that `store` has not had.
    pub fn new(store: Store, all: &'static [Migration]) -> Self {
        let (progress, ended) = (watch::Sender::new(MigrationProgress::BEGUN), watch::Sender::new(None));
        Self { store, all, progress, ended }
    }

    /// How far it has come, at any time.
    pub fn progress(&self) -> watch::Receiver<MigrationProgress> {
        self.progress.subscribe()
    }

    /// Waits until all is done, or failed.
    pub async fn ended(&self) -> Result<(), MigrationFailed> {
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`.
        let outcome = ended.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Fault::bug("the migrator left without a word").into()))
    }

    /// Puts it into a tree. Told to stop, it leaves between two steps.
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
        let told = |come: MigrationProgress| {
            // No other part looks at the disk's room yet.
            store.tend();
            let before = progress.send_replace(come);
            if before != come {
                tracing::info!(migration = come.name, percent = come.percent, "migrating");
            }
        };
        migrations::run(store, all, write, told).await?;
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
