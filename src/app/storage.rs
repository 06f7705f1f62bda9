//! From the settings to the settings of the store, for the server and for commands that run without it.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{Config, EngineChoice},
    persistence::{
        KeyLoss, Options, ReplayCheck, engine,
        fs::RealFs,
        opening_watch::OpeningWatch,
        settings::{BootId, CompactionTuning, StoreEnvironment, StoreSettings, Tuning, WatchLimits},
    },
    supervision::{OsEntropy, SystemClock},
    types::{Clock, limits},
};

/// The store's own settings: `[store]` of the configuration, with the id of this run.
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
            segment_bytes: store.journal_segment_bytes.get(),
            retention_time: store.journal_retention,
            retention_bytes: store.journal_retention_bytes.get(),
            snapshot_every: store.snapshot_every,
            snapshot_bytes: store.snapshot_every_bytes.get(),
            snapshots_kept: usize::try_from(store.snapshots_kept).unwrap_or(limits::SNAPSHOTS_KEPT),
            compaction: CompactionTuning {
                every: Some(store.compact_every).filter(|every| !every.is_zero()),
                above_bytes: store.compact_above.get(),
                share_percent: store.compact_share,
            },
            watch: WatchLimits { kill_after: Some(ends_within(config)), ..WatchLimits::of(store.writer_limit) },
            ballast_bytes: store.ballast.get(),
            ..Tuning::default()
        },
    }
}

/// The longest time of an orderly end.
fn ends_within(config: &Config) -> Duration {
    config.edge.drain_delay + limits::SHUTDOWN + limits::STUCK_EXIT_MARGIN
}

/// The real disk, time and randomness.
pub fn environment() -> StoreEnvironment {
    let clock = Arc::new(SystemClock::default());
    StoreEnvironment { fs: Arc::new(RealFs), clock, entropy: Arc::new(OsEntropy), ring: None }
}

/// The settings with which a command opens a store that no server has open. Time continues after the store's last time.
pub fn options(config: &Config, key_loss: KeyLoss) -> Options {
    options_with(config, key_loss, Arc::new(SystemClock::new(config.clock.gap_max)))
}

/// The same with another clock, which the opening lets begin after the store's last time.
pub(super) fn options_with(config: &Config, key_loss: KeyLoss, clock: Arc<dyn Clock>) -> Options {
    let environment = environment();
    let settings = settings(config, &environment);
    Options {
        settings,
        environment: StoreEnvironment { clock, ..environment },
        key_ring: config.key_ring_file(),
        key_loss,
        replay_check: ReplayCheck::Once,
        watch: OpeningWatch::default(),
    }
}
