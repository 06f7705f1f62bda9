//! Scans: which part of a table to read, in which direction, and at most how many rows.

use std::{marker::PhantomData, ops::Bound};

use super::{
    engine::{ByteScan, Direction},
    key::{PrefixOf, TableKey},
    table::Table,
};
use crate::types::limits;

type ByteRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

enum Part {
    All,
    Prefix(Vec<u8>),
    Range(Bound<Vec<u8>>, Bound<Vec<u8>>),
}

/// A bounded read of a table: all of it, a prefix or a range; ascending by default; at most `limits::SCAN_MAX` rows.
pub struct Scan<K> {
    part: Part,
    direction: Direction,
    after: Option<Vec<u8>>,
    limit: usize,
    keys: PhantomData<fn(K)>,
}

impl<K: TableKey> Scan<K> {
    /// The whole table.
    pub fn all() -> Self {
        Self::of(Part::All)
    }

    /// The rows whose keys begin with these fields.
    pub fn prefix<P: PrefixOf<K>>(fields: &P) -> Self {
        Self::of(Part::Prefix(fields.to_bytes()))
    }

    /// The rows between two keys.
    pub fn range(low: Bound<&K>, high: Bound<&K>) -> Self {
        Self::of(Part::Range(low.map(TableKey::to_bytes), high.map(TableKey::to_bytes)))
    }

    /// The rows whose key is smaller than `high`.
    pub fn below(high: &K) -> Self {
        Self::range(Bound::Unbounded, Bound::Excluded(high))
    }

    fn of(part: Part) -> Self {
        Self { part, direction: Direction::Ascending, after: None, limit: limits::SCAN_MAX, keys: PhantomData }
    }

    /// Greatest key first.
    pub fn backward(self) -> Self {
        Self { direction: Direction::Descending, ..self }
    }

    /// Continues after this key, in the scan's direction.
    pub fn after(self, key: &K) -> Self {
        Self { after: Some(key.to_bytes()), ..self }
    }

    /// At most `rows` rows, and never more than `limits::SCAN_MAX`.
    pub fn limit(self, rows: usize) -> Self {
        Self { limit: rows.min(limits::SCAN_MAX), ..self }
    }

    /// The scan in bytes: whole keys, including the table's byte.
    pub(super) fn over<V>(self, table: &Table<K, V>) -> ByteScan {
        let tagged = |bytes: Vec<u8>| [&[table.tag], bytes.as_slice()].concat();
        let (mut low, mut high) = match self.part {
            Part::All => prefix_range(vec![table.tag]),
            Part::Prefix(fields) => prefix_range(tagged(fields)),
            Part::Range(low, high) => {
                let (first, end) = prefix_range(vec![table.tag]);
                (bound_or(low.map(tagged), first), bound_or(high.map(tagged), end))
            }
        };
        if let Some(after) = self.after.map(tagged) {
            match self.direction {
                Direction::Ascending if is_below(&low, &after) => low = Bound::Excluded(after),
                Direction::Descending if is_above(&high, &after) => high = Bound::Excluded(after),
                Direction::Ascending | Direction::Descending => {}
            }
        }
        ByteScan { start: low, end: high, direction: self.direction, limit: self.limit }
    }
}

/// All byte strings that begin with `prefix`.
pub(super) fn prefix_range(prefix: Vec<u8>) -> ByteRange {
    let mut end = prefix.clone();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return (Bound::Included(prefix), Bound::Excluded(end));
        }
    }
    (Bound::Included(prefix), Bound::Unbounded)
}

fn bound_or(bound: Bound<Vec<u8>>, otherwise: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match bound {
        Bound::Unbounded => otherwise,
        Bound::Included(_) | Bound::Excluded(_) => bound,
    }
}

fn is_below(low: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match low {
        Bound::Unbounded => true,
        Bound::Included(low) | Bound::Excluded(low) => low.as_slice() <= key,
    }
}

fn is_above(high: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match high {
        Bound::Unbounded => true,
        Bound::Included(high) | Bound::Excluded(high) => high.as_slice() >= key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_all_ones_has_no_end() {
        assert_eq!(prefix_range(vec![255, 255]).1, Bound::Unbounded);
        assert_eq!(prefix_range(vec![1, 255]).1, Bound::Excluded(vec![2]));
    }

    #[test]
    fn going_on_after_a_key_outside_the_range_changes_nothing() {
        let table: Table<u16, u16> = Table::new(7, "t", "");
        let scan = Scan::range(Bound::Included(&5), Bound::Excluded(&9)).after(&2).over(&table);
        assert_eq!((scan.start, scan.end), (Bound::Included(vec![7, 0, 5]), Bound::Excluded(vec![7, 0, 9])));
        let scan = Scan::<u16>::all().after(&2).over(&table);
        assert_eq!(scan.start, Bound::Excluded(vec![7, 0, 2]));
    }
}
