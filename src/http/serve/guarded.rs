//! A socket with a timeout for each phase of the connection, which passes only unambiguous heads to hyper.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use super::{
    Timeouts,
    chunks::ChunkFault,
    connection_state::{ConnectionPhase, ConnectionState},
    head::HeadRefusal,
    inbound::{Inbound, InboundWait},
};

/// The socket under hyper.
pub(super) struct Guarded {
    stream: TcpStream,
    state: ConnectionState,
    timeouts: Timeouts,
    reading: Option<(ConnectionPhase, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
    /// The status of hyper's own refusal of an unreadable head.
    refused: Option<u16>,
    inbound: Inbound,
    /// Whether a head was incomplete at its timeout.
    is_too_slow: bool,
}

/// The number of bytes per read of the socket.
const READ_SIZE: usize = 8 << 10;

impl Guarded {
    pub(super) fn new(stream: TcpStream, state: ConnectionState, timeouts: Timeouts) -> Self {
        let inbound = Inbound::new();
        Self { stream, state, timeouts, reading: None, writing: None, refused: None, inbound, is_too_slow: false }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Whether part of an answer is still unsent: no other bytes may be written then.
    pub(super) fn has_stalled_write(&self) -> bool {
        self.writing.is_some()
    }

    /// The status of hyper's own refusal, which was not written: the caller answers with a problem document.
    pub(super) fn refused(&self) -> Option<u16> {
        self.refused
    }

    /// The reason that the head was refused before hyper read it.
    pub(super) fn head_refusal(&self) -> Option<HeadRefusal> {
        self.inbound.refusal()
    }

    /// Whether a head was incomplete at its timeout.
    pub(super) fn is_too_slow(&self) -> bool {
        self.is_too_slow
    }

    /// Discards hyper's own refusal. The connection is then in the phase `Head` with an unreadable head.
    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        match self.state.phase() {
            ConnectionPhase::Head => {}
            ConnectionPhase::Fresh | ConnectionPhase::Idle | ConnectionPhase::Busy => return false,
        }
        let refusal = refusal_of_hyper(bytes);
        self.refused = self.refused.or(refusal);
        refusal.is_some()
    }

    fn poll_read_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let phase = self.state.phase();
        let limit = match phase {
            ConnectionPhase::Fresh | ConnectionPhase::Head => self.timeouts.head,
            ConnectionPhase::Idle => self.timeouts.idle,
            // The body's timer limits reading, and the handler's time limit the answer.
            ConnectionPhase::Busy => {
                self.reading = None;
                return Poll::Pending;
            }
        };
        let polled = match &mut self.reading {
            Some((armed_in, timer)) if *armed_in == phase => poll_timer(timer, cx),
            Some(_) | None => {
                let (_, timer) = self.reading.insert((phase, sleep(limit)));
                poll_timer(timer, cx)
            }
        };
        self.is_too_slow |= polled.is_ready() && phase == ConnectionPhase::Head;
        polled
    }

    /// Reads the bytes that have arrived on the socket.
    fn poll_arrive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; READ_SIZE];
        let mut arrived = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut arrived))?;
        self.inbound.ended = arrived.filled().is_empty();
        self.inbound.arrive(arrived.filled());
        Poll::Ready(Ok(()))
    }

    /// While a request is answered, the next one does not begin, but the end of the stream is detected.
    fn poll_behind_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Registered before the phase is read again, so that no change is missed.
        self.state.wake_when_idle(cx.waker());
        while self.state.phase() == ConnectionPhase::Busy {
            if self.inbound.ended {
                return if self.inbound.has_begun() { Poll::Pending } else { Poll::Ready(Ok(())) };
            }
            if !self.inbound.has_space() {
                return Poll::Pending;
            }
            ready!(self.poll_arrive(cx))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn watch_write<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.writing = None;
            return progress;
        }
        let limit = self.timeouts.write;
        poll_timer(self.writing.get_or_insert_with(|| sleep(limit)), cx).map(Err)
    }
}

/// The status, if `bytes` are hyper's own refusal: exactly these three headers and no body. Answers of the edge have
/// more headers, at least the request id.
fn refusal_of_hyper(bytes: &[u8]) -> Option<u16> {
    const HEADERS: [&str; 3] = ["connection", "content-length", "date"];
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 4")?.get(..2)?.parse::<u16>().ok()?;
    let is_expected = |line: &str| {
        line.split_once(':').is_some_and(|(name, _)| HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)))
    };
    lines.all(is_expected).then_some(400 + status)
}

fn sleep(limit: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(limit))
}

fn poll_timer(timer: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>) -> Poll<io::Error> {
    timer.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let phase = this.state.phase();
            let is_answered = phase != ConnectionPhase::Busy;
            if is_answered && this.inbound.has_begun() {
                this.state.enter(ConnectionPhase::Head);
            }
            match this.inbound.release(is_answered) {
                Ok(None) => {
                    this.inbound.give(buffer);
                    return Poll::Ready(Ok(()));
                }
                Ok(Some(InboundWait::ForTheAnswer)) => return this.poll_behind_request(cx),
                Ok(Some(InboundWait::ForMore)) if this.inbound.ended => return Poll::Ready(Ok(())),
                Ok(Some(InboundWait::ForMore)) => {}
                Err(ChunkFault) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
            match this.poll_arrive(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return this.poll_read_limit(cx).map(Err),
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.holds_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let progress = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch_write(cx, progress)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let [only] = slices
            && this.holds_back(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        let progress = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.watch_write(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The code that answers in place of hyper shuts the stream down.
        if this.refused.is_some() || this.is_too_slow {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
