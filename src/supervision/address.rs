//! Addresses of actors: stable over restarts, bounded, with a deadline, answered with a typed fault.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    envelope::{MessageEnvelope, SendKind},
    record::ActorRecord,
    reply::Reply,
    service::Message,
    slot::ActorSlot,
};
use crate::types::{Fault, Left, Observer, Work, limits};

/// The address of a service.
pub struct Addr<M: Message>(pub(super) Arc<ActorSlot<M>>);

impl<M: Message> Clone for Addr<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> Addr<M> {
    /// Sends the message that `make` builds around a reply, and waits for the answer, for at most `deadline`.
    ///
    /// Fails with `Overloaded` (no permit), `Unavailable` (no running actor, or it ended before it began the message),
    /// `Expired` or `Unknown` (the deadline passed before or after a transaction was started), `Bug` (a panic), and
    /// with the fault that the handler answers. Dropping the future abandons the work: nothing new is started for it.
    pub async fn call<T: Send + 'static>(
        &self,
        deadline: Duration,
        make: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, Fault> {
        let now = self.0.system().instant();
        let work = self.0.admit(now + deadline)?;
        ask(&self.0, work, now, make, |envelope| self.0.post(envelope)).await
    }

    /// Sends a message whose handling no caller awaits; its work gets `limits::CALL_DEADLINE` from when it begins.
    ///
    /// Fails with `Overloaded` (no permit) or `Unavailable` (no running actor).
    pub fn cast(&self, message: M) -> Result<(), Fault> {
        let now = self.0.system().instant();
        let work = self.0.admit(now + limits::CALL_DEADLINE)?;
        self.0.post(MessageEnvelope::new(message, work, SendKind::Cast, &self.0, now))
    }

    /// Sends a message without data, so that the actor reads its state again. At most one is queued; it needs no permit
    /// and waits for a restart. A nudge that arrives after one was begun is queued again.
    pub fn nudge(&self, make: impl FnOnce() -> M) {
        self.0.nudge(make);
    }

    /// The actor's path in the tree.
    pub fn path(&self) -> &str {
        &self.0.record().path
    }
}

/// A call that has its permit: the message and the wait for the answer. `post` delivers to the actor.
pub(super) async fn ask<M: Message, T: Send + 'static>(
    slot: &Arc<ActorSlot<M>>,
    work: Work,
    now: Instant,
    make: impl FnOnce(Reply<T>) -> M,
    post: impl FnOnce(MessageEnvelope<M>) -> Result<(), Fault>,
) -> Result<T, Fault> {
    let mut caller = Caller { work: work.observer(), record: slot.record(), is_waiting: true };
    let mut deadline = slot.system().timers().until(work.deadline);
    let (sender, mut answer) = oneshot::channel();
    let message = make(Reply::new(sender, work.clone(), Arc::clone(slot.record())));
    let posted = post(MessageEnvelope::new(message, work, SendKind::Call, slot, now));
    if let Err(fault) = posted {
        caller.is_waiting = false;
        return Err(fault);
    }
    let waited = poll_fn(|cx| match Pin::new(&mut answer).poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => deadline.poll(cx).map(|()| None),
    })
    .await;
    deadline.spare();
    caller.is_waiting = false;
    let answer = match waited {
        Some(Ok(answer)) => answer,
        // Not reached while `Reply` exists: a dropped reply always sends a fault.
        Some(Err(_)) => Err(Fault::Unavailable),
        None => match caller.work.abandon() {
            Left::Undone => Err(Fault::Expired),
            Left::Writing => Err(Fault::unknown("the deadline passed after a transaction was started")),
            Left::Answered => answer.try_recv().unwrap_or_else(|_| Err(Fault::unknown("the answer was lost"))),
        },
    };
    if matches!(answer, Err(Fault::Expired)) {
        slot.record().counts.expired.add();
    }
    answer
}

/// Abandons the work if the caller is dropped while it waits.
struct Caller<'a> {
    work: Observer,
    record: &'a ActorRecord,
    is_waiting: bool,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.work.abandon();
            self.record.counts.abandoned.add();
        }
    }
}
