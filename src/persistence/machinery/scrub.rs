//! The scrub: what the walk of a snapshot checks in the tree beside the checksums.
//!
//! Every log has its rows without a gap up to its head, and the rows of records and indexes belong together. The walk
//! goes on while the store is written to, so a row that does not fit is read again under the group lock, where no
//! commit is half there. Memory is bounded: one page, and one number for each log and table.

use std::sync::{Arc, PoisonError};

use super::{
    checksum::CHECKSUM,
    engine::{Engine, EngineError, EngineView as _, Pair, verified::VerifiedView},
    keyring::Keyring,
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
    /// Rows of logs that were written without the key ring.
    unproven: Misfits,
}

impl<'a> Scrub<'a> {
    pub(super) fn begin(shared: &'a Shared) -> Self {
        let logs = shared.catalog.logs;
        let heads = logs.iter().map(|log| shared.log_head(log).number).collect();
        Self { shared, heads, gaps: LogGaps::of(logs), found: Misfits::default(), unproven: Misfits::default() }
    }

    /// Checks the next rows of the walk, whose values have their checksums.
    pub(super) fn page(&mut self, page: &[Pair]) -> Result<(), SnapshotError> {
        let (ring, catalog) = (self.shared.ring(), self.shared.catalog);
        let Some(engine) = self.engine() else { return Err(SnapshotError::Closing) };
        let view = View { engine: VerifiedView::over(engine.view()?), ring: &ring };
        for (place, value) in page {
            let value = &value[..value.len().saturating_sub(CHECKSUM)];
            if let Some((log, missing)) = self.gaps.row(place) {
                if !is_proven(&ring, log, (place, value)) {
                    self.unproven.count(Misfit::Unproven(log.name), 1);
                }
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

    /// Ends the walk, after the last page: fails if something was found. Rows that were written without the key ring
    /// are reported and copied: the journal may hold them too, and a rebuild would not remove them.
    pub(super) fn end(mut self) -> Result<(), SnapshotError> {
        let unproven = Some(self.unproven.to_string()).filter(|_| !self.unproven.is_empty());
        if let Some(found) = &unproven {
            tracing::error!(%found, "a log was rewritten without the key ring; see GET /audit/verify");
        }
        self.shared.damage.set_unproven(unproven);
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

/// A row that does not decode is not proven.
fn is_proven(ring: &Keyring, log: &Log, (place, row): (&[u8], &[u8])) -> bool {
    let (Some(proof), Some(number)) = (&log.proof, log.number(place)) else { return true };
    (proof.check)(ring, number, row).unwrap_or(false)
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
