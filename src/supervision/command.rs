//! Commands of services, and the one actor that runs them as jobs.
//!
//! A service whose actor keeps no state is a context and its commands. Each command has a file of its own, whose name
//! is its `KIND`; the actor, its message and its handle are the same for every service.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    address::Addr,
    reply::Reply,
    service::{Cx, Message, Service},
    spec::Spec,
    supervisor::Supervisor,
};
use crate::types::{Call, CallContext, Failure, Fault, Work};

/// What the commands of one service share: the store, keys, settings, handles of other services. It holds caches at
/// most; the store is the source of truth.
pub trait CommandContext: Send + Sync + 'static {
    /// The name of the service's actor for operators, e.g. `AuthActor`.
    const KIND: &'static str;
}

/// A command of a service.
pub trait Command<C: CommandContext>: Send + Sized + 'static {
    /// The result of a successful run.
    type Answer: Send + 'static;
    /// The refusal by a rule of the domain; `Infallible` if the command is never refused.
    type Refusal: Send + 'static;
    /// The name in statistics and logs, in snake case; the stem of the command's file.
    const KIND: &'static str;
    /// The maximum wait of a caller, in the mailbox and for the answer.
    const DEADLINE: Duration;

    /// Runs the command as a job: it may await hashes, commits and other services, and survives a crash of the actor.
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

/// The answer or the refusal of a command. A fault is sent separately.
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

    /// Starts `command` as a job whose answer no caller awaits. A fault is logged.
    fn unawaited<K: Command<C>>(origin: CallContext, command: K) -> Self {
        let start: Start<C> = Box::new(move |context, cx, work| {
            let run = command.run(Arc::clone(context), Call { work: work.clone(), context: origin });
            cx.job(work, K::KIND, async move {
                match run.await {
                    Ok(_) | Err(Failure::Refused(_)) => {}
                    Err(Failure::Fault(fault)) => {
                        tracing::warn!(command = K::KIND, %fault, "a command whose answer no caller awaits failed");
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

/// The actor of a service without state: it starts a job for each command and then takes the next one.
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

/// The handle of a service. Cheap to clone; valid over restarts of the actor.
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
    /// Runs a command and waits for its answer, for at most `K::DEADLINE`.
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

    /// Starts a command whose answer no caller awaits; its deadline counts from when it is handled.
    ///
    /// Fails with `Overloaded` or `Unavailable` if the message was not accepted.
    pub fn start<K: Command<C>>(&self, origin: CallContext, command: K) -> Result<(), Fault> {
        self.addr.cast(CommandMessage::unawaited(origin, command))
    }

    /// The context, for reads that need no place in the mailbox.
    pub fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// The actor's path in the tree.
    pub fn path(&self) -> &str {
        self.addr.path()
    }
}

impl Supervisor {
    /// The command actor of `context`. The handle is valid at once and over restarts.
    pub fn commands<C: CommandContext>(&mut self, spec: Spec, context: Arc<C>) -> Handle<C> {
        let shared = Arc::clone(&context);
        let addr = self.service(spec, move || CommandActor { context: Arc::clone(&shared) });
        Handle { addr, context }
    }
}
