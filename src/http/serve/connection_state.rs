//! The state of a connection, shared by its socket, its requests and their answers.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures::task::AtomicWaker;
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

/// The phase of a connection; see the diagram in `mod.rs`.
///
/// The order is the order of eviction when the limit of connections is reached. `Busy` connections are not evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConnectionPhase {
    Idle,
    Fresh,
    Head,
    Busy,
}

/// The phase; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionState(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    phase: AtomicU8,
    /// Counts the phase changes of all connections, which orders them without a clock.
    turns: Arc<AtomicU64>,
    /// The value of `turns` at the last change.
    changed: AtomicU64,
    requests: AtomicU64,
    /// The task that waits for the end of the answer to read the next request.
    reader: AtomicWaker,
}

impl ConnectionState {
    /// The state of a new connection; `turns` is shared by all connections.
    pub(super) fn new(turns: Arc<AtomicU64>) -> Self {
        let state = Self(Arc::new(Shared { turns, ..Shared::default() }));
        state.enter(ConnectionPhase::Fresh);
        state
    }

    /// The time of the last phase change, as a count: a smaller value is earlier.
    pub(super) fn changed(&self) -> u64 {
        self.0.changed.load(Ordering::Relaxed)
    }

    /// Counts a request of the connection. Returns the number of earlier ones.
    pub(super) fn count_request(&self) -> u64 {
        self.0.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn phase(&self) -> ConnectionPhase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => ConnectionPhase::Fresh,
            1 => ConnectionPhase::Idle,
            2 => ConnectionPhase::Head,
            _ => ConnectionPhase::Busy,
        }
    }

    pub(super) fn enter(&self, phase: ConnectionPhase) {
        let number = match phase {
            ConnectionPhase::Fresh => 0,
            ConnectionPhase::Idle => 1,
            ConnectionPhase::Head => 2,
            ConnectionPhase::Busy => 3,
        };
        if self.0.phase.swap(number, Ordering::AcqRel) != number || phase == ConnectionPhase::Fresh {
            let turn = self.0.turns.fetch_add(1, Ordering::Relaxed);
            self.0.changed.store(turn, Ordering::Relaxed);
        }
        match phase {
            ConnectionPhase::Idle => self.0.reader.wake(),
            ConnectionPhase::Fresh | ConnectionPhase::Head | ConnectionPhase::Busy => {}
        }
    }

    /// Wakes `waker` when the connection becomes idle.
    pub(super) fn wake_when_idle(&self, waker: &Waker) {
        self.0.reader.register(waker);
    }
}

/// A request's body that fails if no byte arrives within `body_gap`.
pub(super) struct Arriving {
    body: hyper::body::Incoming,
    gap: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: hyper::body::Incoming, gap: Duration) -> Self {
        Self { body, gap, timer: None }
    }
}

impl hyper::body::Body for Arriving {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.timer = None;
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.gap)));
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(Some(Err(Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body; the connection becomes idle at its end.
pub(super) struct Leaving {
    pub(super) body: Body,
    pub(super) state: ConnectionState,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.state.enter(ConnectionPhase::Idle);
    }
}

impl hyper::body::Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
