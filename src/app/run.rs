//! A process that serves requests, until it is stopped in the order of the tree.
//!
//! ```text
//! open --stop, escape--> draining --> the tree, upwards --> the token's file --> the head of the audit chain is logged
//! ```

use std::{future::Future, sync::Arc};

use futures::FutureExt;

use super::{AdministratorPresence, AppError, control_token};
use crate::{
    actors::{
        audit::log_heads,
        operations::{Operations, ProcessPhase},
    },
    config::Config,
    persistence::{Store, tables},
    supervision::{System, Tree},
    types::{Role, Secret, limits},
};

/// A process that serves requests.
pub(super) struct Running {
    pub(super) config: Arc<Config>,
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) tree: Tree,
    pub(super) operations: Operations,
    /// The operator's credential of this run.
    pub(super) token: Secret,
}

impl Running {
    /// Serves until `stop` resolves or an actor escapes, which is returned as the error, and then stops everything.
    pub(super) async fn run(
        self,
        started: impl FnOnce(AdministratorPresence),
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()> + Send,
    ) -> Result<(), AppError> {
        self.operations.enter(ProcessPhase::Open);
        started(administrators(&self.store).await);
        let ended = tokio::select! {
            () = stop => Ok(()),
            escape = self.system.escaped() => Err(escape.into()),
        };
        self.drain(hurry).await;
        ended
    }

    /// The tree defines the order in which its parts are stopped, and their time limits. The ops listener, its first
    /// child, reports the drain until the store is closed.
    async fn drain(self, hurry: impl Future<Output = ()> + Send) {
        let Self { config, system, store, tree, operations, token } = self;
        operations.enter(ProcessPhase::Draining);
        system.shutdown().cancel();
        // A second request to stop ends both the delay and the stop after it.
        let hurry = hurry.shared();
        tokio::select! {
            () = tokio::time::sleep(config.edge.drain_delay) => {}
            () = hurry.clone() => {}
        }
        let until = system.clock().instant() + limits::SHUTDOWN;
        tree.shut_down(limits::SHUTDOWN, hurry).await;
        control_token::remove(&config.store.path, &token);
        // The tree has closed the store, unless the store's child escaped: then it is closed here.
        let left = until.saturating_duration_since(system.clock().instant());
        if tokio::time::timeout(left, close(&store)).await.is_err() {
            tracing::error!("the store was not closed in time; the next start checks it");
        }
    }
}

/// Closes the store if it is not closed yet, and then logs the head of the audit chain: nothing is written after it.
pub(super) async fn close(store: &Store) {
    store.close().await;
    log_heads(store);
}

/// If the store cannot be read, this does not report that an administrator is missing.
async fn administrators(store: &Store) -> AdministratorPresence {
    match store.read(|view| tables::user::holders(view, Role::Admin)).await {
        Ok(holders) if holders.is_empty() => AdministratorPresence::Absent,
        Ok(_) | Err(_) => AdministratorPresence::Present,
    }
}
