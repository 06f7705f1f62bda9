//! What an actor is, and the adapter by which ractor runs it.

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

/// What is sent to an actor.
pub trait Message: Send + 'static {
    /// A short name in snake case under which operators see it, e.g. `login`.
    fn kind(&self) -> &'static str;
}

/// An actor. Its state is a cache: it is lost in a crash and read again in `start`.
pub trait Service: Send + Sync + 'static {
    /// What it is sent.
    type Message: Message;
    /// What it remembers from message to message.
    type State: Send + 'static;
    /// What operators call this kind of actor, e.g. `auth`.
    const KIND: &'static str;

    /// Reads the state. Callers find the actor once this is done; an error counts as a failure.
    fn start(&self, cx: &Cx<Self::Message>) -> impl Future<Output = Result<Self::State, Fault>> + Send;

    /// Handles one message. It starts a job for what takes time (`Cx::job`) and never awaits I/O, a hash or a commit;
    /// only a keyed child may, since its mailbox is the order of its key.
    fn handle(
        &self,
        cx: &Cx<Self::Message>,
        state: &mut Self::State,
        message: Self::Message,
        work: Work,
    ) -> impl Future<Output = ()> + Send;

    /// The actor was asked to stop and has handled what it took. Not called after a crash or a kill.
    fn stop(&self, cx: &Cx<Self::Message>, state: &mut Self::State) -> impl Future<Output = ()> + Send {
        let _ = (cx, state);
        async {}
    }
}

/// What an actor is given: its system, its own address, jobs and timers.
pub struct Cx<M: Message> {
    addr: Addr<M>,
    /// This life of the actor; set before `Service::start`.
    myself: OnceLock<ActorRef<MessageEnvelope<M>>>,
    /// Cancelled when this life is over.
    over: CancellationToken,
}

impl<M: Message> Cx<M> {
    /// The system it belongs to.
    pub fn system(&self) -> &System {
        self.addr.0.system()
    }

    /// Its own address.
    pub fn addr(&self) -> &Addr<M> {
        &self.addr
    }

    /// Its path in the tree.
    pub fn path(&self) -> &str {
        self.addr.path()
    }

    /// Starts a job: a task of its own that holds the call's permit until it is over and survives a crash of the actor.
    /// `kind` is its name in the figures.
    pub fn job(&self, work: Work, kind: &'static str, job: impl Future<Output = ()> + Send + 'static) {
        self.addr.0.jobs.start(work, kind, job);
    }

    /// Says when this life of the actor wakes by itself, for operators; `None`: it no longer does. It arms nothing:
    /// that is `send_after`.
    pub fn wakes_at(&self, at: Option<Timestamp>) {
        self.addr.0.record().set_wakes_at(at);
    }

    /// Sends the message that `make` builds to this life of the actor after `wait`. Dropping the timer disarms it, and
    /// so does the actor's end. It needs no permit. Never repeated: arm it again at the end of the handler.
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

/// A message that will be sent; dropping it disarms it.
#[must_use = "a timer that is dropped is disarmed"]
pub struct Timer(tokio::task::AbortHandle);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Told, once the state is read, where the living actor is to be found.
pub(super) type Publish<M> = Box<dyn Fn(ActorRef<MessageEnvelope<M>>) + Send + Sync>;

/// One life of a service in ractor.
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
        // Taken, so that it is dropped here: ractor would hand it to the supervisor, which waits for the jobs first,
        // and a job may wait for the end of the state.
        let Some(mut state) = state.take() else { return Ok(()) };
        if let Err(panic) = AssertUnwindSafe(self.service.stop(&self.cx, &mut state)).catch_unwind().await {
            self.cx.addr.0.jobs.panicked("stop", &*panic);
        }
        Ok(())
    }
}
