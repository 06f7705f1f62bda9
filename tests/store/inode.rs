//! The content of one file on the simulated disk: as programs see it, as it is stored, and the pending writes.

use std::{collections::BTreeMap, io};

use rustix::io::Errno;

/// The size in bytes that a disk writes atomically.
const SECTOR: usize = 512;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    // Between `bytes` and `length` there are zeros, so that reserved space costs no memory.
    bytes: Vec<u8>,
    length: u64,
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.length = self.length.max(end as u64);
    }

    fn set_length(&mut self, length: u64) {
        self.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        self.length = length;
    }
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
pub struct Inode {
    seen: Content,
    kept: Content,
    pending: Vec<Change>,
}

impl Inode {
    pub fn length(&self) -> u64 {
        self.seen.length
    }

    pub fn seen_bytes(&self) -> &[u8] {
        &self.seen.bytes
    }

    pub fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let available = self.seen.length.saturating_sub(offset);
        let count = buffer.len().min(usize::try_from(available).unwrap_or(usize::MAX));
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.seen.bytes.len());
        let stored = &self.seen.bytes[start..(start + count).min(self.seen.bytes.len())];
        buffer[..stored.len()].copy_from_slice(stored);
        buffer[stored.len()..count].fill(0);
        count
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.seen.write(offset, bytes);
        self.pending.push(Change::Write(offset, bytes.to_vec()));
    }

    pub fn set_length(&mut self, length: u64) {
        self.seen.set_length(length);
        self.pending.push(Change::Length(length));
    }

    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write(offset, bytes) => self.kept.write(offset, &bytes),
                Change::Length(length) => self.kept.set_length(length),
            }
        }
    }

    /// Marks the pages as clean, although they never reached the disk.
    pub fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// Keeps, for each sector, a prefix of the writes that touched it; the same for lengths.
    pub fn stop_machine(&mut self, chance: &mut Chance) {
        let mut sectors: BTreeMap<usize, Vec<(usize, &[u8])>> = BTreeMap::new();
        let mut lengths = Vec::new();
        for change in &self.pending {
            match change {
                Change::Write(offset, bytes) => {
                    let mut at = 0;
                    while at < bytes.len() {
                        let sector = (offset + at) / SECTOR;
                        let end = bytes.len().min((sector + 1) * SECTOR - offset);
                        sectors.entry(sector).or_default().push((offset + at, &bytes[at..end]));
                        at = end;
                    }
                }
                Change::Length(length) => lengths.push(*length),
            }
        }
        // Some stops lose nearly everything, some nearly nothing, most something between.
        let mood = chance.below(4);
        for pieces in sectors.values() {
            let whole = pieces.len() as u64;
            let left = match mood {
                0 => 0,
                1 => whole,
                _ => chance.below(whole + 1),
            };
            for (offset, bytes) in &pieces[..left as usize] {
                self.kept.write(*offset, bytes);
            }
        }
        let left = chance.below(lengths.len() as u64 + 1) as usize;
        if let Some(length) = lengths[..left].last() {
            self.kept.set_length(*length);
        }
        self.pending.clear();
        self.seen = self.kept.clone();
    }

    pub fn damage(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let before = self.seen.bytes.len();
        change(&mut self.seen.bytes);
        let after = self.seen.bytes.len();
        self.seen.length = if after < before { after as u64 } else { self.seen.length.max(after as u64) };
        self.kept = self.seen.clone();
        self.pending.clear();
    }
}

/// What happens at the configured step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimFailure {
    /// This step fails and changes nothing.
    Error,
    /// This step finds no space: of a write, half is written.
    Full,
    /// The machine stops during this step: it and all later steps fail until `stop_machine`.
    Stop,
}

impl SimFailure {
    pub fn error(self) -> io::Error {
        match self {
            Self::Full => Errno::NOSPC.into(),
            Self::Error | Self::Stop => refused(),
        }
    }
}

pub fn refused() -> io::Error {
    io::Error::other("the simulated disk fails here")
}

/// Small, fast and repeatable; not for secrets.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
