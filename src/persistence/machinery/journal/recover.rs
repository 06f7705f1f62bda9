//! Which frames are trusted: the survey at open, and the replay of commits that an engine lacks.
//!
//! A bad frame x is damage if x is known to have been synced: a later valid frame records it, or a later segment
//! exists, or a checkpoint covers it. Then nothing is changed, and the error names the place. Otherwise x begins the
//! last group, whose callers got no answer, and the journal is cut at x. The valid frames of that group are kept: they
//! may be in the page cache only, so the writer copies them into a new, synced segment before any reader sees them
//! (`writer.rs`).

use std::{collections::VecDeque, path::Path};

use super::{
    frame::{Frame, FrameError},
    reader::{FrameFound, JournalPlace, JournalProblem, Proof, Search, SegmentReader},
    segment::{self, HEADER, SegmentName},
};
use crate::{
    persistence::machinery::{Lsn, fs::Fs},
    types::Timestamp,
};

/// The position from which the journal was not trusted, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub place: JournalPlace,
    /// The number of the commit that was expected there.
    pub lsn: Lsn,
    /// The error of the frame there.
    pub reason: FrameError,
}

/// The result of a survey of a journal.
#[derive(Debug)]
pub struct Survey {
    /// All segments, first to last.
    pub segments: Vec<SegmentName>,
    /// The last valid commit.
    pub last: Lsn,
    /// Its time; `None` if no frame was read.
    pub last_time: Option<Timestamp>,
    /// The highest epoch found.
    pub epoch: u64,
    /// The last commit that is known to be synced.
    pub synced: Lsn,
    /// The end of the frames known to be synced, in the last segment.
    pub synced_end: JournalPlace,
    /// The end of the valid frames.
    pub end: JournalPlace,
    /// The valid frames after `synced`.
    pub tail: VecDeque<Frame>,
    /// Where the journal was cut, if there were bytes behind the last valid frame.
    pub cut: Option<Cut>,
}

/// The next frame of a walk.
enum WalkedFrame {
    /// It is whole, and follows the one before.
    Fits(Frame),
    /// It is damaged, or belongs to another place or opening.
    Bad(FrameError),
}

/// Reads the frames of one segment in order.
struct Walk {
    reader: SegmentReader,
    offset: u64,
    expected: Lsn,
    epoch: u64,
}

impl Walk {
    fn open(fs: &dyn Fs, dir: &Path, name: SegmentName, epoch: u64) -> Result<Self, JournalProblem> {
        let reader = SegmentReader::open(fs, dir, name)?;
        Ok(Self { reader, offset: HEADER as u64, expected: name.0, epoch })
    }

    /// The next frame, if its number and epoch fit.
    fn next(&mut self) -> Result<WalkedFrame, JournalProblem> {
        Ok(match self.reader.frame_at(self.offset)? {
            FrameFound::Bad(reason) => WalkedFrame::Bad(reason),
            FrameFound::Frame(frame, next) => {
                if frame.lsn != self.expected || frame.epoch < self.epoch || frame.synced >= frame.lsn {
                    return Ok(WalkedFrame::Bad(FrameError::Content));
                }
                self.offset = next;
                self.expected = frame.lsn.next();
                self.epoch = frame.epoch;
                WalkedFrame::Fits(frame)
            }
        })
    }

    fn damaged(&self, reason: FrameError, proof: Proof) -> JournalProblem {
        JournalProblem::Damaged { place: self.reader.place(self.offset), lsn: self.expected, reason, proof }
    }
}

/// The segments from the one that holds commit `from`; all segments if `from` is before the first.
fn segments_from(segments: &[SegmentName], from: Lsn) -> &[SegmentName] {
    let at = segments.iter().rposition(|name| name.0 <= from).unwrap_or(0);
    &segments[at..]
}

/// What is known of a journal before it is read.
#[derive(Debug, Clone, Copy)]
pub struct KnownCommits {
    /// The commit after which the survey begins; earlier frames are not read.
    pub after: Lsn,
    /// The last commit that a checkpoint or a snapshot proves to be synced.
    pub covered: Lsn,
}

/// Surveys the journal in `dir`. Changes nothing.
pub fn survey(fs: &dyn Fs, dir: &Path, known: KnownCommits) -> Result<Survey, JournalProblem> {
    let KnownCommits { after, covered } = known;
    let segments = segment::list(fs, dir).map_err(JournalProblem::io("listing the segments"))?;
    let Some(last) = segments.last().copied() else { return Err(JournalProblem::Empty) };
    if after.next() < segments[0].0 {
        return Err(JournalProblem::Missing { wanted: after.next(), first: segments[0].0 });
    }
    let read = segments_from(&segments, after.next());
    let start = JournalPlace { segment: last, offset: HEADER as u64 };
    let mut survey = Survey {
        last: Lsn(read[0].0.0 - 1),
        last_time: None,
        epoch: 0,
        // A segment is created only after everything before it is synced.
        synced: Lsn((last.0.0 - 1).max(covered.0)),
        synced_end: start,
        end: start,
        tail: VecDeque::new(),
        cut: None,
        segments: Vec::new(),
    };
    for (at, name) in read.iter().enumerate() {
        match read.get(at + 1) {
            Some(next) => survey_inner(fs, dir, (*name, *next), &mut survey)?,
            None => survey_last(fs, dir, *name, covered, &mut survey)?,
        }
    }
    survey.segments = segments;
    Ok(survey)
}

impl Survey {
    fn note(&mut self, frame: &Frame) {
        self.last = frame.lsn;
        self.last_time = Some(frame.time);
        self.epoch = frame.epoch;
    }
}

/// A segment that is not the last has to be complete up to the next one.
fn survey_inner(
    fs: &dyn Fs,
    dir: &Path,
    (name, next): (SegmentName, SegmentName),
    survey: &mut Survey,
) -> Result<(), JournalProblem> {
    let mut walk = Walk::open(fs, dir, name, survey.epoch)?;
    while walk.expected < next.0 {
        match walk.next()? {
            WalkedFrame::Fits(frame) => survey.note(&frame),
            WalkedFrame::Bad(reason) => return Err(walk.damaged(reason, Proof::LaterSegment(next))),
        }
    }
    Ok(())
}

fn survey_last(
    fs: &dyn Fs,
    dir: &Path,
    name: SegmentName,
    covered: Lsn,
    survey: &mut Survey,
) -> Result<(), JournalProblem> {
    let mut walk = Walk::open(fs, dir, name, survey.epoch)?;
    // The end of each frame of the tail, to find the end of the synced part.
    let mut ends: VecDeque<(Lsn, u64)> = VecDeque::new();
    let reason = loop {
        match walk.next()? {
            WalkedFrame::Fits(frame) => {
                survey.note(&frame);
                survey.synced = survey.synced.max(frame.synced);
                ends.push_back((frame.lsn, walk.offset));
                survey.tail.push_back(frame);
                while survey.tail.front().is_some_and(|first| first.lsn <= survey.synced) {
                    survey.tail.pop_front();
                    if let Some((_, end)) = ends.pop_front() {
                        survey.synced_end.offset = end;
                    }
                }
            }
            WalkedFrame::Bad(reason) => break reason,
        }
    };
    survey.end = walk.reader.place(walk.offset);
    if covered >= walk.expected {
        return Err(walk.damaged(reason, Proof::Checkpoint(covered)));
    }
    match walk.reader.search(walk.offset, walk.expected)? {
        Search::Proof(place) => Err(walk.damaged(reason, Proof::LaterFrame(place))),
        Search::Remains => {
            survey.cut = Some(Cut { place: survey.end, lsn: walk.expected, reason });
            Ok(())
        }
        Search::Zeros => Ok(()),
    }
}

/// The commits to replay: after `after`, up to and including `upto`.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The last commit that is not wanted.
    pub after: Lsn,
    /// The last commit that is wanted.
    pub upto: Lsn,
}

/// Passes the commits of `span` to `visit`, in order. All of them have to be there.
pub fn replay<E: From<JournalProblem>>(
    fs: &dyn Fs,
    dir: &Path,
    span: Span,
    visit: impl FnMut(Frame) -> Result<(), E>,
) -> Result<(), E> {
    JournalFollower::after(span.after).follow(fs, dir, span.upto, visit)
}

/// Reads the journal from a commit on, also while the writer appends to it: each call continues where the one before
/// ended, without reading a segment twice.
pub struct JournalFollower {
    last: Lsn,
    walk: Option<Walk>,
}

impl JournalFollower {
    /// The next commit that is passed is the one after `last`.
    pub fn after(last: Lsn) -> Self {
        Self { last, walk: None }
    }

    /// The last commit that was passed.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// Passes the commits up to `upto`, which are on disk, to `visit`, in order. All of them have to be there.
    pub fn follow<E: From<JournalProblem>>(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        upto: Lsn,
        mut visit: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.last >= upto {
            return Ok(());
        }
        let segments = segment::list(fs, dir).map_err(JournalProblem::io("listing the segments"))?;
        while self.last < upto {
            let wanted = self.last.next();
            let Some(at) = segments.iter().rposition(|name| name.0 <= wanted) else {
                let missing = segments.first().map(|first| JournalProblem::Missing { wanted, first: first.0 });
                return Err(missing.unwrap_or(JournalProblem::Empty).into());
            };
            let next = segments.get(at + 1).copied();
            let mut walk = self.walk_in(fs, dir, segments[at])?;
            while walk.expected <= upto && next.is_none_or(|next| walk.expected < next.0) {
                match walk.next()? {
                    WalkedFrame::Fits(frame) if frame.lsn > self.last => {
                        self.last = frame.lsn;
                        visit(frame)?;
                    }
                    WalkedFrame::Fits(_) => {}
                    WalkedFrame::Bad(reason) => {
                        let proof = next.map_or(Proof::Checkpoint(upto), Proof::LaterSegment);
                        return Err(walk.damaged(reason, proof).into());
                    }
                }
            }
            self.walk = Some(walk);
        }
        Ok(())
    }

    fn walk_in(&mut self, fs: &dyn Fs, dir: &Path, name: SegmentName) -> Result<Walk, JournalProblem> {
        match self.walk.take() {
            Some(mut walk) if walk.reader.name == name => {
                walk.reader.refresh()?;
                Ok(walk)
            }
            Some(_) | None => Walk::open(fs, dir, name, 0),
        }
    }
}
