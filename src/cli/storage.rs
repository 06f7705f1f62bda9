//! From the settings to what the store is opened with.

use std::sync::Arc;

use crate::{
    config::{Config, EngineKind},
    persistence::{
        engine,
        fs::RealFs,
        settings::{BootId, Seams, Settings, Tuning},
    },
    supervision::{OsEntropy, SystemClock},
    types::Timestamp,
};

/// The store's own settings: `[store]` of the configuration, on this run of the machine.
pub fn settings(config: &Config, seams: &Seams) -> Settings {
    let store = &config.store;
    Settings {
        dir: store.path.clone(),
        engine: match store.engine {
            EngineKind::Sled => engine::EngineKind::Sled,
            EngineKind::Redb => engine::EngineKind::Redb,
            EngineKind::Mem => engine::EngineKind::Mem,
        },
        boot: BootId::current(seams.entropy.as_ref()),
        lock_wait: store.lock_wait,
        tuning: Tuning {
            retention_time: store.journal_retention,
            retention_bytes: store.journal_retention_bytes.get(),
            snapshot_every: store.snapshot_every,
            snapshot_bytes: store.snapshot_every_bytes.get(),
            ..Tuning::default()
        },
    }
}

/// The real disk, time and chance, for a command that runs without the server.
pub fn seams() -> Seams {
    Seams { fs: Arc::new(RealFs), clock: Arc::new(SystemClock::after(Timestamp::ZERO)), entropy: Arc::new(OsEntropy) }
}
