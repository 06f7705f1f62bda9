//! The bytes that have arrived on a socket and that hyper has not received yet.
//!
//! hyper reads all available bytes, and its parser accepts forms that RFC 9112 forbids. This buffer holds a head back
//! until it is complete and checked, and passes a body on exactly to its end, so that the next head is checked too.

use tokio::io::ReadBuf;

use super::{
    chunks::{ChunkFault, ChunkReader},
    head::{self, BodyFraming, HeadRefusal},
};
use crate::types::limits;

/// Bytes between the socket and hyper.
pub(super) struct Inbound {
    buffer: Vec<u8>,
    /// The number of bytes at the start of the buffer that hyper may read.
    free: usize,
    /// The number of bytes of a head that were scanned.
    scanned: usize,
    next: Expected,
    refusal: Option<HeadRefusal>,
    /// The peer has closed its side.
    pub(super) ended: bool,
}

/// What follows the bytes that hyper may read.
enum Expected {
    Head,
    Bytes(u64),
    Chunks(ChunkReader),
    /// A refused head; the bytes in the buffer make hyper refuse it too.
    Refused,
}

/// The reason that hyper may read no byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InboundWait {
    /// The rest of the head or body has not arrived.
    ForMore,
    /// The next request has to wait until the current one is answered.
    ForTheAnswer,
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::new(), free: 0, scanned: 0, next: Expected::Head, refusal: None, ended: false }
    }

    /// The reason of a refused head.
    pub(super) fn refusal(&self) -> Option<HeadRefusal> {
        self.refusal
    }

    pub(super) fn arrive(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether more bytes may be read from the socket: up to one byte more than the largest head.
    pub(super) fn has_space(&self) -> bool {
        self.buffer.len() <= limits::HEADERS_MAX
    }

    /// Whether a part of the next head has arrived.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.next, Expected::Head) && self.buffer.len() > self.free
    }

    /// Moves the released bytes to hyper.
    pub(super) fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.free.min(buffer.remaining());
        buffer.put_slice(&self.buffer[..count]);
        self.buffer.drain(..count);
        self.free -= count;
    }

    /// Releases bytes to hyper. `is_answered`: no request is being answered, so the next one may begin.
    ///
    /// Fails if a chunked body is malformed.
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
        // Empty lines before a request line are ignored (RFC 9112 section 2.2).
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
            // The head is too large; hyper reports which part of it.
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

    /// Gives hyper bytes that it refuses, so that the refusal follows the answers that hyper has not written yet.
    fn refuse(&mut self, refusal: HeadRefusal) {
        const NO_HEAD: &[u8] = b"\0\r\n\r\n";
        self.refusal = Some(refusal);
        self.next = Expected::Refused;
        self.buffer = NO_HEAD.to_vec();
        self.free = NO_HEAD.len();
    }
}
