//! The step that the writer is at, for those who watch it. No lock: a hang holds none that is needed to see it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    persistence::machinery::settings::WatchLimits,
    types::{Clock, limits},
};

/// What the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterStep {
    /// It waits for work.
    Idle,
    /// A transaction's function runs.
    Closure,
    /// Frames are written to the journal, or the next segment is made.
    JournalWrite,
    /// The journal is synced.
    Sync,
    /// A durable group is applied to the tree.
    Apply,
    /// The tree is made durable, and the checkpoint is written.
    Checkpoint,
    /// Another tree takes the place of the tree.
    Swap,
    /// The store is closed.
    Close,
    /// The writer has ended.
    Ended,
}

impl WriterStep {
    const ALL: [Self; 9] = [
        Self::Idle,
        Self::Closure,
        Self::JournalWrite,
        Self::Sync,
        Self::Apply,
        Self::Checkpoint,
        Self::Swap,
        Self::Close,
        Self::Ended,
    ];
}

impl fmt::Display for WriterStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Closure => "closure",
            Self::JournalWrite => "journal write",
            Self::Sync => "sync",
            Self::Apply => "apply",
            Self::Checkpoint => "checkpoint",
            Self::Swap => "swap",
            Self::Close => "close",
            Self::Ended => "ended",
        })
    }
}

/// A step that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusyStep {
    pub step: WriterStep,
    /// How long it has lasted, without the time in which the process was paused.
    pub lasts: Duration,
}

/// Number of bits of the time in a packed step.
const TIME_BITS: u32 = 56;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// The writer's present step. Only the writer enters steps; every thread may look.
pub struct WriterSteps {
    clock: Arc<dyn Clock>,
    origin: Instant,
    limits: WatchLimits,
    /// The step in the highest byte, and since when it lasts: microseconds after `origin`.
    packed: AtomicU64,
    /// When the process went on after a pause, in the same unit: no step counts from before.
    resumed: AtomicU64,
    /// When the deadline of a waiting transaction had passed at its turn, plus one; 0: never.
    expired: AtomicU64,
}

impl WriterSteps {
    /// The steps of a writer that is idle.
    pub fn new(clock: Arc<dyn Clock>, limits: WatchLimits) -> Arc<Self> {
        let origin = clock.instant();
        let (packed, resumed, expired) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { clock, origin, limits, packed, resumed, expired })
    }

    /// The limits for a step.
    pub fn limits(&self) -> WatchLimits {
        self.limits
    }

    fn now(&self) -> u64 {
        let passed = self.clock.instant().saturating_duration_since(self.origin);
        u64::try_from(passed.as_micros()).unwrap_or(u64::MAX) & TIME_MASK
    }

    /// The writer begins `step`.
    pub fn enter(&self, step: WriterStep) {
        self.packed.store(((step as u64) << TIME_BITS) | self.now(), Ordering::Release);
    }

    fn present(&self) -> (WriterStep, u64) {
        let packed = self.packed.load(Ordering::Acquire);
        let step = usize::try_from(packed >> TIME_BITS).ok().and_then(|step| WriterStep::ALL.get(step).copied());
        (step.unwrap_or(WriterStep::Idle), packed & TIME_MASK)
    }

    /// The step that the writer is busy with, if it is.
    pub fn busy(&self) -> Option<BusyStep> {
        let (step, since) = self.present();
        let since = since.max(self.resumed.load(Ordering::Acquire));
        let lasts = Duration::from_micros(self.now().saturating_sub(since));
        match step {
            WriterStep::Idle | WriterStep::Ended => None,
            WriterStep::Closure
            | WriterStep::JournalWrite
            | WriterStep::Sync
            | WriterStep::Apply
            | WriterStep::Checkpoint
            | WriterStep::Swap
            | WriterStep::Close => Some(BusyStep { step, lasts }),
        }
    }

    /// The step that lasts for too long, if one does.
    pub fn stuck(&self) -> Option<BusyStep> {
        self.busy().filter(|busy| busy.lasts >= self.limits.stuck)
    }

    /// Whether the writer has ended.
    pub fn has_ended(&self) -> bool {
        self.present().0 == WriterStep::Ended
    }

    /// The process was paused until now: the present step counts from now.
    pub fn resume(&self) {
        self.resumed.store(self.now(), Ordering::Release);
    }

    /// The deadline of a transaction had passed when its turn came.
    pub fn note_expired(&self) {
        self.expired.store(self.now() + 1, Ordering::Release);
    }

    /// Whether that happened within `limits::WRITES_EXPIRED_SHOWN`.
    pub fn writes_expire(&self) -> bool {
        let last = self.expired.load(Ordering::Acquire);
        last > 0 && Duration::from_micros(self.now().saturating_sub(last - 1)) < limits::WRITES_EXPIRED_SHOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_number() {
        for (number, step) in WriterStep::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number);
        }
    }
}
