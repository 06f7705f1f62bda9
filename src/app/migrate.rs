//! Migrates an older store to this program's version before requests are served.

use std::{future::Future, sync::Arc};

use super::{
    App, AppError,
    sockets::{Socket, server},
    tree::{self, Listeners},
};
use crate::{
    actors::migrator::{MigrationFailed, Migrator},
    http::{self, route::Listener, serve::Timeouts},
    persistence::migrations,
    supervision::{Supervisor, System},
    types::limits,
};

/// The result of the migration.
pub(super) enum Migrated {
    Done,
    /// A stop was requested before the end.
    Stopped,
}

impl App {
    /// The number of migrations that the store still needs.
    pub(super) async fn pending(&self) -> Result<usize, AppError> {
        let all = self.migrations;
        let pending = self.store.read(move |view| Ok(migrations::pending(view, all)?.len()));
        pending.await.map_err(|fault| AppError::Start { step: "reading the store's migrations", fault })
    }

    /// Migrates an older store, after a snapshot of it, while the listeners report the progress. They and the migrator
    /// are a system of their own, which has ended when this returns.
    pub(super) async fn migrate(&self, stop: impl Future<Output = ()>) -> Result<Migrated, AppError> {
        let Self { config, sockets, store, migrations, .. } = self;
        let step = "migrating the store";
        if self.pending().await? == 0 {
            return Ok(Migrated::Done);
        }
        let (clock, entropy) = (self.system.shared_clock(), self.system.shared_entropy());
        let system = System::new(Arc::clone(&clock), Arc::clone(&entropy));
        let mut root = Supervisor::root(&system);
        let migrator = Migrator::new(store.clone(), migrations);
        let edge = http::migrating::edge(config, clock, entropy);
        let timeouts = Timeouts::new(&config.edge, limits::DRAIN_TIMEOUT);
        let server = |socket: &Socket, listener| {
            let router = http::migrating::router(listener, Arc::clone(&edge), migrator.progress());
            server(socket, move || Ok(router.clone()), timeouts.clone())
        };
        let listeners =
            Listeners { ops: server(&sockets.ops, Listener::Ops), public: server(&sockets.public, Listener::Public) };
        tree::migration(&mut root, listeners, &migrator);
        let tree = root.start().await?;
        let (public, ops) = (self.public(), self.ops());
        tracing::info!(%public, %ops, "an older store is migrated; nothing else is served");
        let ended = tokio::select! {
            biased;
            escape = system.escaped() => Err(escape.into()),
            ended = migrator.ended() => match ended {
                Ok(()) => Ok(Migrated::Done),
                Err(MigrationFailed::Step(fault)) => Err(AppError::Start { step, fault }),
                Err(failed @ MigrationFailed::Snapshot(_)) => Err(AppError::Store(failed.to_string())),
            },
            () = stop => {
                tracing::info!("asked to stop while migrating; the next start goes on from here");
                Ok(Migrated::Stopped)
            }
        };
        tree.stop(limits::SHUTDOWN).await;
        ended
    }
}
