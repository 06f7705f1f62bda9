//! The scrub: what the walk of a snapshot checks in the tree beside the checksums.
//!
//! Every log has its rows without a gap up to its head, and the rows of records and indexes belong together. The walk
//! goes on while the store is written to, so a row that does not fit is read again under the group lock, where no
//! commit is half there. Memory is bounded: one page, and one number for each log and table.

use std::sync::{Arc, PoisonError};

use super::{
    checksum::CHECKSUM,
    engine::{Engine, EngineError, EngineView as _, Pair, verified::VerifiedView},
    links::{self, LogGaps, Misfit, Misfits},
    log::Log,
    reader::{ByteReader as _, TxFault},
    shared::Shared,
    snapshot::SnapshotError,
    view::View,
};

/// One walk over the tree of an open store.
pub(super) struct Scrub<'a> {
    shared: &'a Shared,
    /// The heads of the logs when the walk began, in the order of the catalog.
    heads: Vec<u64>,
    gaps: LogGaps,
    found: Misfits,
}

impl<'a> Scrub<'a> {
    pub(super) fn begin(shared: &'a Shared) -> Self {
        let logs = shared.catalog.logs;
        let heads = logs.iter().map(|log| shared.log_head(log).number).collect();
        Self { shared, heads, gaps: LogGaps::of(logs), found: Misfits::default() }
    }

    /// Checks the next rows of the walk, whose values have their checksums.
    pub(super) fn page(&mut self, page: &[Pair]) -> Result<(), SnapshotError> {
        let (ring, catalog) = (self.shared.ring(), self.shared.catalog);
        let Some(engine) = self.engine() else { return Err(SnapshotError::Closing) };
        let view = View { engine: VerifiedView::over(engine.view()?), ring: &ring };
        for (place, value) in page {
            let value = &value[..value.len().saturating_sub(CHECKSUM)];
            if let Some((log, missing)) = self.gaps.row(place) {
                if missing > 0 && self.is_gap_now(log, place, missing)? {
                    self.found.count(Misfit::Gap(log.name), missing);
                }
            } else if links::misfit(catalog, &view, (place, value)).map_err(engine_error)?.is_some()
                && let Some(misfit) = self.misfit_now(place)?
            {
                self.found.count(misfit, 1);
            }
        }
        Ok(())
    }

    /// Ends the walk, after the last page: fails if something was found.
    pub(super) fn end(mut self) -> Result<(), SnapshotError> {
        for ((log, last), head) in self.gaps.ends().zip(&self.heads) {
            // Retention never removes the last row.
            self.found.count(Misfit::Gap(log.name), head.saturating_sub(last));
        }
        if self.found.is_empty() { Ok(()) } else { Err(SnapshotError::Inconsistent(self.found.to_string())) }
    }

    fn engine(&self) -> Option<Arc<dyn Engine>> {
        self.shared.tree.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the rows before the one at `place` are missing. Retention removes rows from the front alone, so they are
    /// not missing if those before them are removed too.
    fn is_gap_now(&self, log: &Log, place: &[u8], missing: u64) -> Result<bool, SnapshotError> {
        let Some(number) = log.number(place) else { return Ok(false) };
        let gap = self.consistently(|view| {
            let has = |number| Ok::<_, EngineError>(view.engine.get(&log.place(number))?.is_some());
            let before = number - missing - 1;
            Ok((before == 0 || has(before)?) && has(number)? && !has(number - 1)?)
        })?;
        Ok(gap.unwrap_or(false))
    }

    fn misfit_now(&self, place: &[u8]) -> Result<Option<Misfit>, SnapshotError> {
        let found = self.consistently(|view| match view.get_bytes(place)? {
            Some(value) => links::misfit(self.shared.catalog, view, (place, &value)).map_err(engine_error),
            None => Ok(None),
        })?;
        Ok(found.flatten())
    }

    /// Runs `check` between two groups; `None` after the store is closed.
    fn consistently<T>(
        &self,
        check: impl FnOnce(&View<'_>) -> Result<T, EngineError>,
    ) -> Result<Option<T>, SnapshotError> {
        let ring = self.shared.ring();
        let tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner);
        let Some(engine) = tree.as_ref() else { return Ok(None) };
        let view = View { engine: VerifiedView::over(engine.view()?), ring: &ring };
        Ok(Some(check(&view)?))
    }
}

fn engine_error(fault: TxFault) -> EngineError {
    match fault {
        TxFault::Damaged(value) => value.into(),
        fault @ (TxFault::Conflict
        | TxFault::Engine(_)
        | TxFault::TooLarge(_)
        | TxFault::Corrupt(_)
        | TxFault::Check(_)) => EngineError::new("the engine", fault),
    }
}
