//! Reading a snapshot, which also verifies it.

use std::path::{Path, PathBuf};

use super::{
    BLOCK, BLOCK_HEAD, END, FRAMES, HEAD, Head, PAIRS, PREFIX, SnapshotDisk, SnapshotError, Summary, chain,
    cover::{Cover, TAG},
};
use crate::{
    persistence::machinery::{
        Lsn, checksum,
        engine::Pair,
        format,
        fs::File,
        journal::frame::{self, Cursor, Frame},
    },
    types::{Timestamp, limits},
};

/// The largest possible payload: a block that was nearly full and then got the largest frame.
const PAYLOAD_MAX: usize = BLOCK + limits::FRAME_MAX + 4 + TAG;

/// A part of a snapshot's content, in the order of application.
#[derive(Debug)]
pub enum SnapshotPart {
    /// Pairs of the tree, keys ascending.
    Pairs(Vec<Pair>),
    /// A commit during the walk.
    Frame(Frame),
}

/// Reads the whole file and returns its summary; fails unless all of it is valid.
pub fn verify(disk: SnapshotDisk<'_>, path: &Path) -> Result<Summary, SnapshotError> {
    read(disk, path, |_| Ok::<(), SnapshotError>(()))
}

/// The first block alone, without reading the rest.
pub fn head(disk: SnapshotDisk<'_>, path: &Path) -> Result<Head, SnapshotError> {
    read_head(&mut Blocks::open(disk, path)?)
}

/// Passes every block of a verified file to `visit`, as it is.
pub(super) fn blocks(
    disk: SnapshotDisk<'_>,
    path: &Path,
    mut visit: impl FnMut(u8, &[u8]) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError> {
    let mut blocks = Blocks::open(disk, path)?;
    loop {
        let (kind, payload) = blocks.next()?;
        visit(kind, &payload)?;
        if kind == END {
            return Ok(());
        }
    }
}

fn read_head(blocks: &mut Blocks) -> Result<Head, SnapshotError> {
    let (kind, payload) = blocks.next()?;
    let head = if kind == HEAD { parse_head(&payload)? } else { None };
    head.ok_or_else(|| blocks.damaged("the first block is not a snapshot's head"))
}

/// Passes the content of the snapshot to `visit`. The content is verified only when this has succeeded.
pub fn read<E: From<SnapshotError>>(
    disk: SnapshotDisk<'_>,
    path: &Path,
    mut visit: impl FnMut(SnapshotPart) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut blocks = Blocks::open(disk, path)?;
    let head = read_head(&mut blocks)?;
    let mut tally = Tally { last_key: Vec::new(), pairs: 0, live_bytes: 0, frames: 0, lsn: Lsn(head.from) };
    loop {
        let (kind, payload) = blocks.next()?;
        match kind {
            PAIRS => {
                let pairs = tally.pairs(&payload).ok_or_else(|| blocks.damaged("pairs that are not valid"))?;
                visit(SnapshotPart::Pairs(pairs))?;
            }
            FRAMES => {
                let mut cursor = Cursor(&payload);
                while !cursor.0.is_empty() {
                    let frame = tally.frame(&mut cursor);
                    visit(SnapshotPart::Frame(frame.ok_or_else(|| blocks.damaged("a commit that is not valid"))?))?;
                }
            }
            END => {
                let time = tally.end(&payload).ok_or_else(|| blocks.damaged("the end does not match the content"))?;
                if !blocks.is_at_end() {
                    return Err(blocks.damaged("something follows the end").into());
                }
                let Tally { pairs, live_bytes, frames, lsn: exact, .. } = tally;
                let (bytes, form) = (blocks.bytes.length, blocks.cover.form());
                return Ok(Summary { head, exact, time, pairs, live_bytes, frames, bytes, form });
            }
            _ => return Err(blocks.damaged("a block of an unknown kind").into()),
        }
    }
}

/// The head, if the payload is one; an error if its store has a format that this program does not have.
fn parse_head(payload: &[u8]) -> Result<Option<Head>, SnapshotError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        format: serde_json::Value,
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope>(payload) else { return Ok(None) };
    format::parse(envelope.format.to_string().as_bytes())?;
    Ok(serde_json::from_slice(payload).ok())
}

/// The counts of what was read so far.
struct Tally {
    last_key: Vec<u8>,
    pairs: u64,
    live_bytes: u64,
    frames: u64,
    lsn: Lsn,
}

impl Tally {
    fn pairs(&mut self, payload: &[u8]) -> Option<Vec<Pair>> {
        if self.frames > 0 {
            return None;
        }
        let mut cursor = Cursor(payload);
        let mut pairs = Vec::new();
        while !cursor.0.is_empty() {
            let length = u16::from_le_bytes(cursor.take()?);
            let key = cursor.slice(length.into()).filter(|key| frame::is_key(key))?.to_vec();
            let length = cursor.u32()? as usize;
            let value = cursor.slice(length)?.to_vec();
            if key <= self.last_key || !checksum::matches(&key, &value) {
                return None;
            }
            self.last_key.clone_from(&key);
            self.pairs += 1;
            self.live_bytes += (key.len() + value.len()) as u64;
            pairs.push((key, value));
        }
        Some(pairs)
    }

    fn frame(&mut self, cursor: &mut Cursor<'_>) -> Option<Frame> {
        let length = cursor.u32()? as usize;
        let frame = frame::decode_body(cursor.slice(length)?)?;
        if frame.lsn != self.lsn.next() {
            return None;
        }
        self.lsn = frame.lsn;
        self.frames += 1;
        Some(frame)
    }

    fn end(&self, payload: &[u8]) -> Option<Timestamp> {
        let mut cursor = Cursor(payload);
        let fits = cursor.u64()? == self.lsn.0 && cursor.u64()? == self.pairs && cursor.u64()? == self.frames;
        let time = Timestamp::from_micros(i64::from_le_bytes(cursor.take()?));
        (fits && cursor.0.is_empty()).then_some(time)
    }
}

struct Blocks {
    bytes: FileBytes,
    crc: u32,
    cover: Cover,
}

impl Blocks {
    fn open(disk: SnapshotDisk<'_>, path: &Path) -> Result<Self, SnapshotError> {
        let file = disk.fs.open_to_read(path).map_err(SnapshotError::io("opening it"))?;
        let length = file.length().map_err(SnapshotError::io("opening it"))?;
        let mut bytes = FileBytes { path: path.to_owned(), file, length, at: 0 };
        let mut opening = bytes.take(PREFIX)?;
        let head = Cover::head_length(&opening);
        let head = head.map_err(|reason| SnapshotError::Damaged { file: path.to_owned(), offset: 0, reason })?;
        opening.extend(bytes.take(head)?);
        let crc = crc32c::crc32c(&opening);
        Ok(Self { bytes, crc, cover: Cover::read(disk, path, opening)? })
    }

    fn damaged(&self, reason: &'static str) -> SnapshotError {
        self.bytes.damaged(reason)
    }

    fn is_at_end(&self) -> bool {
        self.bytes.at == self.bytes.length
    }

    fn next(&mut self) -> Result<(u8, Vec<u8>), SnapshotError> {
        let head = self.bytes.take(BLOCK_HEAD)?;
        let mut cursor = Cursor(&head);
        let (Some([kind]), Some(length), Some(crc)) = (cursor.take(), cursor.u32(), cursor.u32()) else {
            return Err(self.damaged("the file ends too early"));
        };
        if length as usize > PAYLOAD_MAX {
            return Err(self.damaged("a block that is larger than any can be"));
        }
        let payload = self.bytes.take(length as usize)?;
        self.crc = chain(self.crc, kind, &payload);
        if self.crc != crc {
            return Err(self.damaged("a checksum is wrong"));
        }
        let opened = self.cover.open(kind, payload);
        let opened = opened.ok_or_else(|| self.damaged("the seal is broken: it was written without the key ring"))?;
        Ok((kind, opened))
    }
}

/// The file, read from its begin to its end.
struct FileBytes {
    path: PathBuf,
    file: Box<dyn File>,
    length: u64,
    at: u64,
}

impl FileBytes {
    fn damaged(&self, reason: &'static str) -> SnapshotError {
        SnapshotError::Damaged { file: self.path.clone(), offset: self.at, reason }
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>, SnapshotError> {
        if self.length.saturating_sub(self.at) < count as u64 {
            return Err(self.damaged("the file ends too early"));
        }
        let mut bytes = vec![0; count];
        let read = self.file.read_at(&mut bytes, self.at).map_err(SnapshotError::io("reading it"))?;
        if read < count {
            return Err(self.damaged("the file ends too early"));
        }
        self.at += count as u64;
        Ok(bytes)
    }
}
