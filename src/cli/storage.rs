//! From the settings to what the store is opened with.

use std::{future::Future, path::Path, sync::Arc};

use tokio::runtime::Runtime;

use super::{CliFailure, Terminal};
use crate::{
    config::{Config, EngineChoice},
    persistence::{
        KeyLoss, Options, ReplayCheck, Store, Write, engine,
        fs::RealFs,
        migrations,
        opening::last_time,
        settings::{BootId, StoreEnvironment, StoreSettings, Tuning},
        trust::TreeState,
    },
    supervision::{OsEntropy, SystemClock},
    types::{self, CallContext, Caller, Timestamp, Work, limits},
};

/// The store's own settings: `[store]` of the configuration, on this run of the machine.
pub fn settings(config: &Config, environment: &StoreEnvironment) -> StoreSettings {
    let store = &config.store;
    StoreSettings {
        dir: store.path.clone(),
        engine: match store.engine {
            EngineChoice::Sled => engine::EngineKind::Sled,
            EngineChoice::Redb => engine::EngineKind::Redb,
            EngineChoice::Mem => engine::EngineKind::Mem,
        },
        boot: BootId::current(environment.entropy.as_ref()),
        lock_wait: store.lock_wait,
        tuning: Tuning {
            retention_time: store.journal_retention,
            retention_bytes: store.journal_retention_bytes.get(),
            snapshot_every: store.snapshot_every,
            snapshot_bytes: store.snapshot_every_bytes.get(),
            snapshots_kept: usize::try_from(store.snapshots_kept).unwrap_or(limits::SNAPSHOTS_KEPT),
            ..Tuning::default()
        },
    }
}

/// The real disk, time and chance, for a command that runs without the server.
pub fn environment() -> StoreEnvironment {
    StoreEnvironment {
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock::after(Timestamp::ZERO)),
        entropy: Arc::new(OsEntropy),
    }
}

/// In whose name a command acts on the store.
pub fn context(command: &'static str) -> CallContext {
    CallContext { caller: Caller::Operator, ..CallContext::service("cli", command) }
}

/// How a command opens the store when no server has it. Its time goes on after the store's last.
pub fn options(config: &Config, key_loss: KeyLoss) -> Options {
    let environment = environment();
    let settings = settings(config, &environment);
    let clock = Arc::new(SystemClock::after(last_time(&settings, &*environment.fs)));
    Options {
        settings,
        environment: StoreEnvironment { clock, ..environment },
        key_ring: config.key_ring_file(),
        key_loss,
        replay_check: ReplayCheck::Once,
    }
}

/// That a command was to work on the store of a directory that has none, and how one is made.
pub fn no_store(dir: &Path) -> CliFailure {
    let fix = "start the server once (`majordomo serve`), which makes it";
    CliFailure::Fault(format!("{} holds no store (store.path); {fix}", dir.display()))
}

/// The store, opened by a command that runs without the server. Closed by `close`.
pub struct Offline {
    runtime: Runtime,
    store: Store,
    environment: StoreEnvironment,
}

impl Offline {
    /// Opens the store that is there; makes none. Tells on `terminal` what had to be repaired.
    pub fn open(config: &Config, key_loss: KeyLoss, terminal: &Terminal) -> Result<Self, CliFailure> {
        if !config.store.path.join("store.json").exists() {
            return Err(no_store(&config.store.path));
        }
        let options = options(config, key_loss);
        let environment = options.environment.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| CliFailure::fault("the runtime did not start", error))?;
        let (store, opening) = Store::open(options).map_err(|fault| CliFailure::Fault(fault.to_string()))?;
        if let Some(cut) = opening.cut {
            terminal.note(format_args!("note: {}: {}; cut there, nothing acknowledged is lost", cut.place, cut.reason));
        }
        match opening.tree {
            TreeState::Trusted => {}
            TreeState::Rebuilt { reason, .. } => terminal.note(format_args!("note: the tree was built anew: {reason}")),
        }
        let opened = Self { runtime, store, environment };
        let known = opened.store.read(|view| migrations::demand_known(view, migrations::MIGRATIONS));
        let known = known.map_err(|fault| CliFailure::fault("looking at the store's migrations", fault));
        match known.and_then(|known| known.map_err(|newer| CliFailure::Fault(newer.to_string()))) {
            Ok(()) => Ok(opened),
            Err(failure) => {
                opened.close();
                Err(failure)
            }
        }
    }

    /// The store itself.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Time and chance of this command.
    pub fn environment(&self) -> &StoreEnvironment {
        &self.environment
    }

    /// Waits for one answer of the store.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// What accompanies one transaction of `command`.
    pub fn write(&self, command: &'static str) -> Write {
        let (clock, entropy) = (self.environment.clock.as_ref(), self.environment.entropy.as_ref());
        Write::new(
            Work::until(clock.instant() + limits::WRITER_LOST),
            types::clock::stamp(clock, entropy),
            context(command),
        )
    }

    /// Finishes what was written and closes the directory cleanly.
    pub fn close(self) {
        self.runtime.block_on(self.store.close());
    }
}
