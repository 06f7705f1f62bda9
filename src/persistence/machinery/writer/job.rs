//! A closure that waits for the writer, and whoever waits for its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{
    persistence::machinery::{
        decision::{Decision, Stop},
        reader::TxFault,
        tx::{Tx, TxBase, TxContext, TxOutput},
    },
    types::{Call, CallContext, Failure, Fault, Stamp, Work},
};

/// What accompanies a transaction.
#[derive(Debug, Clone)]
pub struct Write {
    /// The call's deadline and progress: after the deadline nothing is started.
    pub work: Work,
    /// Time and randomness, sampled before.
    pub stamp: Stamp,
    /// On whose behalf.
    pub context: CallContext,
    /// What it needs of a disk that is nearly full.
    pub room: WriteRoom,
    /// In which line it waits for the writer.
    pub lane: WriteLane,
}

impl Write {
    /// A write with the room `Service` in the lane `Prompt`.
    pub fn new(work: Work, stamp: Stamp, context: CallContext) -> Self {
        Self { work, stamp, context, room: WriteRoom::Service, lane: WriteLane::Prompt }
    }

    /// One transaction of `call`, stamped by the caller.
    pub fn of(call: &Call, stamp: Stamp) -> Self {
        Self::new(call.work.clone(), stamp, call.context.clone())
    }

    /// The same for what brings in more than it must (registrations, imports, sends): refused earlier than the rest
    /// when the disk gets full.
    #[must_use]
    pub fn growth(self) -> Self {
        Self { room: WriteRoom::Growth, ..self }
    }

    /// The same for what frees space or ends access (logout, end of sessions, expiry, retention): works when the disk
    /// is nearly full.
    #[must_use]
    pub fn reclaim(self) -> Self {
        Self { room: WriteRoom::Reclaim, ..self }
    }

    /// The same as a batch that no caller waits for (upkeep, imports). While others wait it has at most a quarter of
    /// each group, and a queue of its own.
    #[must_use]
    pub fn bulk(self) -> Self {
        Self { lane: WriteLane::Bulk, ..self }
    }
}

/// Whether a commit may still be made when the disk is nearly full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteRoom {
    /// Brings in more than it must: refused under `limits::DISK_LOW`.
    Growth,
    /// Needed to serve the present users: refused under `limits::DISK_FULL`.
    Service,
    /// Frees space or ends access: never refused.
    Reclaim,
}

/// In which line a closure waits for the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteLane {
    /// A caller waits for the answer.
    Prompt,
    /// A batch that no caller waits for: it leaves most of each group to the others.
    Bulk,
}

/// How one run of a closure ended.
pub(crate) enum Ran {
    /// It has something to keep.
    Commit(TxOutput),
    /// It has nothing to keep.
    Discard,
    /// It failed; nothing of it is kept.
    Failed(Fault),
    /// The tree could not be read; nothing of it is kept and nothing more can be.
    Lost(String),
}

/// What the writer knows of a closure, whatever it answers.
pub(crate) trait Job: Send {
    fn write(&self) -> &Write;
    /// Runs the closure over `base` and keeps its answer for later. May be called again.
    fn run(&mut self, base: TxBase<'_>) -> Ran;
    /// Tells the caller that waits: what the last run answered, or a fault.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

/// A closure `f` and the place its answer goes.
pub(crate) struct Closure<T, R, F> {
    pub(crate) write: Write,
    pub(crate) ticket: u64,
    pub(crate) f: F,
    pub(crate) answer: Option<Answered<T, R>>,
    pub(crate) reply: oneshot::Sender<Result<T, Failure<R>>>,
}

/// What the last run of a closure decided.
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
        // The closure's own state is dropped with its answer, and the layer it wrote on with `tx`: nothing that a
        // panic could have left half done is looked at again.
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
            Ok(Err(Stop::Fault(TxFault::Engine(reason)))) => Ran::Lost(reason),
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
        // The caller may have gone; then the answer is dropped.
        let _ = reply.send(answer);
    }
}

/// Runs `f`, and the registered checks over what it leaves to be kept.
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
