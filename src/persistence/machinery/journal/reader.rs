//! Reading segments: frame by frame, and searching for frames behind a damaged place.

use std::{fmt, io, path::Path};

use super::{
    frame::{self, Frame, FrameError},
    segment::{HEADER, Header, SegmentName},
};
use crate::persistence::machinery::{
    Lsn,
    fs::{File, Fs},
};

/// Number of bytes per read.
const WINDOW: usize = 1 << 20;

/// A position in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPlace {
    pub segment: SegmentName,
    /// Byte offset from the beginning of the file.
    pub offset: u64,
}

impl fmt::Display for JournalPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal/{} at byte {}", self.segment, self.offset)
    }
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalProblem {
    /// A frame that was synced is missing or damaged.
    #[error("{place}: commit {lsn} is damaged ({reason}); it was on disk once, because {proof}")]
    Damaged {
        /// The position of the frame.
        place: JournalPlace,
        /// The number of the commit.
        lsn: Lsn,
        /// The error of the frame.
        reason: FrameError,
        /// The proof that it was synced.
        proof: Proof,
    },
    /// A segment's head is not readable; heads are synced before a segment gets its name.
    #[error("journal/{0}: the head of the file is damaged")]
    Head(SegmentName),
    /// The wanted commits are in no segment.
    #[error("commit {wanted} is in no segment of the journal; the first one there begins with {first}")]
    Missing {
        /// The first wanted commit.
        wanted: Lsn,
        /// The first commit that is there.
        first: Lsn,
    },
    /// The directory holds no segment.
    #[error("the journal has no segment")]
    Empty,
    /// The disk failed.
    #[error("journal: {step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl JournalProblem {
    /// An error of the disk at `step`.
    pub fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

/// The proof that a commit was on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A later valid frame records it as synced.
    LaterFrame(JournalPlace),
    /// A later segment exists: it is created only after everything before it is synced.
    LaterSegment(SegmentName),
    /// A checkpoint, or the mark of a clean close, covers it.
    Checkpoint(Lsn),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LaterFrame(place) => write!(f, "a valid frame behind it ({place}) records it"),
            Self::LaterSegment(segment) => write!(f, "the later segment {segment} was made"),
            Self::Checkpoint(lsn) => write!(f, "a checkpoint was taken at commit {lsn}"),
        }
    }
}

/// Reads one segment in windows.
pub struct SegmentReader {
    file: Box<dyn File>,
    /// The name of the segment.
    pub name: SegmentName,
    salt: u64,
    length: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// The content at a position.
#[derive(Debug)]
pub enum FrameFound {
    /// A valid frame, and the offset of the next one.
    Frame(Frame, u64),
    /// No valid frame.
    Bad(FrameError),
}

impl SegmentReader {
    /// Opens the segment and checks its head.
    pub fn open(fs: &dyn Fs, dir: &Path, name: SegmentName) -> Result<Self, JournalProblem> {
        let file = fs.open(&name.path(dir)).map_err(JournalProblem::io("opening a segment"))?;
        let length = file.length().map_err(JournalProblem::io("opening a segment"))?;
        let mut reader = Self { file, name, salt: 0, length, window: Vec::new(), window_at: 0 };
        let header = reader.bytes(0, HEADER)?.to_vec();
        match Header::decode(&header) {
            Some(header) if header.first == name.0 => reader.salt = header.salt,
            Some(_) | None => return Err(JournalProblem::Head(name)),
        }
        Ok(reader)
    }

    /// Forgets what was read ahead, so that frames that were appended since are found.
    pub fn refresh(&mut self) -> Result<(), JournalProblem> {
        self.window.clear();
        self.length = self.file.length().map_err(JournalProblem::io("reading a segment"))?;
        Ok(())
    }

    /// A place in this segment.
    pub fn place(&self, offset: u64) -> JournalPlace {
        JournalPlace { segment: self.name, offset }
    }

    /// Up to `count` bytes at `offset`; fewer where the file ends.
    fn bytes(&mut self, offset: u64, count: usize) -> Result<&[u8], JournalProblem> {
        let available = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = count.min(available);
        let held = offset >= self.window_at && offset + count as u64 <= self.window_at + self.window.len() as u64;
        if !held {
            let wanted = count.max(WINDOW).min(available);
            self.window.resize(wanted, 0);
            let read = self.file.read_at(&mut self.window, offset).map_err(JournalProblem::io("reading a segment"))?;
            self.window.truncate(read);
            self.window_at = offset;
        }
        let start = usize::try_from(offset - self.window_at).unwrap_or(usize::MAX).min(self.window.len());
        let end = (start + count).min(self.window.len());
        Ok(&self.window[start..end])
    }

    /// The content at `offset`.
    pub fn frame_at(&mut self, offset: u64) -> Result<FrameFound, JournalProblem> {
        let salt = self.salt;
        let head = self.bytes(offset, frame::HEAD)?;
        let size = match frame::size(head) {
            Ok(size) => size,
            Err(error) => return Ok(FrameFound::Bad(error)),
        };
        match frame::decode(self.bytes(offset, size)?, salt) {
            Ok(frame) => Ok(FrameFound::Frame(frame, offset + size as u64)),
            Err(error) => Ok(FrameFound::Bad(error)),
        }
    }

    /// Searches from `offset` on for a valid frame that records `lost` as synced. Also returns whether there were bytes
    /// other than zero.
    pub fn search(&mut self, mut offset: u64, lost: Lsn) -> Result<Search, JournalProblem> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let mut written = false;
        while offset < self.length {
            let chunk = self.bytes(offset, ZEROS.len())?;
            let size = chunk.len();
            if size == 0 {
                break;
            }
            if *chunk == ZEROS[..size] {
                offset += size as u64;
                continue;
            }
            written = true;
            let candidates: Vec<usize> = (0..size).filter(|at| chunk[*at] == frame::MAGIC[0]).collect();
            for candidate in candidates {
                let at = offset + candidate as u64;
                if self.claims(at, lost)?
                    && let FrameFound::Frame(..) = self.frame_at(at)?
                {
                    return Ok(Search::Proof(self.place(at)));
                }
            }
            offset += size as u64;
        }
        Ok(if written { Search::Remains } else { Search::Zeros })
    }

    /// Whether the bytes at `offset` look like a frame that records `lost` as synced. Tested before the checksum, so
    /// that the search does not compute a checksum over megabytes at each byte.
    fn claims(&mut self, offset: u64, lost: Lsn) -> Result<bool, JournalProblem> {
        let head = self.bytes(offset, frame::HEAD + 24)?;
        if frame::size(head).is_err() {
            return Ok(false);
        }
        let mut cursor = frame::Cursor(&head[frame::HEAD..]);
        let (Some(_epoch), Some(lsn), Some(synced)) = (cursor.u64(), cursor.u64(), cursor.u64()) else {
            return Ok(false);
        };
        Ok(synced >= lost.0 && lsn > synced)
    }
}

/// The result of a search behind a bad frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// A valid frame proves that the bad one was synced.
    Proof(JournalPlace),
    /// There are bytes other than zero, but no proof.
    Remains,
    /// There are only zeros.
    Zeros,
}
