//! Comparing two trees, pair by pair.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    persistence::machinery::{
        catalog::StoreCatalog,
        engine::{ByteScan, Engine, EngineError, Pair},
    },
    types::limits,
};

/// How many rows of a table differ from those that snapshots and journal prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableDifference {
    /// Rows that are not there.
    pub missing: u64,
    /// Rows that should not be there.
    pub extra: u64,
    /// Rows with another value.
    pub changed: u64,
}

/// The tables that differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences(pub BTreeMap<&'static str, TableDifference>);

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (table, TableDifference { missing, extra, changed }) in &self.0 {
            let kinds = [(missing, "missing"), (extra, "that should not be there"), (changed, "with another value")];
            for (count, kind) in kinds.into_iter().filter(|(count, _)| **count > 0) {
                write!(f, "{separator}{table}: {count} {kind}")?;
                separator = "; ";
            }
        }
        Ok(())
    }
}

/// Compares the rows of `actual` with those of `expected`, except for the keys `left_out`.
pub(super) fn differences(
    catalog: &StoreCatalog,
    (actual, expected): (&dyn Engine, &dyn Engine),
    left_out: &BTreeSet<Vec<u8>>,
) -> Result<Differences, EngineError> {
    let (mut left, mut right) = (Pairs::of(actual), Pairs::of(expected));
    let (mut actual, mut expected) = (left.next_but(left_out)?, right.next_but(left_out)?);
    let mut found = Differences::default();
    loop {
        let order = match (&actual, &expected) {
            (None, None) => return Ok(found),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((actual, _)), Some((expected, _))) => actual.cmp(expected),
        };
        let key = if order.is_gt() { &expected } else { &actual }.as_ref().map_or(&[][..], |(key, _)| key.as_slice());
        let table = catalog.table_name(key.first().copied().unwrap_or(0));
        let of_table = |found: &mut Differences, change: fn(&mut TableDifference)| {
            change(found.0.entry(table).or_default());
        };
        if order.is_lt() {
            of_table(&mut found, |table| table.extra += 1);
        } else if order.is_gt() {
            of_table(&mut found, |table| table.missing += 1);
        } else if actual != expected {
            of_table(&mut found, |table| table.changed += 1);
        }
        if order.is_le() {
            actual = left.next_but(left_out)?;
        }
        if order.is_ge() {
            expected = right.next_but(left_out)?;
        }
    }
}

/// All pairs of a tree, in pages.
pub(super) struct Pairs<'a> {
    engine: &'a dyn Engine,
    scan: Option<ByteScan>,
    page: std::vec::IntoIter<Pair>,
}

impl<'a> Pairs<'a> {
    pub(super) fn of(engine: &'a dyn Engine) -> Self {
        Self { engine, scan: Some(ByteScan::all(limits::SCAN_MAX)), page: Vec::new().into_iter() }
    }

    pub(super) fn next(&mut self) -> Result<Option<Pair>, EngineError> {
        if self.page.as_slice().is_empty()
            && let Some(scan) = self.scan.take()
        {
            let page = self.engine.view()?.scan(&scan)?;
            self.scan = page.last().map(|(last, _)| scan.after(last.clone()));
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }

    fn next_but(&mut self, left_out: &BTreeSet<Vec<u8>>) -> Result<Option<Pair>, EngineError> {
        while let Some(pair) = self.next()? {
            if !left_out.contains(&pair.0) {
                return Ok(Some(pair));
            }
        }
        Ok(None)
    }
}
