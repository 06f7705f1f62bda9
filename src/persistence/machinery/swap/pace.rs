//! How fast a tree is rebuilt beside a running store.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::handover::Handover;
use crate::{
    persistence::machinery::{engine::Engine, rebuild::RebuildError},
    types::{Clock, limits},
};

/// The longest pause between two batches, so that a stop is noticed.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Works for a share of the time, and stops when it is asked to.
pub(super) struct SwapPace<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) handover: &'a Handover,
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Keys that were read or written so far.
    pub(super) done: &'a AtomicU64,
    pub(super) share_percent: u32,
    working_since: Instant,
    since_checkpoint: u64,
}

impl<'a> SwapPace<'a> {
    pub(super) fn new(
        clock: &'a dyn Clock,
        handover: &'a Handover,
        stop: &'a dyn Fn() -> bool,
        done: &'a AtomicU64,
        share_percent: u32,
    ) -> Self {
        let share_percent = share_percent.clamp(1, 100);
        let working_since = clock.instant();
        Self { clock, handover, stop, done, share_percent, working_since, since_checkpoint: 0 }
    }

    /// Works twice as much of the time; returns whether it worked all of the time before.
    pub(super) fn hurry(&mut self) -> bool {
        let was_full = self.share_percent >= 100;
        self.share_percent = (self.share_percent * 2).min(100);
        was_full
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.handover.has_ended() || (self.stop)()
    }

    /// After a batch of `keys`: pauses according to the share.
    pub(super) fn rest(&mut self, keys: u64) -> Result<(), RebuildError> {
        self.done.fetch_add(keys, Ordering::Relaxed);
        if self.is_stopped() {
            return Err(RebuildError::Stopped);
        }
        let worked = self.clock.instant().saturating_duration_since(self.working_since);
        let pause = worked * (100 - self.share_percent) / self.share_percent;
        if !pause.is_zero() {
            self.handover.rest(pause.min(PAUSE_MAX));
        }
        self.working_since = self.clock.instant();
        Ok(())
    }

    /// The same after a batch that was applied to `engine`. Its checkpoints keep each sync short, so that the journal's
    /// syncs do not wait for it, and let redb reuse its pages.
    pub(super) fn rest_after(&mut self, keys: u64, engine: &dyn Engine) -> Result<(), RebuildError> {
        self.since_checkpoint += keys;
        if self.since_checkpoint >= limits::SWAP_CHECKPOINT_KEYS {
            self.since_checkpoint = 0;
            engine.checkpoint()?;
        }
        self.rest(keys)
    }
}
