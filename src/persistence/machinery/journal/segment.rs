//! One file of the journal: its name, its head, and its creation.
//!
//! ```text
//!   magic "MJSG" | version u16 | 0 u16 | first lsn u64 | salt u64 | crc32c u32 | 0 u32
//! ```
//!
//! A segment appears complete: it is created under another name, with its space reserved and its first content, synced,
//! renamed, and the directory synced. So everything before an existing segment is on the disk.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::frame::Cursor;
use crate::persistence::machinery::{
    Lsn,
    fs::{File, Fs},
};

/// Bytes of a segment's head.
pub const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"MJSG";
const VERSION: u16 = 1;
/// The suffix of an unfinished segment's name.
pub const UNFINISHED: &str = ".new";

/// The name of a segment: the number of its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName(pub Lsn);

impl SegmentName {
    /// Parses a file's name; `None` if it is not a segment's.
    pub fn parse(name: &str) -> Option<Self> {
        let digits = name.strip_suffix(".log").filter(|digits| digits.len() == 20)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok().map(|lsn| Self(Lsn(lsn))))?
    }

    /// The path of the segment in the journal's directory.
    pub fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.to_string())
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.log", self.0.0)
    }
}

/// The segments in `dir`, first to last.
pub fn list(fs: &dyn Fs, dir: &Path) -> std::io::Result<Vec<SegmentName>> {
    let mut names: Vec<_> = fs.list(dir)?.iter().filter_map(|name| SegmentName::parse(name)).collect();
    names.sort();
    Ok(names)
}

/// The head of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The number of its first frame.
    pub first: Lsn,
    /// The salt of its frames' checksums.
    pub salt: u64,
}

impl Header {
    /// Encodes the head.
    pub fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..24]);
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Decodes a head; `None` if the bytes are not a head of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        let magic: [u8; 4] = cursor.take()?;
        let version = u16::from_le_bytes(cursor.take()?);
        let _reserved: [u8; 2] = cursor.take()?;
        let first = Lsn(cursor.u64()?);
        let salt = cursor.u64()?;
        let crc = cursor.u32()?;
        let whole = crc32c::crc32c(bytes.get(..24)?) == crc;
        (magic == MAGIC && version == VERSION && whole).then_some(Self { first, salt })
    }
}

/// Writes the segment that `header` describes under its unfinished name, with `content` (whole frames) and space for
/// `bytes` in total, and syncs it. If this fails nothing has changed.
pub fn prepare(fs: &dyn Fs, dir: &Path, header: Header, content: &[u8], bytes: u64) -> std::io::Result<Box<dyn File>> {
    let unfinished = unfinished(dir, SegmentName(header.first));
    let made = fs.create(&unfinished).and_then(|mut file| {
        let used = (HEADER + content.len()) as u64;
        file.allocate(bytes.max(used))?;
        file.write_at(&header.encode(), 0)?;
        file.write_at(content, HEADER as u64)?;
        file.sync()?;
        Ok(file)
    });
    if made.is_err() {
        // The space it may have taken is needed; if it cannot be removed now, the next open removes it.
        let _ = fs.remove(&unfinished);
    }
    made
}

/// Gives a prepared segment its name; an existing segment of that name is replaced atomically. Durable when this
/// returns. If this fails, either of the two may be there.
pub fn publish(fs: &dyn Fs, dir: &Path, segment: SegmentName) -> std::io::Result<()> {
    name(fs, dir, segment)?;
    fs.sync_dir(dir)
}

/// As `publish`, but durable only after `Fs::sync_dir`.
pub fn name(fs: &dyn Fs, dir: &Path, segment: SegmentName) -> std::io::Result<()> {
    fs.rename(&unfinished(dir, segment), &segment.path(dir))
}

fn unfinished(dir: &Path, name: SegmentName) -> PathBuf {
    dir.join(format!("{name}{UNFINISHED}"))
}
