//! What a connection is doing, shared by its socket, its requests and their answers.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

/// The phase of a connection; see the picture in `mod.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionPhase {
    Fresh,
    Idle,
    Head,
    Busy,
}

/// The phase, readable from every side.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionState(Arc<AtomicU8>);

impl ConnectionState {
    pub(super) fn phase(&self) -> ConnectionPhase {
        match self.0.load(Ordering::Acquire) {
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
        self.0.store(number, Ordering::Release);
    }
}

/// A request's body that gives up when nothing comes for a while.
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

/// An answer's body, with whose end the connection becomes idle.
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
