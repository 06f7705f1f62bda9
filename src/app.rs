//! From the settings to a running process and back: open, migrate, start, run, drain.
//!
//! Sockets are bound before the store is opened, so that a port that is taken changes nothing. They are served when it
//! is open: while an older store is migrated by routes that only say so, then by all of them.

mod secrets;
mod sockets;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

pub use secrets::hasher;

use futures::FutureExt;
use secrets::{auth_keys, control_token, demand_pepper};
use sockets::{Socket, Sockets, server};

use crate::{
    actors::{
        audit::{Audit, tell_end},
        auth::prepare_keys,
        hasher::HasherPool,
        migrator::{MigrationFailed, Migrator},
        operations::{Operations, ProcessPhase},
    },
    cli::{client::TOKEN_FILE, storage},
    config::{Config, Mode},
    http::{
        self, EdgeServices,
        credential::ControlToken,
        route::Listener,
        serve::Timeouts,
        services::{EdgeContext, EdgeDependencies},
    },
    persistence::{
        self, KeyLoss, Options, ReplayCheck, Store, Tx, Verdict, Write,
        fs::RealFs,
        migrations::{self, Migration},
        opening::last_time,
        tables,
        trust::{Opening, TreeState},
    },
    supervision::{
        Escape, ManualClock, OsEntropy, Shutdown, Supervisor, System, SystemClock, Tree,
        tree::{self, ServiceDependencies, Services},
    },
    types::{CallContext, Clock, Entropy, Fault, Role, Timestamp, Work, limits},
};

/// Why the process does not start, or did not run to its end. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}): {reason}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(String),
    /// A file of keys or credentials cannot be read or written.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A setting cannot be carried out.
    #[error("{0}")]
    Setting(String),
    /// A step of the start failed.
    #[error("the start failed at {step}: {fault}")]
    Start {
        /// Which.
        step: &'static str,
        /// Why.
        fault: Fault,
    },
    /// A part without which the process must not go on gave up.
    #[error("{path} gave up: {reason}")]
    Escaped {
        /// Where in the tree.
        path: String,
        /// Why.
        reason: String,
    },
}

/// A process whose store is open and whose listeners are bound; nothing runs yet.
pub struct App {
    config: Arc<Config>,
    sockets: Sockets,
    system: System,
    clock: Arc<dyn Clock>,
    manual: Option<Arc<ManualClock>>,
    entropy: Arc<dyn Entropy>,
    store: Store,
    hasher: HasherPool,
    migrations: &'static [Migration],
}

/// Whether there is an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdministratorPresence {
    /// No user is an administrator yet.
    Absent,
    /// There is an administrator.
    Present,
}

/// A process that serves requests.
struct Running {
    config: Arc<Config>,
    system: System,
    clock: Arc<dyn Clock>,
    store: Store,
    tree: Tree,
    operations: Operations,
}

/// What came of bringing the store up to this program.
enum Migrated {
    Done,
    /// Whoever started the process does not want it any more.
    Stopped,
}

impl App {
    /// Binds the listeners and opens the store, which takes the data directory for this process. `migrations` are those
    /// that the store of this program has had. Must be called within a runtime.
    pub async fn open(mut config: Config, migrations: &'static [Migration]) -> Result<Self, AppError> {
        let hasher = hasher(&config)?;
        let sockets = Sockets::bind(&config)?;
        // With port 0 the system chose: what is said of the public URL names the port that was taken.
        config.edge.listen = sockets.public.address;
        config.edge.ops_listen = sockets.ops.address;
        let config = Arc::new(config);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let environment = persistence::settings::StoreEnvironment {
            fs: Arc::new(RealFs),
            clock: Arc::new(SystemClock::after(Timestamp::ZERO)),
            entropy: Arc::clone(&entropy),
        };
        let settings = storage::settings(&config, &environment);
        let (clock, manual) = clock(config.mode, last_time(&settings, &RealFs));
        let environment = persistence::settings::StoreEnvironment { clock: Arc::clone(&clock), ..environment };
        let (store, opening) = open_store(Options {
            settings,
            environment,
            key_ring: config.key_ring_file(),
            key_loss: KeyLoss::Refuse,
            replay_check: ReplayCheck::Once,
        })?;
        let system = System::new(Arc::clone(&clock), Arc::clone(&entropy));
        demand_known(&store, &opening, migrations, &system).await?;
        let app = Self { config, sockets, system, clock, manual, entropy, store, hasher, migrations };
        // The users of an older store are read once they are brought up to this program.
        if app.pending()? == 0
            && let Err(refusal) = demand_pepper(&app.store, &app.hasher)
        {
            app.store.close().await;
            return Err(refusal);
        }
        Ok(app)
    }

    /// Where the public listener is.
    pub fn public(&self) -> SocketAddr {
        self.sockets.public.address
    }

    /// Where the operators' listener is.
    pub fn ops(&self) -> SocketAddr {
        self.sockets.ops.address
    }

    /// Brings the store up to this program, makes what a first start makes, then runs until `stop` resolves or a part
    /// gives up, and drains. `started` is called once requests are served; `hurry` is a second wish to stop, which cuts
    /// the drain delay short and goes straight to closing the store.
    pub async fn run(
        self,
        started: impl FnOnce(AdministratorPresence),
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()> + Send,
    ) -> Result<(), AppError> {
        let mut stop = std::pin::pin!(stop);
        let store = self.store.clone();
        let running = match self.migrate(stop.as_mut()).await {
            Ok(Migrated::Done) => self.start().await.map(Some),
            Ok(Migrated::Stopped) => Ok(None),
            Err(error) => Err(error),
        };
        match running {
            Ok(Some(running)) => running.run(started, stop, hurry).await,
            Ok(None) => {
                close(&store).await;
                Ok(())
            }
            Err(error) => {
                close(&store).await;
                Err(error)
            }
        }
    }

    /// How many migrations the store has still to go through.
    fn pending(&self) -> Result<usize, AppError> {
        let pending = self.store.read(|view| Ok(migrations::pending(view, self.migrations)?.len()));
        pending.map_err(|fault| AppError::Start { step: "looking at the store's migrations", fault })
    }

    /// Migrates an older store, after a snapshot of it, while the listeners say how far that has come.
    async fn migrate(&self, stop: impl Future<Output = ()>) -> Result<Migrated, AppError> {
        let Self { config, sockets, clock, entropy, store, migrations, .. } = self;
        let step = "migrating the store";
        if self.pending()? == 0 {
            return Ok(Migrated::Done);
        }
        let system = System::new(Arc::clone(clock), Arc::clone(entropy));
        let mut root = Supervisor::root(&system);
        let migrator = Migrator::new(store.clone(), migrations);
        let edge = http::migrating::edge(config, Arc::clone(clock), Arc::clone(entropy));
        let timeouts = Timeouts::new(&config.edge, limits::DRAIN_TIMEOUT);
        let server = |socket: &Socket, listener| {
            let router = http::migrating::router(listener, Arc::clone(&edge), migrator.progress());
            server(socket, router, timeouts.clone())
        };
        let (ops, public) = (server(&sockets.ops, Listener::Ops), server(&sockets.public, Listener::Public));
        tree::migration(&mut root, ops, public, &migrator);
        let escaped = |escape: Escape| AppError::Escaped { path: escape.path, reason: escape.reason };
        let tree = root.start().await.map_err(escaped)?;
        let (public, ops) = (self.public(), self.ops());
        tracing::info!(%public, %ops, "an older store is migrated; nothing else is served");
        let ended = tokio::select! {
            biased;
            escape = system.escaped() => Err(escaped(escape)),
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

    /// Puts the tree together and starts it.
    async fn start(self) -> Result<Running, AppError> {
        let Self { config, sockets, system, clock, manual, entropy, store, hasher, .. } = self;
        demand_pepper(&store, &hasher)?;
        let signing = prepare_keys(&store, service_write(&system), &config.auth.token, system.clock())
            .await
            .map_err(|fault| AppError::Start { step: "making the signing keys", fault })?;
        let control = control_token(&config.store.path, entropy.as_ref())?;
        let mut root = Supervisor::root(&system);
        let dependencies = ServiceDependencies {
            config: Arc::clone(&config),
            store: store.clone(),
            hasher,
            signing,
            auth_keys: auth_keys(&store)?,
            clock: Arc::clone(&clock),
        };
        let services =
            tree::services(&mut root, &system, dependencies).map_err(|fault| AppError::Setting(fault.to_string()))?;
        let operations =
            Operations::new(system.clone(), store.clone(), services.relays.clone(), services.notifier.clone());
        if let Some(manual) = manual {
            operations.let_advance(manual);
        }
        let edge_services = edge_services(
            &config,
            &system,
            &store,
            &services,
            operations.clone(),
            EdgeDependencies {
                clock: Arc::clone(&clock),
                entropy,
                authenticator: Arc::new(services.auth.clone()),
                control: ControlToken::new(control),
            },
        );
        let timeouts = Timeouts::new(&config.edge, limits::DRAIN_TIMEOUT);
        let server = |socket: &Socket, listener| {
            let router = http::router::router(listener, edge_services.clone());
            server(socket, router, timeouts.clone())
        };
        let (ops, public) = (server(&sockets.ops, Listener::Ops), server(&sockets.public, Listener::Public));
        tree::listeners(&mut root, ops, public);
        if config.mode == Mode::Production {
            services
                .notifier
                .clear_inbox()
                .await
                .map_err(|fault| AppError::Start { step: "emptying the inbox", fault })?;
        }
        let started = root.start().await;
        let tree = started.map_err(|escape| AppError::Escaped { path: escape.path, reason: escape.reason })?;
        Ok(Running { config, system, clock, store, tree, operations })
    }
}

impl Running {
    async fn run(
        self,
        started: impl FnOnce(AdministratorPresence),
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()> + Send,
    ) -> Result<(), AppError> {
        let Self { config, system, clock, store, tree, operations } = self;
        operations.enter(ProcessPhase::Open);
        started(administrators(&store));
        let ended = tokio::select! {
            () = stop => Ok(()),
            escape = system.escaped() => Err(AppError::Escaped { path: escape.path, reason: escape.reason }),
        };
        operations.enter(ProcessPhase::Draining);
        system.shutdown().cancel();
        // Both the delay and the phases after it hear the second wish.
        let hurry = hurry.shared();
        tokio::select! {
            () = tokio::time::sleep(config.edge.drain_delay) => {}
            () = hurry.clone() => {}
        }
        drain(tree, store, clock, hurry).await;
        // A token that stays behind is of no use to anybody: commands then find nobody at the ops listener.
        let _ = std::fs::remove_file(config.store.path.join(TOKEN_FILE));
        ended
    }
}

fn edge_services(
    config: &Config,
    system: &System,
    store: &Store,
    services: &Services,
    operations: Operations,
    dependencies: EdgeDependencies,
) -> EdgeServices {
    EdgeServices {
        edge: Arc::new(EdgeContext::new(config, dependencies)),
        operations,
        auth: services.auth.clone(),
        users: services.users.clone(),
        notifier: services.notifier.clone(),
        relays: services.relays.clone(),
        audit: Audit::new(system.clone(), store.clone()),
    }
}

/// The order of the shutdown; `docs/architecture.md` says why.
async fn drain(tree: Tree, store: Store, clock: Arc<dyn Clock>, hurry: impl Future<Output = ()> + Send) {
    let tree = Arc::new(tree);
    let stop = |path: &'static str, limit| {
        let tree = Arc::clone(&tree);
        async move { tree.stop_child(path, limit).await }
    };
    let (short, long) = (Duration::from_secs(1), limits::DRAIN_TIMEOUT);
    let phases = Shutdown::within(limits::SHUTDOWN)
        .phase("public listener", long, stop("edge/public", long))
        .phase("upkeep", short, stop("upkeep", short))
        .phase("relays", short, stop("relay", short))
        .phase("notifier", short, stop("notifier", short))
        .phase("users", short, stop("user", short))
        .phase("auth", long, stop("auth", long))
        .phase("codes", short, stop("otp", short))
        .phase("hasher", short, stop("hasher", short))
        .phase("ops listener", short, stop("edge/ops", short))
        .needed("store", limits::STORE_CLOSE, async move { close(&store).await });
    phases.run(clock, hurry).await;
}

/// A store that cannot be asked is no reason to say that nobody was made yet.
fn administrators(store: &Store) -> AdministratorPresence {
    match store.read(|view| tables::user::holders(view, Role::Admin)) {
        Ok(holders) if holders.is_empty() => AdministratorPresence::Absent,
        Ok(_) | Err(_) => AdministratorPresence::Present,
    }
}

/// Closes the store, and then tells the log where its audit trail ends: nothing is written any more.
async fn close(store: &Store) {
    store.close().await;
    tell_end(store);
}

/// The clock; in development one that can be set forward, by `POST /dev/clock/advance`.
fn clock(mode: Mode, last: Timestamp) -> (Arc<dyn Clock>, Option<Arc<ManualClock>>) {
    match mode {
        Mode::Production => (Arc::new(SystemClock::after(last)), None),
        Mode::Development => {
            let manual = Arc::new(ManualClock::after(last));
            (Arc::clone(&manual) as Arc<dyn Clock>, Some(manual))
        }
    }
}

fn open_store(options: Options) -> Result<(Store, Opening), AppError> {
    let (store, opening) = Store::open(options).map_err(|fault| AppError::Store(fault.to_string()))?;
    if let Some(cut) = &opening.cut {
        tracing::warn!(place = %cut.place, reason = %cut.reason, "the journal's unacknowledged tail was cut");
    }
    match &opening.tree {
        TreeState::Rebuilt { reason, .. } if !opening.created => tracing::warn!(%reason, "the tree was built anew"),
        TreeState::Trusted | TreeState::Rebuilt { .. } => {}
    }
    Ok((store, opening))
}

/// Refuses a store that a newer program has migrated; one that was just made has had all there are.
async fn demand_known(
    store: &Store,
    opening: &Opening,
    all: &'static [Migration],
    system: &System,
) -> Result<(), AppError> {
    let start = |fault| AppError::Start { step: "looking at the store's migrations", fault };
    if opening.created {
        let mark = move |tx: &mut Tx<'_>| migrations::mark_all(tx, all).map(Verdict::Commit);
        return store.old_write(service_write(system), mark).await.map_err(start);
    }
    let known = store.read(|view| migrations::demand_known(view, all)).map_err(start)?;
    known.map_err(|newer| AppError::Store(newer.to_string()))
}

fn service_write(system: &System) -> Write {
    let work = Work::until(system.clock().instant() + limits::WRITER_LOST);
    Write::new(work, system.stamp(), CallContext::service("app", "start"))
}
