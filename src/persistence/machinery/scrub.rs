//! The scrub: what the walk of a snapshot checks in the tree beside the checksums.
//!
//! Every log has its rows without a gap up to its head, and the rows of records and indexes belong together. The walk
//! goes on while the store is written to, so a row that does not fit is read again under the group lock, where no
//! commit is half there. Memory is bounded: one page, and one number for each log and table.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use super::{
    checksum::CHECKSUM,
    engine::{EngineError, EngineView as _, Pair, verified::VerifiedView},
    links::{self, Misfit},
    log::Log,
    reader::{ByteReader as _, TxFault},
    shared::Shared,
    snapshot::SnapshotError,
    view::View,
};

/// One walk over the tree of an open store.
pub(super) struct Scrub<'a> {
    shared: &'a Shared,
    /// The logs, with the number of the last row that the walk saw.
    logs: Vec<LogWalk>,
    found: BTreeMap<Finding, u64>,
}

struct LogWalk {
    log: &'static Log,
    /// Its head when the walk began.
    head: u64,
    last: Option<u64>,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    Link(Misfit),
    /// Rows of this log are missing.
    Gap(&'static str),
    /// Keys that belong to no table.
    NoTable,
}

impl<'a> Scrub<'a> {
    pub(super) fn begin(shared: &'a Shared) -> Self {
        let logs = shared.catalog.logs.iter().map(|log| LogWalk { log, head: shared.log_head(log).number, last: None });
        Self { shared, logs: logs.collect(), found: BTreeMap::new() }
    }

    /// Checks the next rows of the walk, whose values have their checksums.
    pub(super) fn page(&mut self, page: &[Pair]) -> Result<(), SnapshotError> {
        let ring = self.shared.ring();
        let Some(engine) = self.engine() else { return Err(SnapshotError::Closing) };
        let view = View { engine: VerifiedView::over(engine.view()?), ring: &ring };
        for (place, value) in page {
            let value = &value[..value.len().saturating_sub(CHECKSUM)];
            if let Some(at) = self.logs.iter().position(|walk| place.first() == Some(&walk.log.tag)) {
                self.log_row(at, place)?;
            } else if self.shared.catalog.table(place).is_none() {
                self.count(Finding::NoTable, 1);
            } else if links::misfit(self.shared.catalog, &view, (place, value)).map_err(engine_error)?.is_some()
                && let Some(misfit) = self.misfit_now(place)?
            {
                self.count(Finding::Link(misfit), 1);
            }
        }
        Ok(())
    }

    /// Ends the walk, after the last page: fails if something was found.
    pub(super) fn end(mut self) -> Result<(), SnapshotError> {
        for at in 0..self.logs.len() {
            let LogWalk { log, head, last } = self.logs[at];
            let missing = head.saturating_sub(last.unwrap_or(0));
            // Retention never removes the last row.
            self.count(Finding::Gap(log.name), missing);
        }
        if self.found.is_empty() {
            return Ok(());
        }
        let found = self.found.iter().map(|(finding, count)| finding.text(*count));
        Err(SnapshotError::Inconsistent(found.collect::<Vec<_>>().join("; ")))
    }

    fn engine(&self) -> Option<Arc<dyn super::engine::Engine>> {
        self.shared.tree.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&mut self, finding: Finding, rows: u64) {
        if rows > 0 {
            *self.found.entry(finding).or_default() += rows;
        }
    }

    fn log_row(&mut self, at: usize, place: &[u8]) -> Result<(), SnapshotError> {
        let LogWalk { log, last, .. } = self.logs[at];
        let Some(number) = log.number(place) else {
            self.count(Finding::NoTable, 1);
            return Ok(());
        };
        self.logs[at].last = Some(number);
        let missing = match last {
            Some(last) => number - last - 1,
            None if log.is_cut => 0,
            None => number - 1,
        };
        if missing > 0 && self.is_gap_now(log, last, number)? {
            self.count(Finding::Gap(log.name), missing);
        }
        Ok(())
    }

    /// Whether rows between `last` and `number` are missing. Retention removes rows from the front alone, so they are
    /// not missing if `last` is removed too.
    fn is_gap_now(&self, log: &Log, last: Option<u64>, number: u64) -> Result<bool, SnapshotError> {
        self.consistently(|view| {
            let has = |number| Ok::<_, EngineError>(view.engine.get(&log.place(number))?.is_some());
            Ok(match last {
                Some(last) => has(last)? && has(number)? && !has(last + 1)?,
                None => has(number)? && !has(number - 1)?,
            })
        })
        .map(|gap| gap.unwrap_or(false))
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

impl Finding {
    /// For operators: no content.
    fn text(self, count: u64) -> String {
        match self {
            Self::Link(Misfit::Missing(table)) => format!("{table}: {count} missing"),
            Self::Link(Misfit::Stray(table)) => format!("{table}: {count} without their record"),
            Self::Gap(log) => format!("{log}: {count} missing"),
            Self::NoTable => format!("{count} keys of no table"),
        }
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
