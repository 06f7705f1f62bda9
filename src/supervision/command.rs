//! Commands: what a service is asked to do, and the one actor that runs them as jobs.
//!
//! A service whose actor keeps no state of its own is a context and its commands. Each command stands in a file of its
//! own, whose name is its `KIND`; the actor, its message and its handle are the same for every service.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    address::Addr,
    reply::Reply,
    service::{Cx, Message, Service},
    spec::Spec,
    supervisor::Supervisor,
};
use crate::types::{Call, CallContext, Failure, Fault, Work};

/// What the commands of one service share: the store, keys, settings, handles of other services. A cache at most: the
/// truth is in the store.
pub trait CommandContext: Send + Sync + 'static {
    /// Under which name operators see the service's actor, e.g. `AuthActor`.
    const KIND: &'static str;
}

/// One thing a service can be asked to do.
pub trait Command<C: CommandContext>: Send + Sized + 'static {
    /// What comes of it.
    type Answer: Send + 'static;
    /// Why the domain says no; `Infallible` where it never does.
    type Refusal: Send + 'static;
    /// Its name in figures and logs, in snake case; the stem of its file.
    const KIND: &'static str;
    /// How long a caller waits, in the mailbox and for the answer.
    const DEADLINE: Duration;

    /// Does it. Runs as a job: it may await hashes, commits and other services, and outlives a crash of the actor.
    fn run(
        self,
        context: Arc<C>,
        call: Call,
    ) -> impl Future<Output = Result<Self::Answer, Failure<Self::Refusal>>> + Send;
}

/// The message of every `CommandActor`: a command that has not begun.
pub struct CommandMessage<C: CommandContext> {
    kind: &'static str,
    start: Start<C>,
}

type Start<C> = Box<dyn FnOnce(&Arc<C>, &Cx<CommandMessage<C>>, Work) + Send>;

/// What a command came to, for the caller that waits; a fault travels beside it.
enum Concluded<T, R> {
    Answered(T),
    Refused(R),
}

impl<C: CommandContext> CommandMessage<C> {
    /// Starts `command` as a job that answers `reply`.
    fn asked<K: Command<C>>(origin: CallContext, command: K, reply: Reply<Concluded<K::Answer, K::Refusal>>) -> Self {
        let start: Start<C> = Box::new(move |context, cx, work| {
            let run = command.run(Arc::clone(context), Call { work: work.clone(), context: origin });
            cx.job(work, K::KIND, async move {
                match run.await {
                    Ok(answer) => reply.send(Concluded::Answered(answer)),
                    Err(Failure::Refused(refusal)) => reply.send(Concluded::Refused(refusal)),
                    Err(Failure::Fault(fault)) => reply.fail(fault),
                }
            });
        });
        Self { kind: K::KIND, start }
    }

    /// Starts `command` as a job whose answer no caller waits for. A fault is logged.
    fn told<K: Command<C>>(origin: CallContext, command: K) -> Self {
        let start: Start<C> = Box::new(move |context, cx, work| {
            let run = command.run(Arc::clone(context), Call { work: work.clone(), context: origin });
            cx.job(work, K::KIND, async move {
                match run.await {
                    Ok(_) | Err(Failure::Refused(_)) => {}
                    Err(Failure::Fault(fault)) => {
                        tracing::debug!(command = K::KIND, %fault, "a command without a caller failed");
                    }
                }
            });
        });
        Self { kind: K::KIND, start }
    }
}

impl<C: CommandContext> Message for CommandMessage<C> {
    fn kind(&self) -> &'static str {
        self.kind
    }
}

/// The actor of a service that keeps no state: it starts a job for each command and is free for the next.
pub struct CommandActor<C: CommandContext> {
    context: Arc<C>,
}

impl<C: CommandContext> Service for CommandActor<C> {
    type Message = CommandMessage<C>;
    type State = ();
    const KIND: &'static str = C::KIND;

    async fn start(&self, _: &Cx<CommandMessage<C>>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, cx: &Cx<CommandMessage<C>>, (): &mut (), message: CommandMessage<C>, work: Work) {
        (message.start)(&self.context, cx, work);
    }
}

/// How a service is asked. Cheap to clone; good over restarts of its actor.
pub struct Handle<C: CommandContext> {
    addr: Addr<CommandMessage<C>>,
    context: Arc<C>,
}

impl<C: CommandContext> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self { addr: self.addr.clone(), context: Arc::clone(&self.context) }
    }
}

impl<C: CommandContext> Handle<C> {
    /// Runs a command and waits for what comes of it, for `K::DEADLINE` at most.
    ///
    /// Fails with the command's own refusal, or with the faults of `Addr::call`: `Overloaded`, `Unavailable`,
    /// `Expired`, `Unknown`, `Bug`, `StorageFull`.
    pub async fn run<K: Command<C>>(&self, origin: CallContext, command: K) -> Result<K::Answer, Failure<K::Refusal>> {
        let concluded = self.addr.call(K::DEADLINE, |reply| CommandMessage::asked(origin, command, reply)).await;
        match concluded? {
            Concluded::Answered(answer) => Ok(answer),
            Concluded::Refused(refusal) => Err(Failure::Refused(refusal)),
        }
    }

    /// Has a command run for whose answer no caller waits; its time begins when it is handled.
    ///
    /// Fails with `Overloaded` or `Unavailable` if it was not taken.
    pub fn start<K: Command<C>>(&self, origin: CallContext, command: K) -> Result<(), Fault> {
        self.addr.cast(CommandMessage::told(origin, command))
    }

    /// What the commands share, for reads that need no place in the mailbox.
    pub fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Where the actor is in the tree.
    pub fn path(&self) -> &str {
        self.addr.path()
    }
}

impl Supervisor {
    /// The command actor of `context`. Its handle is good at once and over restarts.
    pub fn commands<C: CommandContext>(&mut self, spec: Spec, context: Arc<C>) -> Handle<C> {
        let shared = Arc::clone(&context);
        let addr = self.service(spec, move || CommandActor { context: Arc::clone(&shared) });
        Handle { addr, context }
    }
}
