//! Reusable timers for callers that wait. Registering a new timer with the runtime for each call takes the lock of its
//! clock twice, and wakes its driver if no earlier timer is set. A kept timer stays set. It fires early for the next
//! caller, which then sets it to its own deadline; most calls are answered long before.

use std::{
    future::Future,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::time::Sleep;

use super::sync::lock;
use crate::types::limits;

/// The idle timers of one system. A system and its timers belong to one runtime.
#[derive(Default)]
pub(super) struct Timers(Mutex<Vec<Pin<Box<Sleep>>>>);

impl Timers {
    /// Ends a wait at `at`. It costs nothing until it is polled.
    pub(super) fn until(&self, at: Instant) -> Deadline<'_> {
        Deadline { timers: self, at, timer: None }
    }

    fn arm(&self, at: Instant) -> Pin<Box<Sleep>> {
        let Some(mut timer) = lock(&self.0).pop() else { return Box::pin(tokio::time::sleep_until(at.into())) };
        if timer.is_elapsed() || timer.deadline() > at.into() {
            timer.as_mut().reset(at.into());
        }
        timer
    }

    fn keep(&self, timer: Pin<Box<Sleep>>) {
        let mut kept = lock(&self.0);
        if kept.len() < limits::IDLE_TIMERS_MAX {
            kept.push(timer);
        }
    }
}

/// The end of one wait.
pub(super) struct Deadline<'a> {
    timers: &'a Timers,
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline<'_> {
    /// Ready once the instant has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| self.timers.arm(self.at));
        let at = self.at.into();
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }

    /// The wait is over: the timer is kept for other callers. Until one of them takes it, it may wake the task that
    /// waited here once more, without effect.
    pub(super) fn spare(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.timers.keep(timer);
        }
    }
}
