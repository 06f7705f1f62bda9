//! From bound listeners to a store that is open and migrated, while the listeners report the phase.
//!
//! ```text
//! opening (a thread of its own) --> rebuilding, if the tree is not trusted --> migrating, if the store is older
//! ```
//!
//! The listeners and the migrator are a system of their own, which has ended when `App::prepare` returns. A stop
//! request ends every phase; an opening that does not end by itself within `limits::STOP_OPENING` is abandoned, since
//! the next start continues after a kill in any case.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use tokio::sync::{oneshot, watch};

use super::{
    App, AppError, OpenedApp,
    open::{self, OpenedStore},
    restored,
    run::close,
    secrets::demand_pepper,
    sockets::{Socket, server},
    tree::{self, Listeners},
};
use crate::{
    actors::migrator::{MigrationFailed, Migrator},
    http::{self, route::Listener, serve::Timeouts},
    persistence::Store,
    supervision::{OsEntropy, Supervisor, System, SystemClock, Tree},
    telemetry::starting::StartPhase,
    types::{Clock, Entropy, limits},
};

/// The end of the phases before the program serves.
pub(super) enum Prepared {
    Ready(Box<OpenedApp>),
    /// A stop was requested; the store is closed.
    Stopped,
}

impl App {
    /// Opens the store and migrates an older one, after a snapshot of it.
    pub(super) async fn prepare(self, stop: Pin<&mut impl Future<Output = ()>>) -> Result<Prepared, AppError> {
        let system = System::new(Arc::new(SystemClock::default()), Arc::new(OsEntropy));
        let (tree, migrator) = self.start_reporting(&system).await?;
        let mut attempt = StoreAttempt::begin(&self)?;
        let ended = tokio::select! {
            biased;
            escape = system.escaped() => Err(escape.into()),
            done = attempt.run(&self, &migrator) => done.map(|()| true),
            () = stop => {
                let phase = *self.watch.phase().borrow();
                tracing::info!(%phase, "asked to stop before the store is ready; the next start goes on from here");
                Ok(false)
            }
            never = log_phases(self.phase()) => match never {},
        };
        if !matches!(ended, Ok(true)) {
            self.watch.stop();
        }
        tree.stop(limits::SHUTDOWN).await;
        match (ended, attempt) {
            (Ok(true), StoreAttempt { opened: Some((opened, system)), .. }) => {
                Ok(Prepared::Ready(Box::new(OpenedApp { app: self, opened, system })))
            }
            (ended, attempt) => {
                attempt.end().await;
                ended.map(|_| Prepared::Stopped)
            }
        }
    }

    /// Starts the listeners that report the phase, and the migrator, which waits for the store.
    async fn start_reporting(&self, system: &System) -> Result<(Tree, Migrator), AppError> {
        let Self { config, sockets, .. } = self;
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (system.shared_clock(), system.shared_entropy());
        let mut root = Supervisor::root(system);
        let migrator = Migrator::new(self.watch.phase().clone(), self.migrations);
        let edge = http::starting::edge(config, clock, entropy);
        let timeouts = Timeouts::new(&config.edge, limits::DRAIN_TIMEOUT);
        let server = |socket: &Socket, listener| {
            let router = http::starting::router(listener, Arc::clone(&edge), self.phase());
            server(socket, move || Ok(router.clone()), timeouts.clone())
        };
        let listeners =
            Listeners { ops: server(&sockets.ops, Listener::Ops), public: server(&sockets.public, Listener::Public) };
        tree::starting(&mut root, listeners, &migrator);
        let tree = root.start().await?;
        let (public, ops) = (self.public(), self.ops());
        tracing::info!(%public, %ops, "the listeners report the start; the store is opened");
        Ok((tree, migrator))
    }
}

/// The store of a start: first on the way to be open, then open.
struct StoreAttempt {
    /// The outcome of the opening's thread, until it is received.
    outcome: Option<oneshot::Receiver<Result<OpenedStore, AppError>>>,
    opened: Option<(OpenedStore, System)>,
}

impl StoreAttempt {
    fn begin(app: &App) -> Result<Self, AppError> {
        Ok(Self { outcome: Some(open::begin(app)?), opened: None })
    }

    /// Waits until the store is open, checks it, and has it migrated. If the tree fails at the first reads, it has been
    /// marked: the store is opened a second time, with another tree.
    async fn run(&mut self, app: &App, migrator: &Migrator) -> Result<(), AppError> {
        let store = self.opened(app).await?;
        let (store, pending) = match self.check(app).await {
            Ok(pending) => (store, pending),
            Err(error) if store.lost().borrow().is_none() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "the store was lost while it was checked; it is opened again");
                close(&store).await;
                drop(store);
                *self = Self::begin(app)?;
                (self.opened(app).await?, self.check(app).await?)
            }
        };
        if pending > 0 {
            migrate(migrator, store.clone()).await?;
        }
        match &self.opened {
            Some((_, system)) => restored::end_sessions(&store, system).await,
            None => Ok(()),
        }
    }

    async fn opened(&mut self, app: &App) -> Result<Store, AppError> {
        let outcome = match &mut self.outcome {
            Some(outcome) => outcome.await,
            None => return Err(AppError::Store("the store is opened once".to_owned())),
        };
        self.outcome = None;
        // The sender is dropped without a result by a panic, whose message is in the log.
        let opened = outcome.map_err(|_| AppError::Store("the opening of the store panicked".to_owned()))??;
        let system = System::new(Arc::clone(&opened.clock), Arc::clone(&opened.entropy));
        let store = opened.store.clone();
        self.opened = Some((opened, system));
        app.watch.phase().send_replace(StartPhase::Opening);
        Ok(store)
    }

    /// Refuses a store that a newer program has written, or whose passwords cannot be checked. Returns the number of
    /// migrations that it needs.
    async fn check(&self, app: &App) -> Result<usize, AppError> {
        let Some((OpenedStore { store, opening, .. }, system)) = &self.opened else { return Ok(0) };
        open::demand_known(store, opening, app.migrations, system).await?;
        let pending = open::pending(store, app.migrations).await?;
        // The users of an older store are read after its migration.
        if pending == 0 {
            demand_pepper(store, &app.hasher).await?;
        }
        Ok(pending)
    }

    /// Ends what runs. An opening that does not end in time is abandoned; as after a kill, the next start continues.
    async fn end(self) {
        let opened = match (self.opened, self.outcome) {
            (Some((opened, _)), _) => Some(opened),
            (None, Some(outcome)) => match tokio::time::timeout(limits::STOP_OPENING, outcome).await {
                Ok(Ok(Ok(opened))) => Some(opened),
                Ok(Ok(Err(error))) => {
                    tracing::info!(%error, "the opening has ended");
                    None
                }
                Ok(Err(_)) => None,
                Err(_) => {
                    tracing::warn!("the opening did not end in time and is abandoned; the next start begins again");
                    None
                }
            },
            (None, None) => None,
        };
        if let Some(opened) = opened {
            close(&opened.store).await;
        }
    }
}

async fn migrate(migrator: &Migrator, store: Store) -> Result<(), AppError> {
    migrator.begin(store);
    migrator.ended().await.map_err(|failed| match failed {
        MigrationFailed::Step(fault) => AppError::Start { step: "migrating the store", fault },
        MigrationFailed::Snapshot(_) => AppError::Store(failed.to_string()),
    })
}

/// Logs each phase, and the progress of one from time to time.
async fn log_phases(mut phase: watch::Receiver<StartPhase>) -> Infallible {
    loop {
        let current = *phase.borrow_and_update();
        if current != StartPhase::Opening {
            tracing::info!(phase = %current, "the program is not ready yet");
        }
        let other = phase.wait_for(|phase| phase.reason() != current.reason());
        if tokio::time::timeout(limits::PROGRESS_LOG_EVERY, other).await.is_err() {
            // An error means that no phase follows; the caller drops this future at the end of the last one.
            let _ = phase.wait_for(|phase| *phase != current).await;
        }
    }
}
