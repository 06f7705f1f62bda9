//! The reply to a caller. Every call is answered: by its handler, or by what became of it.

use std::{sync::Arc, thread};

use tokio::sync::oneshot;

use super::record::ActorRecord;
use crate::types::{Fault, Work};

/// Answers one call. A reply that is dropped unanswered sends the fault that fits the progress of the call:
///
/// ```text
/// still queued                      Unavailable (Expired past the deadline)
/// begun, no transaction started     Bug         (Unavailable while the actor is being stopped)
/// a transaction was started         Unknown
/// ```
pub struct Reply<T> {
    sender: Option<oneshot::Sender<Result<T, Fault>>>,
    work: Work,
    record: Arc<ActorRecord>,
}

impl<T> Reply<T> {
    pub(super) fn new(sender: oneshot::Sender<Result<T, Fault>>, work: Work, record: Arc<ActorRecord>) -> Self {
        Self { sender: Some(sender), work, record }
    }

    /// Answers. A caller that no longer waits is not an error.
    pub fn send(self, answer: T) {
        self.answer(Ok(answer));
    }

    /// Answers with a fault.
    pub fn fail(self, fault: Fault) {
        self.record.counts.failed.add();
        self.answer(Err(fault));
    }

    /// Answers with the result.
    pub fn finish(self, outcome: Result<T, Fault>) {
        match outcome {
            Ok(answer) => self.send(answer),
            Err(fault) => self.fail(fault),
        }
    }

    fn answer(mut self, answer: Result<T, Fault>) {
        if let Some(sender) = self.sender.take() {
            // The caller may no longer wait.
            let _ = sender.send(answer);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let Some(sender) = self.sender.take() else { return };
        let fault = if self.work.has_started_writing() {
            Fault::unknown("the work was dropped after a transaction was started")
        } else if self.work.is_abandoned() {
            Fault::Expired
        } else if !self.work.has_begun() || (self.record.is_leaving() && !thread::panicking()) {
            Fault::Unavailable
        } else {
            Fault::bug("the call was dropped without an answer")
        };
        let _ = sender.send(Err(fault));
    }
}
