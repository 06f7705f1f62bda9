//! A socket that fails when its peer takes too long for the phase the connection is in.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use super::{
    Timeouts,
    connection_state::{ConnectionPhase, ConnectionState},
};

/// The socket under hyper.
pub(super) struct Guarded {
    stream: TcpStream,
    state: ConnectionState,
    timeouts: Timeouts,
    reading: Option<(ConnectionPhase, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
    /// The status with which hyper itself refused a head that it could not read.
    refused: Option<u16>,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, state: ConnectionState, timeouts: Timeouts) -> Self {
        Self { stream, state, timeouts, reading: None, writing: None, refused: None }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Whether the peer still owes us part of an answer's acceptance: then nothing may be written in between.
    pub(super) fn has_stalled_write(&self) -> bool {
        self.writing.is_some()
    }

    /// The status of hyper's own refusal, which was held back: whoever has the stream says it as a problem document.
    pub(super) fn refused(&self) -> Option<u16> {
        self.refused
    }

    /// Holds hyper's own refusal back. The connection is then in the head that cannot be read; or still idle by this
    /// count, when that head came in one packet with the request before and nothing was left to read.
    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        match self.state.phase() {
            ConnectionPhase::Head | ConnectionPhase::Idle => {}
            ConnectionPhase::Fresh | ConnectionPhase::Busy => return false,
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
            // Reading is bounded by the body's own timer, and the answer by the handler's.
            ConnectionPhase::Busy => {
                self.reading = None;
                return Poll::Pending;
            }
        };
        match &mut self.reading {
            Some((armed_in, timer)) if *armed_in == phase => poll_timer(timer, cx),
            Some(_) | None => {
                let (_, timer) = self.reading.insert((phase, sleep(limit)));
                poll_timer(timer, cx)
            }
        }
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

/// The status, if `bytes` are a refusal of hyper's own: these three headers and no body. Answers of ours have more, at
/// least the request's id.
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
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Pending => this.poll_read_limit(cx).map(Err),
            Poll::Ready(result) => {
                let got_bytes = buffer.filled().len() > before;
                if got_bytes && matches!(this.state.phase(), ConnectionPhase::Fresh | ConnectionPhase::Idle) {
                    this.state.enter(ConnectionPhase::Head);
                }
                Poll::Ready(result)
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
        // Whoever answers in hyper's place shuts the stream down.
        if this.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
