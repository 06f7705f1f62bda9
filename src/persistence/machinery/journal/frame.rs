//! One commit in the journal, as bytes.
//!
//! ```text
//!   magic u32 | length u32 | crc32c u32 | epoch u64 | lsn u64 | synced_lsn u64 | time i64 | count u32 | operations
//!                                       '------------------------- length bytes ----------------------------------'
//!   operation:  1 | key length u16 | key | value length u32 | value        put
//!               2 | key length u16 | key                                   delete
//! ```
//!
//! The highest bit of `count` marks a commit by which an operator accepted a time: its time may be before that of the
//! commit before it, and the times after it begin there. All other times do not fall.
//!
//! Numbers are little-endian. The checksum covers the segment's salt, the length and the `length` bytes. The salt is
//! drawn when a segment is made and never leaves the disk, so that an attacker cannot store bytes that pass for a frame
//! when the bytes behind a damaged place are searched.

use crate::{
    persistence::machinery::{Batch, Lsn, Operation},
    types::{Timestamp, limits},
};

/// The first bytes of a frame.
pub const MAGIC: [u8; 4] = *b"MJF1";
/// Number of bytes before the part that `length` counts.
pub const HEAD: usize = 12;
/// Number of bytes of the counted part before the operations.
const FIXED: usize = 36;

/// The bit of `count` that marks an accepted time.
const ACCEPTED: u32 = 1 << 31;
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// How the time of a commit follows from the time of the commit before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FrameTime {
    /// It is not earlier.
    #[default]
    Onward,
    /// An operator accepted it as the present time; it may be earlier.
    Accepted,
}

/// One commit in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The epoch of the opening that wrote it; it rises with each opening.
    pub epoch: u64,
    /// The number of the commit.
    pub lsn: Lsn,
    /// The last commit that was known to be on disk when this frame was written.
    pub synced: Lsn,
    /// The time of the decision.
    pub time: Timestamp,
    pub step: FrameTime,
    pub batch: Batch,
}

/// The fields of a frame without its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// The epoch of the opening that wrote it.
    pub epoch: u64,
    /// The number of the commit.
    pub lsn: Lsn,
    /// The last commit that was known to be on disk when this frame was written.
    pub synced: Lsn,
    /// The time of the decision.
    pub time: Timestamp,
    pub step: FrameTime,
}

impl Frame {
    /// The fields without the changes.
    pub fn head(&self) -> FrameHead {
        FrameHead { epoch: self.epoch, lsn: self.lsn, synced: self.synced, time: self.time, step: self.step }
    }
}

/// Why bytes are not a frame, or a commit cannot become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The magic number is missing.
    #[error("no frame begins here")]
    NoMagic,
    /// The file ends before the frame does.
    #[error("the file ends within the frame")]
    Short,
    /// The length is outside its bounds.
    #[error("the frame's length is not possible")]
    Length,
    /// The checksum does not match.
    #[error("the frame's checksum is wrong")]
    Checksum,
    /// The checksum matches, but the content is not valid.
    #[error("the frame's content is not valid")]
    Content,
    /// A key is empty, too long, or in the engine's own range; or a value is too long.
    #[error("a key or a value of the commit is outside its bounds")]
    Bounds,
}

fn checksum(salt: u64, length: [u8; 4], body: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&salt.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &length);
    crc32c::crc32c_append(crc, body)
}

/// Appends the frame of `head` and `batch` to `out`, for a segment with `salt`.
pub fn encode(head: FrameHead, batch: &Batch, salt: u64, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; HEAD - MAGIC.len()]);
    let written = encode_body(head, batch, out);
    let length = out.len() - start - HEAD;
    match (written, u32::try_from(length)) {
        (Ok(()), Ok(length)) if length as usize <= limits::FRAME_MAX => {
            let length = length.to_le_bytes();
            let crc = checksum(salt, length, &out[start + HEAD..]);
            out[start + 4..start + 8].copy_from_slice(&length);
            out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
            Ok(())
        }
        (written, _) => {
            out.truncate(start);
            Err(written.err().unwrap_or(FrameError::Length))
        }
    }
}

/// Appends the counted part of a frame to `out`.
pub fn encode_body(head: FrameHead, batch: &Batch, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let count = u32::try_from(batch.0.len()).ok().filter(|count| *count < ACCEPTED).ok_or(FrameError::Length)?;
    let count = match head.step {
        FrameTime::Onward => count,
        FrameTime::Accepted => count | ACCEPTED,
    };
    out.extend_from_slice(&head.epoch.to_le_bytes());
    out.extend_from_slice(&head.lsn.0.to_le_bytes());
    out.extend_from_slice(&head.synced.0.to_le_bytes());
    out.extend_from_slice(&head.time.as_micros().to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    for operation in &batch.0 {
        match operation {
            Operation::Put { key, value } => {
                out.push(PUT);
                encode_key(key, out)?;
                let length = u32::try_from(value.len()).map_err(|_| FrameError::Bounds)?;
                if value.len() > limits::STORED_VALUE_MAX {
                    return Err(FrameError::Bounds);
                }
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(value);
            }
            Operation::Delete { key } => {
                out.push(DELETE);
                encode_key(key, out)?;
            }
        }
    }
    Ok(())
}

fn encode_key(key: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = u16::try_from(key.len()).map_err(|_| FrameError::Bounds)?;
    if !is_key(key) {
        return Err(FrameError::Bounds);
    }
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(key);
    Ok(())
}

/// Whether `key` is valid for a table: not empty, not too long, and not in the engine's own range.
pub fn is_key(key: &[u8]) -> bool {
    key.len() <= limits::KEY_MAX
        && key.first().is_some_and(|first| *first >= crate::persistence::machinery::engine::FIRST_TABLE)
}

/// The size of the frame that begins at `head`, with its head, if the length is valid; `head` has at least `HEAD`
/// bytes.
pub fn size(head: &[u8]) -> Result<usize, FrameError> {
    let mut cursor = Cursor(head);
    if cursor.take::<4>().ok_or(FrameError::Short)? != MAGIC {
        return Err(FrameError::NoMagic);
    }
    let length = cursor.u32().ok_or(FrameError::Short)? as usize;
    if !(FIXED..=limits::FRAME_MAX).contains(&length) {
        return Err(FrameError::Length);
    }
    Ok(HEAD + length)
}

/// Decodes the frame at the beginning of `bytes`, of a segment with `salt`.
pub fn decode(bytes: &[u8], salt: u64) -> Result<Frame, FrameError> {
    let size = size(bytes)?;
    let frame = bytes.get(..size).ok_or(FrameError::Short)?;
    let (head, body) = frame.split_at(HEAD);
    let mut cursor = Cursor(&head[MAGIC.len()..]);
    let (Some(length), Some(crc)) = (cursor.take::<4>(), cursor.u32()) else { return Err(FrameError::Short) };
    if checksum(salt, length, body) != crc {
        return Err(FrameError::Checksum);
    }
    decode_body(body).ok_or(FrameError::Content)
}

/// Decodes the counted part of a frame; trailing bytes are an error.
pub fn decode_body(body: &[u8]) -> Option<Frame> {
    let mut cursor = Cursor(body);
    let epoch = cursor.u64()?;
    let lsn = Lsn(cursor.u64()?);
    let synced = Lsn(cursor.u64()?);
    let time = Timestamp::from_micros(i64::from_le_bytes(cursor.take()?));
    let count = cursor.u32()?;
    let step = if count & ACCEPTED == 0 { FrameTime::Onward } else { FrameTime::Accepted };
    let count = (count & !ACCEPTED) as usize;
    // The smallest operation has four bytes: a wrong count cannot allocate more than the body justifies.
    if count > body.len() / 4 {
        return None;
    }
    let mut operations = Vec::with_capacity(count);
    for _ in 0..count {
        operations.push(decode_operation(&mut cursor)?);
    }
    cursor.0.is_empty().then_some(Frame { epoch, lsn, synced, time, step, batch: Batch(operations) })
}

fn decode_operation(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let [kind] = cursor.take()?;
    let length = u16::from_le_bytes(cursor.take()?);
    let key = cursor.slice(length.into()).filter(|key| is_key(key))?.to_vec();
    match kind {
        PUT => {
            let length = cursor.u32()? as usize;
            let value = cursor.slice(length).filter(|value| value.len() <= limits::STORED_VALUE_MAX)?.to_vec();
            Some(Operation::Put { key, value })
        }
        DELETE => Some(Operation::Delete { key }),
        _ => None,
    }
}

/// Reads from the front of a slice.
pub struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `count` bytes.
    pub fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
