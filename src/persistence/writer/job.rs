//! A closure that waits for the writer, and whoever waits for its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{
    persistence::{
        reader::TxFault,
        tx::{Tx, TxBase, TxContext, TxOutput, Verdict},
    },
    types::{CallContext, Fault, Stamp, Work},
};

/// What accompanies a transaction.
#[derive(Debug, Clone)]
pub struct Write {
    /// The call's deadline and progress: after the deadline nothing is started.
    pub work: Work,
    /// Time and chance, sampled by the flow.
    pub stamp: Stamp,
    /// On whose behalf.
    pub context: CallContext,
}

/// Whether a commit may still be made when the disk is nearly full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Brings in more than it must: refused under `limits::DISK_LOW`.
    Growth,
    /// Needed to serve who is there: refused under `limits::DISK_FULL`.
    Service,
    /// Frees space or ends access: never refused.
    Reclaim,
}

/// In which line a closure waits for the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteLane {
    /// Somebody waits for the answer.
    Prompt,
    /// A batch that nobody waits for: it leaves most of each group to the others.
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
    fn need(&self) -> Need;
    fn lane(&self) -> WriteLane;
    /// Runs the closure over `base` and keeps its answer for later. May be called again.
    fn run(&mut self, base: TxBase<'_>) -> Ran;
    /// Tells whoever waits: what the last run answered, or a fault.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

/// A closure `f` and the place its answer goes.
pub(crate) struct Closure<T, F> {
    pub(crate) write: Write,
    pub(crate) ticket: u64,
    pub(crate) need: Need,
    pub(crate) lane: WriteLane,
    pub(crate) f: F,
    pub(crate) answer: Option<T>,
    pub(crate) reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> Job for Closure<T, F>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<Verdict<T>, TxFault> + Send,
{
    fn write(&self) -> &Write {
        &self.write
    }

    fn need(&self) -> Need {
        self.need
    }

    fn lane(&self) -> WriteLane {
        self.lane
    }

    fn run(&mut self, base: TxBase<'_>) -> Ran {
        let Write { stamp, context, .. } = &self.write;
        let around = TxContext { base, stamp: *stamp, ticket: self.ticket, context };
        let mut tx = Tx::begin(&around);
        // The closure's own state is dropped with its answer, and the layer it wrote on with `tx`: nothing that a
        // panic could have left half done is looked at again.
        match catch_unwind(AssertUnwindSafe(|| (self.f)(&mut tx))) {
            Ok(Ok(Verdict::Commit(answer))) => {
                self.answer = Some(answer);
                Ran::Commit(tx.into_output())
            }
            Ok(Ok(Verdict::Discard(answer))) => {
                self.answer = Some(answer);
                Ran::Discard
            }
            Ok(Err(TxFault::Engine(reason))) => Ran::Lost(reason),
            Ok(Err(fault @ (TxFault::Conflict | TxFault::TooLarge(_) | TxFault::Corrupt(_)))) => {
                Ran::Failed(Fault::bug(fault.to_string()))
            }
            Err(panic) => Ran::Failed(Fault::bug(format!("a transaction panicked: {}", words_of(panic.as_ref())))),
        }
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let Self { answer, reply, .. } = *self;
        let answer = outcome.and_then(|()| answer.ok_or_else(|| Fault::bug("a transaction left no answer")));
        // Whoever asked may have gone; then the answer is nobody's.
        let _ = reply.send(answer);
    }
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
