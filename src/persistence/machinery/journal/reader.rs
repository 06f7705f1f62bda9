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

/// Bytes read at once.
const WINDOW: usize = 1 << 20;

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPlace {
    /// The file.
    pub segment: SegmentName,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl fmt::Display for JournalPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal/{} at byte {}", self.segment, self.offset)
    }
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalProblem {
    /// A frame that was once synced is not there any more.
    #[error("{place}: commit {lsn} is damaged ({reason}); it was on disk once, because {proof}")]
    Damaged {
        /// Where it should be.
        place: JournalPlace,
        /// Which commit.
        lsn: Lsn,
        /// What is wrong with it.
        reason: FrameError,
        /// How it is known that it was there.
        proof: Proof,
    },
    /// A segment's head is not readable; heads are synced before a segment has its name.
    #[error("journal/{0}: the head of the file is damaged")]
    Head(SegmentName),
    /// Commits are asked for that no segment holds.
    #[error("commit {wanted} is in no segment of the journal; the first one there begins with {first}")]
    Missing {
        /// The first commit that was asked for.
        wanted: Lsn,
        /// The first one there is.
        first: Lsn,
    },
    /// The directory holds no segment at all.
    #[error("the journal has no segment")]
    Empty,
    /// The disk failed.
    #[error("journal: {step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl JournalProblem {
    /// An error of the disk at `step`.
    pub fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

/// How it is known that a commit was once on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A later good frame says so.
    LaterFrame(JournalPlace),
    /// A later segment exists, and is only made when all before it is synced.
    LaterSegment(SegmentName),
    /// A checkpoint, or the mark of a clean close, covers it.
    Checkpoint(Lsn),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LaterFrame(place) => write!(f, "a good frame behind it ({place}) says so"),
            Self::LaterSegment(segment) => write!(f, "the later segment {segment} was made"),
            Self::Checkpoint(lsn) => write!(f, "a checkpoint was taken at commit {lsn}"),
        }
    }
}

/// Reads one segment, in windows.
pub struct SegmentReader {
    file: Box<dyn File>,
    /// Which one.
    pub name: SegmentName,
    salt: u64,
    length: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands at a place.
#[derive(Debug)]
pub enum FrameFound {
    /// A good frame, and where the next one begins.
    Frame(Frame, u64),
    /// No good frame.
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

    /// A place in this segment.
    pub fn place(&self, offset: u64) -> JournalPlace {
        JournalPlace { segment: self.name, offset }
    }

    /// What its frames' checksums begin with.
    pub fn salt(&self) -> u64 {
        self.salt
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

    /// What stands at `offset`.
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

    /// Searches from `offset` on for a good frame that says `lost` was synced when it was written. Says too whether
    /// anything but zeros was met.
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

    /// Whether what stands at `offset` looks like a frame that says `lost` was synced. Looked at before the checksum
    /// is: searching must not cost a checksum of megabytes at each byte.
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

/// What a search behind a bad frame found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// A good frame that proves the bad one was synced.
    Proof(JournalPlace),
    /// Something was written there, nothing that proves anything.
    Remains,
    /// Nothing was written there.
    Zeros,
}
