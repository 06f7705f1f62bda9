//! A store on the real disk, for measurements.
//!
//! Owns: how a measured store is opened, and the context of its writes. Must not know: what is measured. Begin with
//! `BenchStore`.

use std::{path::Path, sync::Arc, time::Duration};

use majordomo::{
    persistence::{
        KeyLoss, Options, ReplayCheck, Write,
        engine::EngineKind,
        fs::RealFs,
        opening_watch::OpeningWatch,
        settings::{BootId, StoreEnvironment, StoreSettings, Tuning},
    },
    supervision::{OsEntropy, SystemClock},
    types::{CallContext, Work, clock::stamp},
};

/// The real disk, clock and randomness.
#[derive(Clone)]
pub struct BenchStore {
    environment: StoreEnvironment,
}

impl BenchStore {
    pub fn new() -> Self {
        let clock = Arc::new(SystemClock::default());
        Self { environment: StoreEnvironment { fs: Arc::new(RealFs), clock, entropy: Arc::new(OsEntropy), ring: None } }
    }

    /// A store in `dir` with its key ring beside it, in the run of the machine that `boot` names.
    pub fn options(&self, dir: &Path, engine: EngineKind, boot: &str) -> Options {
        Options {
            settings: StoreSettings {
                dir: dir.to_owned(),
                engine,
                boot: BootId(boot.to_owned()),
                lock_wait: Duration::ZERO,
                tuning: Tuning::default(),
            },
            environment: self.environment.clone(),
            key_ring: dir.with_file_name("key_ring"),
            key_loss: KeyLoss::Refuse,
            replay_check: ReplayCheck::Once,
            watch: OpeningWatch::default(),
        }
    }

    /// The context of one transaction.
    pub fn write(&self) -> Write {
        Write::new(
            Work::until(self.environment.clock.instant() + Duration::from_secs(60)),
            stamp(self.environment.clock.as_ref(), self.environment.entropy.as_ref()),
            CallContext::service("bench", "request"),
        )
    }
}
