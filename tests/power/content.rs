//! The content of a file, without the pages that hold zeros alone; and the changes that are not on the disk yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::OpenOptions,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use super::fate::Fate;
use crate::repeat::Dice;

const PAGE: usize = 4_096;
/// A disk writes whole sectors.
const SECTOR: usize = 512;
type Page = [u8; PAGE];

/// Bytes of a file.
#[derive(Clone, Default)]
pub struct Content {
    pub length: u64,
    pages: BTreeMap<u64, Box<Page>>,
}

impl Content {
    pub fn read(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.apply(&Change::Write { offset: 0, bytes: bytes.to_vec() });
        content
    }

    fn page(&self, number: u64) -> Page {
        self.pages.get(&number).map_or([0; PAGE], |page| **page)
    }

    pub fn apply(&mut self, change: &Change) {
        for number in change.written_pages() {
            change.apply_to(number, self.pages.entry(number).or_insert_with(|| Box::new([0; PAGE])));
        }
        if let Change::Length(length) = change {
            self.pages.retain(|number, _| number * PAGE as u64 <= *length);
            if let Some(page) = self.pages.get_mut(&(length / PAGE as u64)) {
                change.apply_to(length / PAGE as u64, page);
            }
        }
        self.length = change.length_after(self.length);
    }

    /// The first byte in which two contents differ.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.length != other.length {
            return Some(format!("lengths {} and {}", self.length, other.length));
        }
        let numbers: BTreeSet<u64> = self.pages.keys().chain(other.pages.keys()).copied().collect();
        let differing = numbers.into_iter().find(|number| self.page(*number) != other.page(*number))?;
        Some(format!("page {differing}"))
    }

    /// Writes a file of this content, which its owner alone may read, as the program's files.
    pub fn write(&self, path: &Path) {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
        file.set_len(self.length).unwrap();
        for (number, page) in &self.pages {
            let at = number * PAGE as u64;
            let used = usize::try_from(self.length.saturating_sub(at)).unwrap().min(PAGE);
            file.write_all_at(&page[..used], at).unwrap();
        }
    }

    /// What is on the disk after a stop of the machine, of this content and `changes` to it. Each sector has one of its
    /// versions, and so has the length.
    pub fn after_stop(&self, changes: &[Change], fate: Fate, dice: &mut Dice) -> Self {
        let mut left = self.clone();
        for (number, versions) in self.versions(changes) {
            let chosen = fate.of_sectors(&versions, PAGE / SECTOR, dice);
            let mut page = self.page(number);
            let mut result = page;
            for (at, change) in versions.iter().enumerate() {
                changes[*change].apply_to(number, &mut page);
                for (sector, version) in chosen.iter().enumerate() {
                    if at < *version {
                        let bytes = sector * SECTOR..(sector + 1) * SECTOR;
                        result[bytes.clone()].copy_from_slice(&page[bytes]);
                    }
                }
            }
            left.pages.insert(number, Box::new(result));
        }
        let mut lengths = vec![self.length];
        let mut sized = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            let length = change.length_after(lengths[lengths.len() - 1]);
            if length != lengths[lengths.len() - 1] {
                lengths.push(length);
                sized.push(at);
            }
        }
        let chosen = fate.of_sectors(&sized, 1, dice)[0];
        left.length = lengths[chosen];
        left.apply(&Change::Length(left.length));
        left
    }

    /// For each page that `changes` change, those that do, in their order.
    fn versions(&self, changes: &[Change]) -> BTreeMap<u64, Vec<usize>> {
        let mut touched: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        if changes.iter().any(|change| matches!(change, Change::Length(_))) {
            touched.extend(self.pages.keys().map(|number| (*number, Vec::new())));
        }
        for number in changes.iter().flat_map(Change::written_pages) {
            touched.entry(number).or_default();
        }
        for (at, change) in changes.iter().enumerate() {
            match change {
                Change::Write { .. } => {
                    for number in change.written_pages() {
                        touched.get_mut(&number).unwrap().push(at);
                    }
                }
                Change::Length(length) => {
                    for (_, versions) in touched.range_mut(length / PAGE as u64..) {
                        versions.push(at);
                    }
                }
            }
        }
        touched.retain(|_, versions| !versions.is_empty());
        touched
    }
}

/// A change of a file's content.
#[derive(Clone)]
pub enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

impl Change {
    fn written_pages(&self) -> std::ops::Range<u64> {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len() as u64;
                offset / PAGE as u64..end.div_ceil(PAGE as u64)
            }
            Self::Length(_) => 0..0,
        }
    }

    fn length_after(&self, length: u64) -> u64 {
        match self {
            Self::Write { offset, bytes } => length.max(offset + bytes.len() as u64),
            Self::Length(length) => *length,
        }
    }

    fn apply_to(&self, number: u64, page: &mut Page) {
        let start = number * PAGE as u64;
        match self {
            Self::Write { offset, bytes } => {
                let from = offset.saturating_sub(start).min(PAGE as u64) as usize;
                let skipped = start.saturating_sub(*offset) as usize;
                let count = bytes.len().saturating_sub(skipped).min(PAGE - from);
                page[from..from + count].copy_from_slice(&bytes[skipped..skipped + count]);
            }
            Self::Length(length) => {
                let kept = length.saturating_sub(start).min(PAGE as u64) as usize;
                page[kept..].fill(0);
            }
        }
    }
}
