//! Appending: a group of frames, then one sync.

use std::{io, path::PathBuf, sync::Arc};

use super::{
    frame::{self, FrameError, FrameHead},
    reader::JournalPlace,
    recover::Survey,
    segment::{self, HEADER, Header, SegmentName},
};
use crate::{
    persistence::machinery::{
        Lsn,
        base::Commit,
        fs::{File, Fs, is_full, lacks_descriptors},
    },
    types::{Entropy, limits},
};

/// Why a group was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A commit cannot be encoded as a frame. Nothing was written; the journal can continue.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// There is no space for another segment. Nothing was written; the journal can continue.
    #[error("no space for the journal: {0}")]
    Full(io::Error),
    /// There is no file descriptor for another segment. Nothing was written; the journal can continue.
    #[error("no file descriptor for the journal: {0}")]
    Descriptors(io::Error),
    /// The disk failed. The next open determines what is on it; the journal cannot continue.
    #[error("journal: {step}: {source}")]
    Io {
        /// The step that failed.
        step: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// The place of a journal and the size of its segments.
#[derive(Clone)]
pub struct JournalEnvironment {
    pub fs: Arc<dyn Fs>,
    pub dir: PathBuf,
    /// Bytes of one segment.
    pub segment_bytes: u64,
    /// The source of salts.
    pub entropy: Arc<dyn Entropy>,
}

impl JournalEnvironment {
    fn header(&self, first: Lsn) -> Header {
        let mut salt = [0; 8];
        self.entropy.fill(&mut salt);
        Header { first, salt: u64::from_le_bytes(salt) }
    }

    /// The bytes that a new segment reserves: those of a segment, or less on a disk that is nearly full, so that the
    /// rest of the store has space beside it.
    fn reservation(&self) -> u64 {
        let free = self.fs.free_bytes(&self.dir).unwrap_or(u64::MAX);
        self.segment_bytes.min(free / limits::SEGMENT_PART)
    }

    /// Creates the empty segment that begins with `first`.
    pub fn create_segment(&self, first: Lsn) -> io::Result<()> {
        segment::prepare(&*self.fs, &self.dir, self.header(first), &[], self.reservation())?;
        segment::publish(&*self.fs, &self.dir, SegmentName(first))
    }
}

/// A segment that has its name, which may not be on the disk yet.
struct NextSegment {
    file: Box<dyn File>,
    header: Header,
    reserved: u64,
}

/// The end of the journal, where frames are appended.
pub struct JournalWriter {
    environment: JournalEnvironment,
    file: Box<dyn File>,
    segment: SegmentName,
    salt: u64,
    position: u64,
    reserved: u64,
    epoch: u64,
    last: Lsn,
    synced: Lsn,
    buffer: Vec<u8>,
    // Nothing more may be appended to the current segment: this one would hide it.
    next: Option<NextSegment>,
    // After a failed write or sync the content of the disk is unknown: the writer refuses all further calls.
    failed: bool,
}

impl JournalWriter {
    /// Continues after a clean close: everything that `survey` found is known to be synced.
    pub fn resume(environment: JournalEnvironment, survey: &Survey, epoch: u64) -> io::Result<Self> {
        let JournalPlace { segment, offset } = survey.end;
        let file = environment.fs.open(&segment.path(&environment.dir))?;
        let mut head = [0; HEADER];
        file.read_at(&mut head, 0)?;
        let header = Header::decode(&head).ok_or_else(|| io::Error::other("the head of the segment is damaged"))?;
        let reserved = file.length()?;
        Ok(Self::at(environment, file, header, epoch, (offset, reserved), survey.last))
    }

    /// Continues after any other end: frames that may not be synced yet are copied into a new segment, which is durable
    /// when this returns. A crash at any point loses nothing: the old segment holds the same frames until the new one
    /// has its name.
    pub fn restart(environment: JournalEnvironment, survey: &Survey, epoch: u64) -> io::Result<Self> {
        let header = environment.header(survey.synced.next());
        let mut content = Vec::new();
        for frame in &survey.tail {
            frame::encode(frame.head(), &frame.batch, header.salt, &mut content).map_err(io::Error::other)?;
        }
        let segment = SegmentName(header.first);
        let file = segment::prepare(&*environment.fs, &environment.dir, header, &content, environment.reservation())?;
        segment::publish(&*environment.fs, &environment.dir, segment)?;
        if survey.synced_end.segment != segment {
            // Behind the synced part the old segment holds only frames that were copied or cut: its space is released.
            let mut old = environment.fs.open(&survey.synced_end.segment.path(&environment.dir))?;
            old.truncate(survey.synced_end.offset)?;
            old.sync()?;
        }
        let position = (HEADER + content.len()) as u64;
        let reserved = file.length()?;
        Ok(Self::at(environment, file, header, epoch, (position, reserved), survey.last))
    }

    fn at(
        environment: JournalEnvironment,
        file: Box<dyn File>,
        header: Header,
        epoch: u64,
        (position, reserved): (u64, u64),
        last: Lsn,
    ) -> Self {
        Self {
            environment,
            file,
            segment: SegmentName(header.first),
            salt: header.salt,
            position,
            reserved,
            epoch,
            last,
            synced: last,
            buffer: Vec::new(),
            next: None,
            failed: false,
        }
    }

    /// The last commit that was appended.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The last commit that is on disk.
    pub fn synced(&self) -> Lsn {
        self.synced
    }

    /// Writes a frame for each commit, numbered after the last one; they are on disk after `sync`. Returns the number
    /// of bytes written.
    pub fn append(&mut self, group: &[Commit]) -> Result<u64, AppendError> {
        self.refuse_after_failure()?;
        let mut last = self.encode(group)?;
        let is_whole = self.position + self.buffer.len() as u64 > self.environment.segment_bytes;
        if self.next.is_some() || (is_whole && self.position > HEADER as u64) {
            self.rotate()?;
            // Another segment has another salt.
            last = self.encode(group)?;
        }
        let end = self.position + self.buffer.len() as u64;
        if end > self.reserved {
            // A group larger than a segment, or a full segment after a clean close.
            match self.file.allocate(end) {
                Ok(()) => self.reserved = end,
                Err(error) if is_full(&error) => return Err(AppendError::Full(error)),
                Err(source) => return self.fatal("reserving space", |_| Err(source)).map(|()| 0),
            }
        }
        match self.file.write_at(&self.buffer, self.position) {
            Ok(()) => {}
            Err(error) if is_full(&error) => return Err(self.take_back(error)),
            Err(source) => return self.fatal("writing frames", |_| Err(source)).map(|()| 0),
        }
        self.position = end;
        self.last = last;
        Ok(self.buffer.len() as u64)
    }

    /// After a write that found no space, although it was reserved: removes what was written of the group, durably, so
    /// that no later open replays commits that were refused.
    fn take_back(&mut self, full: io::Error) -> AppendError {
        let position = self.position;
        let taken_back = self.fatal("taking frames back", |writer| {
            writer.file.truncate(position)?;
            writer.file.sync()
        });
        self.reserved = position;
        taken_back.err().unwrap_or(AppendError::Full(full))
    }

    /// If the segment's file lost its name, copies it back from its open descriptor: durable when this returns. Returns
    /// whether it did.
    pub fn restore_if_unlinked(&mut self) -> Result<bool, AppendError> {
        self.refuse_after_failure()?;
        let path = self.segment.path(&self.environment.dir);
        // If that cannot be found out, the copy fails or is right.
        if self.file.is_at(&path).unwrap_or(false) {
            return Ok(false);
        }
        match self.copy_back() {
            Ok(()) => Ok(true),
            Err(error) if is_full(&error) => Err(AppendError::Full(error)),
            Err(error) if lacks_descriptors(&error) => Err(AppendError::Descriptors(error)),
            Err(source) => self.fatal("copying a removed segment back", |_| Err(source)).map(|()| false),
        }
    }

    fn copy_back(&mut self) -> io::Result<()> {
        let JournalEnvironment { fs, dir, .. } = &self.environment;
        let mut content = vec![0; usize::try_from(self.position).unwrap_or(usize::MAX).saturating_sub(HEADER)];
        if self.file.read_at(&mut content, HEADER as u64)? < content.len() {
            return Err(io::Error::other("the open file is shorter than what was written"));
        }
        fs.create_dir(dir)?;
        let header = Header { first: self.segment.0, salt: self.salt };
        let file = segment::prepare(&**fs, dir, header, &content, self.environment.reservation())?;
        segment::publish(&**fs, dir, self.segment)?;
        self.reserved = file.length()?;
        self.file = file;
        Ok(())
    }

    /// Continues in the next segment, unless the present one is empty.
    pub fn begin_segment(&mut self) -> Result<(), AppendError> {
        self.refuse_after_failure()?;
        if self.position > HEADER as u64 { self.rotate() } else { Ok(()) }
    }

    fn encode(&mut self, group: &[Commit]) -> Result<Lsn, FrameError> {
        self.buffer.clear();
        let mut last = self.last;
        for commit in group {
            last = last.next();
            let Commit { time, step, ref batch } = *commit;
            let head = FrameHead { epoch: self.epoch, lsn: last, synced: self.synced, time, step };
            frame::encode(head, batch, self.salt, &mut self.buffer)?;
        }
        Ok(last)
    }

    /// Returns when everything appended is on disk: one `fdatasync`.
    pub fn sync(&mut self) -> Result<(), AppendError> {
        self.refuse_after_failure()?;
        self.fatal("syncing frames", |writer| writer.file.sync())?;
        self.synced = self.last;
        Ok(())
    }

    /// Continues in the next segment. Everything before it is synced first, because its existence is the proof of that.
    /// If the process has no file descriptor, the next append tries again.
    fn rotate(&mut self) -> Result<(), AppendError> {
        let next = match self.next.take() {
            Some(next) => next,
            None => self.create_next()?,
        };
        match self.environment.fs.sync_dir(&self.environment.dir) {
            Ok(()) => {}
            Err(error) if lacks_descriptors(&error) => {
                self.next = Some(next);
                return Err(AppendError::Descriptors(error));
            }
            Err(source) => return self.fatal("naming a segment", |_| Err(source)),
        }
        self.reserved = next.reserved;
        self.file = next.file;
        self.segment = SegmentName(next.header.first);
        self.salt = next.header.salt;
        self.position = HEADER as u64;
        Ok(())
    }

    /// Creates the next segment and gives it its name.
    fn create_next(&mut self) -> Result<NextSegment, AppendError> {
        if self.synced != self.last {
            self.sync()?;
        }
        let header = self.environment.header(self.last.next());
        let JournalEnvironment { fs, dir, .. } = &self.environment;
        let segment = SegmentName(header.first);
        let reserved = self.environment.reservation().max(HEADER as u64);
        let file = match segment::prepare(&**fs, dir, header, &[], reserved) {
            Ok(file) => file,
            Err(error) if is_full(&error) => return Err(AppendError::Full(error)),
            Err(error) if lacks_descriptors(&error) => return Err(AppendError::Descriptors(error)),
            Err(source) => {
                self.failed = true;
                return Err(AppendError::Io { step: "making a segment", source });
            }
        };
        // Once it may have its name it must not be removed: it would hide what is appended to the old one.
        self.fatal("naming a segment", |writer| {
            segment::name(&*writer.environment.fs, &writer.environment.dir, segment)
        })?;
        Ok(NextSegment { file, header, reserved })
    }

    fn refuse_after_failure(&self) -> Result<(), AppendError> {
        if self.failed {
            let source = io::Error::other("an earlier write or sync failed");
            return Err(AppendError::Io { step: "going on", source });
        }
        Ok(())
    }

    fn fatal(&mut self, step: &'static str, work: impl FnOnce(&mut Self) -> io::Result<()>) -> Result<(), AppendError> {
        work(self).map_err(|source| {
            self.failed = true;
            AppendError::Io { step, source }
        })
    }
}
