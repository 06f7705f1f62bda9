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
        fs::{File, Fs},
    },
    types::Entropy,
};

/// Why a group was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A commit cannot become a frame. Nothing was written; the journal can go on.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// There is no room for another segment. Nothing was written; the journal can go on.
    #[error("no room for the journal: {0}")]
    Full(io::Error),
    /// The disk failed. What is on it is settled by the next open; the journal cannot go on.
    #[error("journal: {step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Where a journal lives and how large its segments are.
#[derive(Clone)]
pub struct JournalEnvironment {
    /// The disk.
    pub fs: Arc<dyn Fs>,
    /// The journal's directory.
    pub dir: PathBuf,
    /// Bytes of one segment.
    pub segment_bytes: u64,
    /// Where salts come from.
    pub entropy: Arc<dyn Entropy>,
}

impl JournalEnvironment {
    fn header(&self, first: Lsn) -> Header {
        let mut salt = [0; 8];
        self.entropy.fill(&mut salt);
        Header { first, salt: u64::from_le_bytes(salt) }
    }

    /// Makes the segment that begins with `first`, empty.
    pub fn create_segment(&self, first: Lsn) -> io::Result<()> {
        segment::prepare(&*self.fs, &self.dir, self.header(first), &[], self.segment_bytes)?;
        segment::publish(&*self.fs, &self.dir, SegmentName(first))
    }
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
    // After a failed write or sync nobody knows what is on the disk: the writer refuses all that follows.
    failed: bool,
}

impl JournalWriter {
    /// Goes on behind a clean close: all that `survey` found is known to be synced.
    pub fn resume(environment: JournalEnvironment, survey: &Survey, epoch: u64) -> io::Result<Self> {
        let JournalPlace { segment, offset } = survey.end;
        let file = environment.fs.open(&segment.path(&environment.dir))?;
        let mut head = [0; HEADER];
        file.read_at(&mut head, 0)?;
        let header = Header::decode(&head).ok_or_else(|| io::Error::other("the head of the segment is damaged"))?;
        let reserved = file.length()?;
        Ok(Self::at(environment, file, header, epoch, (offset, reserved), survey.last))
    }

    /// Goes on behind anything else: what may not be synced yet is copied into a fresh segment, and durable when this
    /// returns. Nothing is lost if it ends at any point: the old segment holds the same until the fresh one has
    /// its name.
    pub fn restart(environment: JournalEnvironment, survey: &Survey, epoch: u64) -> io::Result<Self> {
        let header = environment.header(survey.synced.next());
        let mut content = Vec::new();
        for frame in &survey.tail {
            frame::encode(frame.head(), &frame.batch, header.salt, &mut content).map_err(io::Error::other)?;
        }
        let segment = SegmentName(header.first);
        let file = segment::prepare(&*environment.fs, &environment.dir, header, &content, environment.segment_bytes)?;
        segment::publish(&*environment.fs, &environment.dir, segment)?;
        if survey.synced_end.segment != segment {
            // Behind the synced part the old segment only holds what was copied or cut: it gives its room back.
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

    /// Which opening of the store this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Writes a frame for each commit, numbered from the last one on; they are on disk after `sync`. Gives the bytes
    /// written.
    pub fn append(&mut self, group: &[Commit]) -> Result<u64, AppendError> {
        self.refuse_after_failure()?;
        let mut last = self.encode(group)?;
        if self.position + self.buffer.len() as u64 > self.environment.segment_bytes && self.position > HEADER as u64 {
            self.rotate()?;
            // Another segment has another salt.
            last = self.encode(group)?;
        }
        let end = self.position + self.buffer.len() as u64;
        if end > self.reserved {
            // A group larger than a segment, or one that goes on behind a clean close in a full one.
            match self.file.allocate(end) {
                Ok(()) => self.reserved = end,
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Err(AppendError::Full(error)),
                Err(source) => return self.fatal("reserving room", |_| Err(source)).map(|()| 0),
            }
        }
        self.fatal("writing frames", |writer| writer.file.write_at(&writer.buffer, writer.position))?;
        self.position = end;
        self.last = last;
        Ok(self.buffer.len() as u64)
    }

    fn encode(&mut self, group: &[Commit]) -> Result<Lsn, FrameError> {
        self.buffer.clear();
        let mut last = self.last;
        for commit in group {
            last = last.next();
            let head = FrameHead { epoch: self.epoch, lsn: last, synced: self.synced, time: commit.time };
            frame::encode(head, &commit.batch, self.salt, &mut self.buffer)?;
        }
        Ok(last)
    }

    /// Returns when all that was appended is on disk: one `fdatasync`.
    pub fn sync(&mut self) -> Result<(), AppendError> {
        self.refuse_after_failure()?;
        self.fatal("syncing frames", |writer| writer.file.sync())?;
        self.synced = self.last;
        Ok(())
    }

    /// Makes the next segment; everything before it is synced, which its existence will stand for.
    fn rotate(&mut self) -> Result<(), AppendError> {
        if self.synced != self.last {
            self.sync()?;
        }
        let header = self.environment.header(self.last.next());
        let JournalEnvironment { fs, dir, segment_bytes, .. } = &self.environment;
        let segment = SegmentName(header.first);
        let file = match segment::prepare(&**fs, dir, header, &[], *segment_bytes) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Err(AppendError::Full(error)),
            Err(source) => {
                self.failed = true;
                return Err(AppendError::Io { step: "making a segment", source });
            }
        };
        // Once it may have its name it may not be taken back: it would hide what the old one gets.
        self.fatal("naming a segment", |writer| {
            segment::publish(&*writer.environment.fs, &writer.environment.dir, segment)
        })?;
        self.file = file;
        self.segment = segment;
        self.salt = header.salt;
        self.position = HEADER as u64;
        self.reserved = self.environment.segment_bytes;
        Ok(())
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
