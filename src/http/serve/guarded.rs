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
    Patience,
    pulse::{Phase, Pulse},
};

/// The socket under hyper.
pub(super) struct Guarded {
    stream: TcpStream,
    pulse: Pulse,
    patience: Patience,
    reading: Option<(Phase, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, pulse: Pulse, patience: Patience) -> Self {
        Self { stream, pulse, patience, reading: None, writing: None }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Whether the peer still owes us part of an answer's acceptance: then nothing may be written in between.
    pub(super) fn has_stalled_write(&self) -> bool {
        self.writing.is_some()
    }

    fn poll_read_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let phase = self.pulse.phase();
        let limit = match phase {
            Phase::Fresh | Phase::Head => self.patience.head,
            Phase::Idle => self.patience.idle,
            // Reading is bounded by the body's own timer, and the answer by the handler's.
            Phase::Busy => {
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
        let limit = self.patience.write;
        poll_timer(self.writing.get_or_insert_with(|| sleep(limit)), cx).map(Err)
    }
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
                if got_bytes && matches!(this.pulse.phase(), Phase::Fresh | Phase::Idle) {
                    this.pulse.enter(Phase::Head);
                }
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let progress = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch_write(cx, progress)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
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
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
