//! The trait of an actor, and the adapter through which ractor runs it.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio_util::sync::CancellationToken;

use super::{
    address::Addr,
    envelope::{MessageEnvelope, SendKind},
    jobs::panic_text,
    slot::{ActorSlot, deliver},
    system::System,
};
use crate::types::{Fault, Timestamp, Work};

/// A message of an actor.
pub trait Message: Send + 'static {
    /// A short name in snake case for operators, e.g. `login`.
    fn kind(&self) -> &'static str;
}

/// An actor. Its state is a cache: a crash loses it, and `start` reads it again.
pub trait Service: Send + Sync + 'static {
    /// The messages of the actor.
    type Message: Message;
    /// The state that the actor keeps between messages.
    type State: Send + 'static;
    /// The name of this kind of actor for operators, e.g. `auth`.
    const KIND: &'static str;

    /// Reads the state. Callers find the actor after `start` returns; an error counts as a failure.
    fn start(&self, cx: &Cx<Self::Message>) -> impl Future<Output = Result<Self::State, Fault>> + Send;

    /// Handles one message. Starts a job for work that takes time (`Cx::job`) and never awaits I/O, a hash or a commit.
    /// Only a keyed child may await them, since its mailbox orders the work of its key.
    fn handle(
        &self,
        cx: &Cx<Self::Message>,
        state: &mut Self::State,
        message: Self::Message,
        work: Work,
    ) -> impl Future<Output = ()> + Send;

    /// Runs after the actor was stopped and has handled its accepted messages. Not called after a crash or a kill.
    fn stop(&self, cx: &Cx<Self::Message>, state: &mut Self::State) -> impl Future<Output = ()> + Send {
        let _ = (cx, state);
        async {}
    }
}

/// The context of an actor: its system, its own address, jobs and timers.
pub struct Cx<M: Message> {
    addr: Addr<M>,
    /// The ractor reference of this run of the actor; set before `Service::start`.
    myself: OnceLock<ActorRef<MessageEnvelope<M>>>,
    /// Cancelled when this run of the actor ends.
    over: CancellationToken,
}

impl<M: Message> Cx<M> {
    /// The system of the actor.
    pub fn system(&self) -> &System {
        self.addr.0.system()
    }

    /// The actor's own address.
    pub fn addr(&self) -> &Addr<M> {
        &self.addr
    }

    /// The actor's path in the tree.
    pub fn path(&self) -> &str {
        self.addr.path()
    }

    /// Starts a job: a separate task that holds the call's permit until it ends, and survives a crash of the actor.
    /// `kind` is its name in the statistics.
    pub fn job(&self, work: Work, kind: &'static str, job: impl Future<Output = ()> + Send + 'static) {
        self.addr.0.jobs.start(work, kind, job);
    }

    /// Reports to operators when this run of the actor wakes by a timer; `None`: no timer is set. Sets no timer:
    /// `send_after` does.
    pub fn wakes_at(&self, at: Option<Timestamp>) {
        self.addr.0.record().set_wakes_at(at);
    }

    /// Sends the message that `make` builds to this run of the actor after `wait`. Dropping the timer disarms it, and
    /// so does the end of the actor. Needs no permit. Fires once: set it again at the end of the handler.
    pub fn send_after(&self, wait: Duration, make: impl FnOnce() -> M + Send + 'static) -> Timer {
        let (slot, over) = (Arc::clone(&self.addr.0), self.over.clone());
        let myself = self.myself.get().cloned();
        let task = self.addr.0.jobs.wait_on(async move {
            tokio::select! {
                biased;
                () = over.cancelled() => {}
                () = tokio::time::sleep(wait) => {
                    let Some(myself) = myself else { return };
                    let now = slot.system().instant();
                    let envelope = MessageEnvelope::new(make(), Work::until(now), SendKind::Cast, &slot, now);
                    if let Err(envelope) = deliver(&myself, envelope) {
                        envelope.hand_back();
                    }
                }
            }
        });
        Timer(task)
    }
}

/// A message that will be sent; dropping the timer disarms it.
#[must_use = "a timer that is dropped is disarmed"]
pub struct Timer(tokio::task::AbortHandle);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Called with the running actor after its state was read.
pub(super) type Publish<M> = Box<dyn Fn(ActorRef<MessageEnvelope<M>>) + Send + Sync>;

/// One run of a service in ractor.
pub(super) struct Runner<S: Service> {
    service: S,
    cx: Cx<S::Message>,
    publish: Publish<S::Message>,
}

impl<S: Service> Runner<S> {
    pub(super) fn new(service: S, slot: Arc<ActorSlot<S::Message>>, publish: Publish<S::Message>) -> Self {
        let cx = Cx { addr: Addr(slot), myself: OnceLock::new(), over: CancellationToken::new() };
        Self { service, cx, publish }
    }
}

impl<S: Service> Drop for Runner<S> {
    fn drop(&mut self) {
        self.cx.over.cancel();
    }
}

impl<S: Service> Actor for Runner<S> {
    type Msg = MessageEnvelope<S::Message>;
    type State = Option<S::State>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        Ok(None)
    }

    async fn post_start(&self, myself: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        let jobs = &self.cx.addr.0.jobs;
        self.cx.myself.get_or_init(|| myself.clone());
        self.cx.wakes_at(None);
        match AssertUnwindSafe(self.service.start(&self.cx)).catch_unwind().await {
            Ok(Ok(fresh)) => *state = Some(fresh),
            Ok(Err(fault)) => return Err(format!("start: {fault}").into()),
            Err(panic) => {
                jobs.panicked("start", &*panic);
                return Err(format!("panic in start: {}", panic_text(&*panic)).into());
            }
        }
        (self.publish)(myself);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (slot, Some(state)) = (&self.cx.addr.0, state) else { return Ok(()) };
        let (jobs, record) = (&slot.jobs, slot.record());
        let began = jobs.system.instant();
        let Some((message, work)) = envelope.open(began) else { return Ok(()) };
        let kind = message.kind();
        let handling = record.handling.begin(kind, began);
        let outcome = AssertUnwindSafe(self.service.handle(&self.cx, state, message, work)).catch_unwind().await;
        drop(handling);
        jobs.times.messages.record(kind, jobs.system.instant().saturating_duration_since(began));
        record.counts.handled.add();
        outcome.map_err(|panic| {
            jobs.panicked(kind, &*panic);
            format!("panic in {kind}: {}", panic_text(&*panic)).into()
        })
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        // The state is taken out to drop it here. Otherwise ractor would pass it to the supervisor, which first waits
        // for the jobs, and a job may wait for the state to be dropped.
        let Some(mut state) = state.take() else { return Ok(()) };
        if let Err(panic) = AssertUnwindSafe(self.service.stop(&self.cx, &mut state)).catch_unwind().await {
            self.cx.addr.0.jobs.panicked("stop", &*panic);
        }
        Ok(())
    }
}
