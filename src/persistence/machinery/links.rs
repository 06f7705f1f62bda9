//! Rows that belong together: a record and the rows of its indexes.
//!
//! The schema states for each record which index rows it has, and for each index row to which record it leads
//! (`TableRow::linked`). A row that is missing, or that leads elsewhere, has a correct checksum or none at all; it is
//! found by following these links in both directions.

use std::{collections::BTreeMap, fmt};

use super::{
    catalog::StoreCatalog,
    key::TableKey,
    log::Log,
    reader::{ByteReader, Kind, TxFault, key_at, open, place},
    record::Record,
    table::Table,
};

/// A row as it is stored, without its checksum.
#[derive(Clone, Copy)]
pub struct StoredRow<'a> {
    place: &'a [u8],
    value: &'a [u8],
}

/// The keys of the rows that belong to a row.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LinkedRows(Vec<Vec<u8>>);

/// The links of a row: of a record its index rows; of an index row its record.
pub type Links = fn(&dyn ByteReader, &StoredRow<'_>) -> Result<LinkedRows, TxFault>;

impl StoredRow<'_> {
    /// The row of `table`.
    pub fn decode<K: TableKey, V: Record>(
        &self,
        reader: &dyn ByteReader,
        table: &Table<K, V>,
    ) -> Result<(K, V), TxFault> {
        Ok((key_at(table, self.place)?, open(reader.ring(), Kind::of(table), self.place, self.value)?))
    }

    /// The record in `of` that this row of `index` leads to; `key` makes its key.
    pub fn leads<K: TableKey, V: Record, L: TableKey, W>(
        &self,
        reader: &dyn ByteReader,
        (index, of): (&Table<K, V>, &Table<L, W>),
        key: impl FnOnce(K, V) -> L,
    ) -> Result<LinkedRows, TxFault> {
        let (index_key, value) = self.decode(reader, index)?;
        Ok(LinkedRows::default().with(of, &key(index_key, value)))
    }
}

impl LinkedRows {
    /// Adds the row of `key`.
    #[must_use]
    pub fn with<K: TableKey, V>(mut self, table: &Table<K, V>, key: &K) -> Self {
        self.0.push(place(table, key));
        self
    }
}

/// What is wrong with the links of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// A row of this index is missing.
    Missing(&'static str),
    /// A row of this index leads to no record, or to one that does not lead back.
    Stray(&'static str),
    /// Rows of this log are missing.
    Gap(&'static str),
    /// Rows of this log were written without the key ring.
    Unproven(&'static str),
}

/// What was found in a walk over a tree: numbers of rows, no content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Misfits(BTreeMap<Misfit, u64>);

impl Misfits {
    /// Counts `rows` rows.
    pub fn count(&mut self, misfit: Misfit, rows: u64) {
        if rows > 0 {
            *self.0.entry(misfit).or_default() += rows;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Misfits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (misfit, count)) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "; " })?;
            match misfit {
                Misfit::Missing(table) | Misfit::Gap(table) => write!(f, "{table}: {count} missing")?,
                Misfit::Stray(table) => write!(f, "{table}: {count} without their record")?,
                Misfit::Unproven(log) => write!(f, "{log}: {count} written without the key ring")?,
            }
        }
        Ok(())
    }
}

/// Finds rows that are missing in logs, in a walk in the order of keys.
pub struct LogGaps {
    /// The logs, with the number of the last row.
    logs: Vec<(&'static Log, Option<u64>)>,
}

impl LogGaps {
    /// At the beginning of a walk.
    pub fn of(logs: &[&'static Log]) -> Self {
        Self { logs: logs.iter().map(|log| (*log, None)).collect() }
    }

    /// Takes the next key of the walk; returns its log and the number of rows that are missing before it.
    pub fn row(&mut self, place: &[u8]) -> Option<(&'static Log, u64)> {
        self.logs.iter_mut().find_map(|(log, last)| {
            let number = log.number(place)?;
            let missing = match last.replace(number) {
                Some(last) => number - last - 1,
                None if log.is_cut => 0,
                None => number - 1,
            };
            Some((*log, missing))
        })
    }

    /// The logs and the numbers of the last rows that the walk saw; 0: none.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&'static Log, u64)> {
        self.logs.iter().map(|(log, last)| (*log, last.unwrap_or(0)))
    }
}

/// Follows the links of a row in both directions. A row that does not decode has none: `content.rs` finds it.
pub fn misfit(
    catalog: &StoreCatalog,
    reader: &dyn ByteReader,
    (place, value): (&[u8], &[u8]),
) -> Result<Option<Misfit>, TxFault> {
    match follow(catalog, reader, StoredRow { place, value }) {
        Err(TxFault::Corrupt(_)) => Ok(None),
        followed => followed,
    }
}

fn follow(catalog: &StoreCatalog, reader: &dyn ByteReader, row: StoredRow<'_>) -> Result<Option<Misfit>, TxFault> {
    let Some(table) = catalog.table(row.place) else { return Ok(None) };
    let Some(links) = table.links() else { return Ok(None) };
    let LinkedRows(linked) = links(reader, &row)?;
    if table.index_of.is_none() {
        for other in &linked {
            if reader.get_bytes(other)?.is_none() {
                return Ok(Some(Misfit::Missing(catalog.table_name(other.first().copied().unwrap_or(0)))));
            }
        }
        return Ok(None);
    }
    for record in &linked {
        let Some(value) = reader.get_bytes(record)? else { return Ok(Some(Misfit::Stray(table.name))) };
        let Some(links) = catalog.table(record).and_then(|table| table.links()) else { continue };
        let LinkedRows(back) = links(reader, &StoredRow { place: record, value: &value })?;
        if !back.iter().any(|place| place == row.place) {
            return Ok(Some(Misfit::Stray(table.name)));
        }
    }
    Ok(if linked.is_empty() { Some(Misfit::Stray(table.name)) } else { None })
}
