//! From an open store to a running tree: the records of a first start, the services, the listeners.

use std::{future::Future, sync::Arc};

use super::{
    AdministratorPresence, App, AppError, OpenedApp, control_token,
    open::OpenedStore,
    prepare::Prepared,
    run::{Running, close},
    secrets::{auth_keys, demand_pepper},
    service_write,
    services::{self, AppDependencies, Assembly},
    sockets::{Socket, server},
    tree::{Listeners, ServiceDependencies},
};
use crate::{
    actors::{auth::prepare_keys, operations::Operations},
    config::Mode,
    http::{credential::ControlToken, route::Listener, serve::Timeouts},
    supervision::Tree,
    types::limits,
};

impl App {
    /// Opens the store, migrates it, writes the records of a first start, then runs until `stop` resolves or an actor
    /// escapes, and drains. `started` is called once requests are served; `hurry` is a second request to stop, which
    /// ends the drain delay and closes the store at once.
    pub async fn run(
        self,
        started: impl FnOnce(AdministratorPresence),
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()> + Send,
    ) -> Result<(), AppError> {
        let mut stop = std::pin::pin!(stop);
        let opened = match self.prepare(stop.as_mut()).await? {
            Prepared::Ready(opened) => opened,
            Prepared::Stopped => return Ok(()),
        };
        let store = opened.opened.store.clone();
        match opened.start().await {
            Ok(running) => running.run(started, stop, hurry).await,
            Err(error) => {
                close(&store).await;
                Err(error)
            }
        }
    }
}

impl OpenedApp {
    /// Wires the tree and starts it.
    async fn start(self) -> Result<Running, AppError> {
        let Self { app: App { config, sockets, hasher, log, .. }, opened, system } = self;
        let OpenedStore { store, manual, .. } = opened;
        demand_pepper(&store, &hasher).await?;
        let signing = prepare_keys(&store, service_write(&system), &config.auth.token, system.clock())
            .await
            .map_err(|fault| AppError::Start { step: "making the signing keys", fault })?;
        let auth_keys = auth_keys(&store)?;
        let token = control_token::write(&config.store.path, system.entropy())?;
        let services = ServiceDependencies {
            config: Arc::clone(&config),
            store: store.clone(),
            hasher,
            signing,
            auth_keys,
            mail: None,
            log,
        };
        let dependencies = AppDependencies { services, control: ControlToken::new(token.clone()), manual };
        let assembly = services::assemble(&system, dependencies, |routers| {
            // One value for both listeners, because the limit on connections counts those of both.
            let timeouts = Timeouts::new(&config.edge, limits::DRAIN_TIMEOUT);
            let server = |socket: &Socket, listener: Listener| {
                let routers = routers.clone();
                server(socket, move || routers.router(listener), timeouts.clone())
            };
            Listeners { ops: server(&sockets.ops, Listener::Ops), public: server(&sockets.public, Listener::Public) }
        });
        let started = match assembly {
            Ok(assembly) => start_tree(assembly, config.mode).await,
            Err(fault) => Err(AppError::Setting(fault.to_string())),
        };
        match started {
            Ok((tree, operations)) => Ok(Running { config, system, store, tree, operations, token }),
            Err(error) => {
                control_token::remove(&config.store.path, &token);
                Err(error)
            }
        }
    }
}

async fn start_tree(assembly: Assembly, mode: Mode) -> Result<(Tree, Operations), AppError> {
    let Assembly { root, services, edge } = assembly;
    if mode == Mode::Production {
        let emptied = services.notifier.clear_inbox().await;
        emptied.map_err(|fault| AppError::Start { step: "emptying the inbox", fault })?;
    }
    Ok((root.start().await?, edge.operations))
}
