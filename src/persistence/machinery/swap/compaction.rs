//! When the program replaces the tree by itself.

use super::{SwapError, SwapReason, Swapped};
use crate::{persistence::machinery::upkeep::Upkeep, types::limits};

impl Upkeep {
    /// Replaces the tree if its file has more than `limits::COMPACT_RATIO` times the bytes of its content, and counts
    /// these bytes if that was not done yet. Blocks; `stop` ends the work.
    pub fn compact_if_due(&self, stop: &dyn Fn() -> bool) -> Result<Option<Swapped>, SwapError> {
        let live = match self.live_bytes() {
            Some(live) => live,
            None => self.count_live_bytes(stop)?,
        };
        if !self.may_compact() || self.tree_bytes() <= live.saturating_mul(limits::COMPACT_RATIO) {
            return Ok(None);
        }
        // The last count may be hours old.
        let live = self.count_live_bytes(stop)?;
        if self.tree_bytes() <= live.saturating_mul(limits::COMPACT_RATIO) {
            return Ok(None);
        }
        self.swap_tree(SwapReason::Compaction, stop).map(Some)
    }

    /// Replaces the tree if the last walk over it found rows that are missing or do not fit: they are rebuilt from the
    /// newest snapshot, whose walk found nothing, and the journal. Blocks; `stop` ends the work.
    pub fn repair_if_due(&self, stop: &dyn Fn() -> bool) -> Result<Option<Swapped>, SwapError> {
        let Some(shared) = self.shared() else { return Ok(None) };
        let now = self.inner.clock.now();
        // If the rows are wrong in the journal too, another rebuild does not help.
        let tried = self
            .swaps()
            .last
            .is_some_and(|last| last.reason == SwapReason::Damage && now.since(last.ended) < limits::REPAIR_EVERY);
        if tried || shared.damage.found().inconsistent.is_none() {
            return Ok(None);
        }
        let swapped = self.swap_tree(SwapReason::Damage, stop)?;
        shared.damage.set_inconsistent(None);
        Ok(Some(swapped))
    }

    fn may_compact(&self) -> bool {
        let tuning = &self.inner.tuning.compaction;
        let Some(every) = tuning.every else { return false };
        let (report, tree) = (self.swaps(), self.tree_bytes());
        let waited = report.last.is_none_or(|last| {
            let wait = if last.outcome.is_ok() { every } else { every.min(limits::COMPACT_RETRY) };
            self.inner.clock.now().since(last.ended) >= wait
        });
        let regrown = report.last_done.is_none_or(|done| tree >= done.bytes_after * limits::COMPACT_REGROWN);
        self.keeps_tree() && waited && regrown && tree > tuning.above_bytes
    }
}
