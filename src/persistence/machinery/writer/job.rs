//! A closure that waits for the writer, and the caller that waits for its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{
    persistence::machinery::{
        decision::{Decision, Stop},
        journal::frame::FrameTime,
        lease::LeaseFence,
        reader::TxFault,
        tx::{Tx, TxBase, TxContext, TxOutput},
    },
    types::{Call, CallContext, Failure, Fault, Stamp, Work},
};

/// The context of a transaction.
#[derive(Debug, Clone)]
pub struct Write {
    /// The call's deadline and progress: after the deadline nothing is started.
    pub work: Work,
    /// Time and randomness, sampled before.
    pub stamp: Stamp,
    /// The caller, its origin and its request.
    pub context: CallContext,
    /// The free space that it requires on the disk.
    pub room: WriteRoom,
    /// The lane in which it waits for the writer.
    pub lane: WriteLane,
    /// The leases under which it runs: it is refused with `Unavailable` when one of them is over.
    pub leases: Vec<LeaseFence>,
    /// Whether the stamp's time is the present time by an operator's decision, also if commits have later times.
    pub step: FrameTime,
}

impl Write {
    /// A write that is refused below `limits::DISK_FULL`, in the lane `Prompt`.
    pub fn new(work: Work, stamp: Stamp, context: CallContext) -> Self {
        Self {
            work,
            stamp,
            context,
            room: WriteRoom::Service,
            lane: WriteLane::Prompt,
            leases: Vec::new(),
            step: FrameTime::Onward,
        }
    }

    /// One transaction of `call`, stamped by the caller.
    pub fn of(call: &Call, stamp: Stamp) -> Self {
        Self::new(call.work.clone(), stamp, call.context.clone())
    }

    /// A write that adds optional data (registrations, imports, sends): refused below `limits::DISK_LOW`.
    #[must_use]
    pub fn growth(self) -> Self {
        Self { room: WriteRoom::Growth, ..self }
    }

    /// A write that frees space or ends access (logout, end of sessions, expiry, retention): never refused for lack of
    /// space.
    #[must_use]
    pub fn reclaim(self) -> Self {
        Self { room: WriteRoom::Reclaim, ..self }
    }

    /// A write by the holder of a lease: it is refused with `Unavailable`, and nothing is committed, when that lease is
    /// over before the transaction runs.
    #[must_use]
    pub fn under(mut self, lease: LeaseFence) -> Self {
        self.leases.push(lease);
        self
    }

    /// The write by which an operator accepts the stamp's time. Its frame is marked, and the times of later commits
    /// begin there. The clock has to show the accepted time before this write is queued.
    #[must_use]
    pub fn accepting_its_time(self) -> Self {
        Self { step: FrameTime::Accepted, ..self }
    }

    /// A batch that no caller waits for (upkeep, imports). While prompt closures wait it uses at most a quarter of each
    /// group; it has a separate queue.
    #[must_use]
    pub fn bulk(self) -> Self {
        Self { lane: WriteLane::Bulk, ..self }
    }
}

/// Whether a write is accepted when the disk is nearly full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteRoom {
    /// Adds optional data: refused below `limits::DISK_LOW`.
    Growth,
    /// Needed to serve existing users: refused below `limits::DISK_FULL`.
    Service,
    /// Frees space or ends access: never refused.
    Reclaim,
}

/// The lane in which a closure waits for the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteLane {
    /// A caller waits for the answer.
    Prompt,
    /// A batch that no caller waits for: it uses a quarter of a group while prompt closures wait.
    Bulk,
}

/// How one run of a closure ended.
pub(crate) enum Ran {
    /// There is something to commit.
    Commit(TxOutput),
    /// There is nothing to commit.
    Discard,
    /// The run failed; none of it is committed.
    Failed(Fault),
    /// The tree could not be read; none of it is committed, and the store is lost.
    Lost(TxFault),
}

/// A closure as the writer sees it, independent of its answer.
pub(crate) trait Job: Send {
    fn write(&self) -> &Write;
    /// Runs the closure over `base` and stores its answer for later. May be called again.
    fn run(&mut self, base: TxBase<'_>) -> Ran;
    /// Answers the waiting caller with the result of the last run, or with a fault.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

/// A closure `f` and the channel of its answer.
pub(crate) struct Closure<T, R, F> {
    pub(crate) write: Write,
    pub(crate) ticket: u64,
    pub(crate) f: F,
    pub(crate) answer: Option<Answered<T, R>>,
    pub(crate) reply: oneshot::Sender<Result<T, Failure<R>>>,
}

/// The decision of the last run of a closure.
pub(crate) enum Answered<T, R> {
    Done(T),
    Refused(R),
}

impl<T, R, F> Job for Closure<T, R, F>
where
    T: Send,
    R: Send,
    F: Fn(&mut Tx<'_>) -> Decision<T, R> + Send,
{
    fn write(&self) -> &Write {
        &self.write
    }

    fn run(&mut self, base: TxBase<'_>) -> Ran {
        let Write { stamp, context, .. } = &self.write;
        let around = TxContext { base, stamp: *stamp, ticket: self.ticket, context };
        let mut tx = Tx::begin(&around);
        // The closure's state is dropped with its answer, and its layer of writes with `tx`: nothing that a panic may
        // have left inconsistent is read again.
        match catch_unwind(AssertUnwindSafe(|| run_checked(&self.f, &mut tx))) {
            Ok(Ok(answer)) => {
                self.answer = Some(Answered::Done(answer));
                Ran::Commit(tx.into_output())
            }
            Ok(Err(Stop::RefuseAndKeep(refusal))) => {
                self.answer = Some(Answered::Refused(refusal));
                Ran::Commit(tx.into_output())
            }
            Ok(Err(Stop::Refuse(refusal))) => {
                self.answer = Some(Answered::Refused(refusal));
                Ran::Discard
            }
            Ok(Err(Stop::Fault(fault @ (TxFault::Engine(_) | TxFault::Damaged(_))))) => Ran::Lost(fault),
            Ok(Err(Stop::Fault(
                fault @ (TxFault::Conflict | TxFault::TooLarge(_) | TxFault::Corrupt(_) | TxFault::Check(_)),
            ))) => Ran::Failed(Fault::bug(fault.to_string())),
            Err(panic) => Ran::Failed(Fault::bug(format!("a transaction panicked: {}", words_of(panic.as_ref())))),
        }
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let Self { answer, reply, .. } = *self;
        let answer = match (outcome, answer) {
            (Ok(()), Some(Answered::Done(answer))) => Ok(answer),
            (Ok(()), Some(Answered::Refused(refusal))) => Err(Failure::Refused(refusal)),
            (Ok(()), None) => Err(Failure::Fault(Fault::bug("a transaction left no answer"))),
            (Err(fault), _) => Err(Failure::Fault(fault)),
        };
        // The caller may have left; then the answer is dropped.
        let _ = reply.send(answer);
    }
}

/// Runs `f`, and the registered checks over its changes if they are to be committed.
fn run_checked<T, R>(f: impl Fn(&mut Tx<'_>) -> Decision<T, R>, tx: &mut Tx<'_>) -> Decision<T, R> {
    let decision = f(tx);
    match &decision {
        Ok(_) | Err(Stop::RefuseAndKeep(_)) => tx.check()?,
        Err(Stop::Refuse(_) | Stop::Fault(_)) => {}
    }
    decision
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> &str {
    if let Some(words) = panic.downcast_ref::<&str>() {
        words
    } else if let Some(words) = panic.downcast_ref::<String>() {
        words
    } else {
        "no message"
    }
}
