//! From the settings to bound listeners, and from there to an open store.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::{oneshot, watch};

use super::{App, AppError, secrets::hasher, service_write, sockets::Sockets, storage};
use crate::{
    config::{Config, Mode},
    persistence::{
        KeyLoss, Options, Store,
        migrations::{self, Migration},
        opening_watch::OpeningWatch,
        trust::{Opening, TreeState},
    },
    supervision::{ManualClock, System, SystemClock},
    telemetry::{log::LogSwitch, starting::StartPhase},
    types::{Clock, Entropy},
};

impl App {
    /// Binds the listeners. `migrations` are all migrations of this program's store; `log` sets the level of the
    /// process's log. Must be called within a runtime.
    ///
    /// Fails if an address is in use or a setting cannot be applied.
    pub fn bind(mut config: Config, log: LogSwitch, migrations: &'static [Migration]) -> Result<Self, AppError> {
        let hasher = hasher(&config)?;
        let sockets = Sockets::bind(&config)?;
        // With port 0 the system chose a port, which the public URL then names.
        config.edge.listen = sockets.public.address;
        config.edge.ops_listen = sockets.ops.address;
        let watch = OpeningWatch::default();
        Ok(Self { config: Arc::new(config), sockets, hasher, log, migrations, watch })
    }

    /// The phase of the start until requests are served.
    pub fn phase(&self) -> watch::Receiver<StartPhase> {
        self.watch.phase().subscribe()
    }

    /// The address of the public listener.
    pub fn public(&self) -> SocketAddr {
        self.sockets.public.address
    }

    /// The address of the ops listener.
    pub fn ops(&self) -> SocketAddr {
        self.sockets.ops.address
    }
}

/// The clock; in development one that `POST /dev/clock/advance` moves forward.
fn clock(config: &Config) -> (Arc<dyn Clock>, Option<Arc<ManualClock>>) {
    match config.mode {
        Mode::Production => (Arc::new(SystemClock::new(config.clock.gap_max)), None),
        Mode::Development => {
            let manual = Arc::new(ManualClock::of_the_machine());
            (Arc::clone(&manual) as Arc<dyn Clock>, Some(manual))
        }
    }
}

/// An open store, with the sources of time and randomness that it was opened with.
pub(super) struct OpenedStore {
    pub(super) store: Store,
    pub(super) opening: Opening,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The clock, if it can be moved forward.
    pub(super) manual: Option<Arc<ManualClock>>,
}

/// Begins to open the store, which locks the data directory for this process, on a thread of its own. The receiver gets
/// the outcome; if it is dropped, a store that is opened nevertheless is closed.
pub(super) fn begin(app: &App) -> Result<oneshot::Receiver<Result<OpenedStore, AppError>>, AppError> {
    let (done, outcome) = oneshot::channel();
    let (config, opening) = (Arc::clone(&app.config), app.watch.clone());
    let body = move || {
        // The receiver is gone after a stop that did not wait.
        let _ = done.send(open_store(&config, opening));
    };
    let thread = std::thread::Builder::new().name("store-opening".to_owned()).spawn(body);
    thread.map_err(|error| {
        AppError::Store(format!("no thread could be started: {error}; raise the limit of processes (`ulimit -u`)"))
    })?;
    Ok(outcome)
}

fn open_store(config: &Config, opening: OpeningWatch) -> Result<OpenedStore, AppError> {
    let (clock, manual) = clock(config);
    let options = storage::options_with(config, KeyLoss::Refuse, clock);
    let options = Options { watch: opening, ..options };
    let (clock, entropy) = (Arc::clone(&options.environment.clock), Arc::clone(&options.environment.entropy));
    let (store, opening) = Store::open(options).map_err(|fault| AppError::of_opening(&config.store.path, &fault))?;
    if let Some(cut) = &opening.cut {
        tracing::warn!(place = %cut.place, reason = %cut.reason, "the journal's unacknowledged tail was cut");
    }
    match &opening.tree {
        TreeState::Rebuilt { reason, .. } if !opening.created => tracing::warn!(%reason, "the tree was rebuilt"),
        TreeState::Trusted | TreeState::Rebuilt { .. } => {}
    }
    if store.is_restored() {
        tracing::warn!(
            "sending is paused: this store was restored from a snapshot; `majordomo notify resume` resumes sending"
        );
    }
    Ok(OpenedStore { store, opening, clock, entropy, manual })
}

/// The number of migrations that the store still needs.
pub(super) async fn pending(store: &Store, all: &'static [Migration]) -> Result<usize, AppError> {
    let pending = store.read(move |view| Ok(migrations::pending(view, all)?.len()));
    pending.await.map_err(|fault| AppError::Start { step: "reading the store's migrations", fault })
}

/// Refuses a store that a newer program has migrated; a new store has all migrations.
pub(super) async fn demand_known(
    store: &Store,
    opening: &Opening,
    all: &'static [Migration],
    system: &System,
) -> Result<(), AppError> {
    let start = |fault| AppError::Start { step: "reading the store's migrations", fault };
    if opening.created {
        return store.write(service_write(system), |tx| migrations::mark_all(tx, all)).await.map_err(start);
    }
    let known = store.read(move |view| migrations::newer_than(view, all)).await.map_err(start)?;
    known.map_or(Ok(()), |newer| Err(AppError::Store(newer.to_string())))
}
