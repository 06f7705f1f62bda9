//! From the settings to a running house and back: open, run, drain.
//!
//! Sockets are bound before the store is opened, so that a port that is taken changes nothing, and served after it.

use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;

use crate::{
    actors::{
        audit::{Audit, tell_end},
        auth::{DoorKeys, prepare_keys},
        edge::Server,
        hasher::{Bounds, HasherPool},
        operations::{Operations, Phase},
    },
    cli::{client::TOKEN_FILE, storage},
    config::{Config, Mode},
    crypto::{
        device_token::DeviceKey,
        identifier::IdentifierKey,
        password::{PasswordCost, PasswordHasher, Pepper},
    },
    http::{
        self, Services,
        credential::ControlToken,
        route::Listener,
        serve::Patience,
        services::{Edge, Seams},
    },
    persistence::{
        self, KeyLoss, Options, Rehearsal, Store, Tx, Verdict, Write,
        fs::RealFs,
        migrations::{self, MIGRATIONS},
        opening::last_time,
        trust::{Opening, TreeFate},
    },
    supervision::{
        ManualClock, OsEntropy, Shutdown, Supervisor, System, SystemClock, Tree,
        tree::{self, House, Parts},
    },
    types::{CallContext, Clock, Entropy, Fault, Secret, Timestamp, Work, limits},
};

/// Why the house does not open, or did not run to its end. Each is one line for the operator.
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

/// An open house whose tree does not run yet.
pub struct App {
    config: Arc<Config>,
    system: System,
    clock: Arc<dyn Clock>,
    store: Store,
    house: House,
    root: Supervisor,
    operations: Operations,
    public: SocketAddr,
    ops: SocketAddr,
}

impl App {
    /// Binds the listeners, opens the store (which takes the data directory for this process), makes what a first start
    /// makes, and puts the tree together. Must be called within a runtime.
    pub async fn open(mut config: Config) -> Result<Self, AppError> {
        let sockets = Sockets::bind(&config)?;
        // With port 0 the system chose: what is said of the public URL names the port that was taken.
        config.edge.listen = sockets.public.address;
        config.edge.ops_listen = sockets.ops.address;
        let config = Arc::new(config);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let seams = persistence::settings::Seams {
            fs: Arc::new(RealFs),
            clock: Arc::new(SystemClock::after(Timestamp::ZERO)),
            entropy: Arc::clone(&entropy),
        };
        let settings = storage::settings(&config, &seams);
        let (clock, manual) = clock(config.mode, last_time(&settings, &RealFs));
        let seams = persistence::settings::Seams { clock: Arc::clone(&clock), ..seams };
        let (store, opening) = open_store(Options {
            settings,
            seams,
            key_ring: config.key_ring_file(),
            key_loss: KeyLoss::Refuse,
            rehearsal: Rehearsal::Once,
        })?;
        let system = System::new(Arc::clone(&clock), Arc::clone(&entropy));
        migrate(&store, &opening, &system).await?;
        let signing = prepare_keys(&store, house_write(&system), &config.auth.token, system.clock())
            .await
            .map_err(|fault| AppError::Start { step: "making the signing keys", fault })?;
        let control = control_token(&config.store.path, entropy.as_ref())?;
        let mut root = Supervisor::root(&system);
        let parts = Parts {
            config: Arc::clone(&config),
            store: store.clone(),
            hasher: hasher(&config)?,
            signing,
            door_keys: door_keys(&store)?,
            clock: Arc::clone(&clock),
        };
        let house = tree::services(&mut root, &system, parts).map_err(|fault| AppError::Setting(fault.to_string()))?;
        let operations = Operations::new(system.clone(), store.clone(), house.relays.clone(), house.notifier.clone());
        if let Some(manual) = manual {
            operations.let_advance(manual);
        }
        let seams = Seams {
            clock: Arc::clone(&clock),
            entropy,
            authenticator: Arc::new(house.auth.clone()),
            control: ControlToken::new(control),
        };
        let services = Services {
            edge: Arc::new(Edge::new(&config, seams)),
            operations: operations.clone(),
            auth: house.auth.clone(),
            users: house.users.clone(),
            notifier: house.notifier.clone(),
            relays: house.relays.clone(),
            audit: Audit::new(system.clone(), store.clone()),
        };
        let (public, ops) = (sockets.public.address, sockets.ops.address);
        let server = |socket, listener| server(socket, listener, &config, &services);
        tree::listeners(&mut root, server(sockets.ops, Listener::Ops), server(sockets.public, Listener::Public));
        Ok(Self { config, system, clock, store, house, root, operations, public, ops })
    }

    /// Where the public listener is.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// Where the operators' listener is.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// Runs until `stop` resolves or a part gives up, then drains. `started` is called once requests are served;
    /// `hurry` is a second wish to stop, which goes straight to closing the store.
    pub async fn run(
        self,
        started: impl FnOnce(),
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()> + Send,
    ) -> Result<(), AppError> {
        let Self { config, system, clock, store, house, root, operations, .. } = self;
        if config.mode == Mode::Production {
            house
                .notifier
                .clear_inbox()
                .await
                .map_err(|fault| AppError::Start { step: "emptying the inbox", fault })?;
        }
        let tree = match root.start().await {
            Ok(tree) => tree,
            Err(escape) => {
                close(&store).await;
                return Err(AppError::Escaped { path: escape.path, reason: escape.reason });
            }
        };
        operations.enter(Phase::Open);
        started();
        let ended = tokio::select! {
            () = stop => Ok(()),
            escape = system.escaped() => Err(AppError::Escaped { path: escape.path, reason: escape.reason }),
        };
        operations.enter(Phase::Draining);
        system.shutdown().cancel();
        tokio::time::sleep(config.edge.drain_delay).await;
        drain(tree, store, clock, hurry).await;
        // A token that stays behind is of no use to anybody: commands then find nobody at the ops listener.
        let _ = std::fs::remove_file(config.store.path.join(TOKEN_FILE));
        ended
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
        .phase("door", long, stop("auth", long))
        .phase("codes", short, stop("otp", short))
        .phase("hasher", short, stop("hasher", short))
        .phase("ops listener", short, stop("edge/ops", short))
        .needed("store", limits::STORE_CLOSE, async move { close(&store).await });
    phases.run(clock, hurry).await;
}

/// Closes the store, and then tells the log where its audit trail ends: nothing is written any more.
async fn close(store: &Store) {
    store.close().await;
    tell_end(store);
}

struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

struct Sockets {
    ops: Socket,
    public: Socket,
}

impl Sockets {
    fn bind(config: &Config) -> Result<Self, AppError> {
        Ok(Self {
            public: Socket::bind("edge.listen", config.edge.listen)?,
            ops: Socket::bind("edge.ops_listen", config.edge.ops_listen)?,
        })
    }
}

impl Socket {
    fn bind(key: &'static str, address: SocketAddr) -> Result<Self, AppError> {
        let fault = |reason| AppError::Listen { key, address, reason };
        let listener = TcpListener::bind(address).map_err(fault)?;
        listener.set_nonblocking(true).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Self { listener, address })
    }
}

/// A listener that can be served again after a crash: each life works on a copy of the socket.
fn server(socket: Socket, listener: Listener, config: &Config, services: &Services) -> Server {
    let router = http::router::router(listener, services.clone());
    let patience = Patience::new(&config.edge, limits::DRAIN_TIMEOUT);
    let socket = Arc::new(socket.listener);
    Arc::new(move |stop| {
        let (socket, router, patience) = (Arc::clone(&socket), router.clone(), patience.clone());
        async move {
            let copy = socket.try_clone().and_then(tokio::net::TcpListener::from_std);
            let copy = copy.map_err(|error| Fault::bug(format!("the socket cannot be served: {error}")))?;
            let served = http::serve::serve(copy, router, patience, stop).await;
            if served.cut > 0 {
                tracing::warn!(connections = served.cut, "connections were cut at the end of the drain");
            }
            Ok(())
        }
        .boxed()
    })
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
        TreeFate::Rebuilt { reason, .. } if !opening.created => tracing::warn!(%reason, "the tree was built anew"),
        TreeFate::Trusted | TreeFate::Rebuilt { .. } => {}
    }
    Ok((store, opening))
}

/// Brings an older store up to this program, after a snapshot of it; a store that was just made needs nothing. One that
/// a newer program has migrated is refused.
async fn migrate(store: &Store, opening: &Opening, system: &System) -> Result<(), AppError> {
    let start = |fault| AppError::Start { step: "migrating the store", fault };
    if opening.created {
        let mark = |tx: &mut Tx<'_>| migrations::mark_all(tx, MIGRATIONS).map(Verdict::Commit);
        return store.write(house_write(system), mark).await.map_err(start);
    }
    let unknown = store.read(|view| migrations::unknown(view, MIGRATIONS)).map_err(start)?;
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        return Err(AppError::Store(format!("a newer version has migrated this store ({names}); start that version")));
    }
    let pending = store.read(|view| Ok(migrations::pending(view, MIGRATIONS)?.len())).map_err(start)?;
    if pending == 0 {
        return Ok(());
    }
    // Blocks this thread: nothing is served yet.
    if let Some(upkeep) = store.upkeep() {
        let summary =
            upkeep.take().map_err(|error| AppError::Store(format!("no snapshot before migrating: {error}")))?;
        tracing::info!(?summary, "a snapshot was taken before migrating");
    }
    let told = |name, percent| tracing::info!(name, percent, "migrating");
    migrations::run(store, MIGRATIONS, || house_write(system), told).await.map_err(start)
}

/// The pool of hashing threads, without threads yet, as the settings say.
pub fn hasher(config: &Config) -> Result<HasherPool, AppError> {
    let peppers = match &config.secrets.pepper_file {
        None => Vec::new(),
        Some(path) => vec![pepper(path)?],
    };
    let hasher = PasswordHasher::new(PasswordCost::from(&config.auth.hash), peppers)
        .map_err(|fault| AppError::Setting(format!("auth.hash: {fault}")))?;
    Ok(HasherPool::new(hasher, Bounds::from(&config.auth.hash)))
}

/// The id in each hash says which pepper it was made with, without telling it.
fn pepper(path: &Path) -> Result<Pepper, AppError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| AppError::File { path: path.to_owned(), reason: error.to_string() })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() < limits::PEPPER_MIN {
        let reason = format!("a pepper has at least {} bytes", limits::PEPPER_MIN);
        return Err(AppError::File { path: path.to_owned(), reason });
    }
    let id = IdentifierKey::new([0; 32]).short(text.as_bytes());
    Ok(Pepper { id, key: Secret::new(text) })
}

fn door_keys(store: &Store) -> Result<DoorKeys, AppError> {
    let subkey = |purpose| {
        let newest = store.subkeys(purpose).into_iter().next().map(|key| *key);
        newest.ok_or(AppError::Start { step: "deriving keys", fault: Fault::bug("the key ring is empty") })
    };
    Ok(DoorKeys {
        device: DeviceKey::new(subkey("device_token")?),
        identifier: IdentifierKey::new(subkey("identifier")?),
    })
}

/// Writes the operator's credential of this run, readable by its owner alone.
fn control_token(dir: &Path, entropy: &dyn Entropy) -> Result<Secret, AppError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    let token = Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let (path, beside) = (dir.join(TOKEN_FILE), dir.join("control.token.new"));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(token.reveal().as_bytes()))
        .and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|error| AppError::File { path, reason: error.to_string() })?;
    Ok(token)
}

fn house_write(system: &System) -> Write {
    let work = Work::until(system.clock().instant() + limits::WRITER_LOST);
    Write { work, stamp: system.stamp(), context: CallContext::house("app", "start") }
}
