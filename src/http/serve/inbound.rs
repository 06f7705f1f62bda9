//! What has arrived on a socket and is not hyper's yet.
//!
//! hyper reads whatever is there, and its parser takes what RFC 9112 refuses. Here a head is held until it is whole and
//! judged, and a body is given on to its end and no further, so that the next head is held and judged too.

use tokio::io::ReadBuf;

use super::{
    chunks::{ChunkFault, ChunkReader},
    head::{self, BodyFraming, HeadRefusal},
};
use crate::types::limits;

/// Bytes between the socket and hyper.
pub(super) struct Inbound {
    buffer: Vec<u8>,
    /// Bytes at the beginning of the buffer that hyper may have.
    free: usize,
    /// Bytes of a head that were looked at.
    scanned: usize,
    next: Expected,
    refusal: Option<HeadRefusal>,
    /// The other side sends no more.
    pub(super) ended: bool,
}

/// What comes behind the bytes that are free.
enum Expected {
    Head,
    Bytes(u64),
    Chunks(ChunkReader),
    /// Whatever it is, hyper refuses it.
    Refused,
}

/// Why no byte is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InboundWait {
    /// More has to arrive.
    ForMore,
    /// A new request has begun to arrive, or could, and the one before is not answered.
    ForTheAnswer,
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::new(), free: 0, scanned: 0, next: Expected::Head, refusal: None, ended: false }
    }

    /// Why hyper was made to refuse a head.
    pub(super) fn refusal(&self) -> Option<HeadRefusal> {
        self.refusal
    }

    pub(super) fn arrive(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether more may be taken from the socket: enough for a head that is too large, and no more.
    pub(super) fn has_room(&self) -> bool {
        self.buffer.len() <= limits::HEADERS_MAX
    }

    /// Whether a part of the next head has arrived.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.next, Expected::Head) && self.buffer.len() > self.free
    }

    /// Moves what is free to hyper.
    pub(super) fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.free.min(buffer.remaining());
        buffer.put_slice(&self.buffer[..count]);
        self.buffer.drain(..count);
        self.free -= count;
    }

    /// Frees what hyper may have; `is_answered`: no request is being answered, so that the next one may begin.
    ///
    /// Fails if a body is not what its head says.
    pub(super) fn release(&mut self, is_answered: bool) -> Result<Option<InboundWait>, ChunkFault> {
        if self.free > 0 {
            return Ok(None);
        }
        match &mut self.next {
            Expected::Head if !is_answered => return Ok(Some(InboundWait::ForTheAnswer)),
            Expected::Head => self.release_head(),
            Expected::Bytes(left) => {
                let there = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
                let taken = there.min(*left);
                *left -= taken;
                self.free = usize::try_from(taken).unwrap_or(usize::MAX);
                if *left == 0 {
                    self.next = Expected::Head;
                }
            }
            Expected::Chunks(reader) => {
                self.free = reader.read(&self.buffer)?;
                if reader.is_done() {
                    self.next = Expected::Head;
                }
            }
            Expected::Refused => self.free = self.buffer.len(),
        }
        Ok((self.free == 0).then_some(InboundWait::ForMore))
    }

    fn release_head(&mut self) {
        // RFC 9112 section 2.2: empty lines before a request line are ignored.
        while self.scanned == 0 && self.buffer.starts_with(b"\r\n") {
            self.buffer.drain(..2);
        }
        if self.buffer == b"\r" {
            return;
        }
        let found = head::scan(&self.buffer, self.scanned);
        self.scanned = self.buffer.len();
        let judged = match found {
            Ok(None) if self.buffer.len() < limits::HEADERS_MAX => return,
            // hyper says which part of it is too large.
            Ok(None) => {
                self.next = Expected::Refused;
                self.free = self.buffer.len();
                return;
            }
            Ok(Some(end)) => head::judge(&self.buffer[..end]).map(|framing| (end, framing)),
            Err(refusal) => Err(refusal),
        };
        match judged {
            Ok((end, framing)) => {
                self.scanned = 0;
                self.free = end;
                self.next = match framing {
                    BodyFraming::Length(0) => Expected::Head,
                    BodyFraming::Length(bytes) => Expected::Bytes(bytes),
                    BodyFraming::Chunked => Expected::Chunks(ChunkReader::new()),
                };
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Gives hyper something that it refuses in its turn: behind the answers that it has not written yet.
    fn refuse(&mut self, refusal: HeadRefusal) {
        const NO_HEAD: &[u8] = b"\0\r\n\r\n";
        self.refusal = Some(refusal);
        self.next = Expected::Refused;
        self.buffer = NO_HEAD.to_vec();
        self.free = NO_HEAD.len();
    }
}
