//! A store on the real disk, for measurements.
//!
//! Owns: how a measured store is opened and what accompanies its writes. Must not know: what is measured. Begin with
//! `Site`.

use std::{path::Path, sync::Arc, time::Duration};

use majordomo::{
    persistence::{
        KeyLoss, Options, Rehearsal, Write,
        engine::EngineKind,
        fs::RealFs,
        settings::{BootId, Seams, Settings, Tuning},
    },
    supervision::{OsEntropy, SystemClock},
    types::{CallContext, Timestamp, Work, clock::stamp},
};

/// The real disk, time and chance.
#[derive(Clone)]
pub struct Site {
    seams: Seams,
}

impl Site {
    pub fn new() -> Self {
        let clock = Arc::new(SystemClock::after(Timestamp::ZERO));
        Self { seams: Seams { fs: Arc::new(RealFs), clock, entropy: Arc::new(OsEntropy) } }
    }

    /// A store in `dir` with its key ring beside it, on the run of the machine that `boot` names.
    pub fn options(&self, dir: &Path, engine: EngineKind, boot: &str) -> Options {
        Options {
            settings: Settings {
                dir: dir.to_owned(),
                engine,
                boot: BootId(boot.to_owned()),
                lock_wait: Duration::ZERO,
                tuning: Tuning::default(),
            },
            seams: self.seams.clone(),
            key_ring: dir.with_file_name("key_ring"),
            key_loss: KeyLoss::Refuse,
            rehearsal: Rehearsal::Once,
        }
    }

    /// What accompanies one transaction.
    pub fn write(&self) -> Write {
        Write {
            work: Work::until(self.seams.clock.instant() + Duration::from_secs(60)),
            stamp: stamp(self.seams.clock.as_ref(), self.seams.entropy.as_ref()),
            context: CallContext::house("bench", "request"),
        }
    }
}
