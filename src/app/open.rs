//! From the settings to an open store and bound listeners.

use std::{net::SocketAddr, sync::Arc};

use super::{
    App, AppError,
    secrets::{demand_pepper, hasher},
    service_write,
    sockets::Sockets,
    storage,
};
use crate::{
    config::{Config, Mode},
    persistence::{
        KeyLoss, Options, Store,
        migrations::{self, Migration},
        trust::{Opening, TreeState},
    },
    supervision::{ManualClock, System, SystemClock},
    telemetry::log::LogSwitch,
    types::Clock,
};

impl App {
    /// Binds the listeners and opens the store, which locks the data directory for this process. `migrations` are all
    /// migrations of this program's store; `log` sets the level of the process's log. Must be called within a runtime.
    ///
    /// Fails if an address is in use, the store cannot be opened or is newer than this program, or a setting
    /// contradicts the store.
    pub async fn open(mut config: Config, log: LogSwitch, migrations: &'static [Migration]) -> Result<Self, AppError> {
        let hasher = hasher(&config)?;
        let sockets = Sockets::bind(&config)?;
        // With port 0 the system chose a port, which the public URL then names.
        config.edge.listen = sockets.public.address;
        config.edge.ops_listen = sockets.ops.address;
        let config = Arc::new(config);
        let (clock, manual) = clock(&config);
        let options = storage::options_with(&config, KeyLoss::Refuse, clock);
        let (clock, entropy) = (Arc::clone(&options.environment.clock), Arc::clone(&options.environment.entropy));
        let (store, opening) = open_store(options)?;
        let system = System::new(clock, entropy);
        demand_known(&store, &opening, migrations, &system).await?;
        let app = Self { config, sockets, system, manual, store, hasher, log, migrations };
        // The users of an older store are read after its migration.
        if app.pending().await? == 0
            && let Err(refusal) = demand_pepper(&app.store, &app.hasher).await
        {
            app.store.close().await;
            return Err(refusal);
        }
        Ok(app)
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

fn open_store(options: Options) -> Result<(Store, Opening), AppError> {
    let (store, opening) = Store::open(options).map_err(|fault| AppError::Store(fault.to_string()))?;
    if let Some(cut) = &opening.cut {
        tracing::warn!(place = %cut.place, reason = %cut.reason, "the journal's unacknowledged tail was cut");
    }
    match &opening.tree {
        TreeState::Rebuilt { reason, .. } if !opening.created => tracing::warn!(%reason, "the tree was rebuilt"),
        TreeState::Trusted | TreeState::Rebuilt { .. } => {}
    }
    Ok((store, opening))
}

/// Refuses a store that a newer program has migrated; a new store has all migrations.
async fn demand_known(
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
