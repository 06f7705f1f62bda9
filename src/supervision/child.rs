//! What a supervisor can do with a child whose type it does not have.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use ractor::{Actor, ActorCell, ActorRef};

use super::{
    jobs::panic_text,
    record::ActorRecord,
    service::{Publish, Runner, Service},
    slot::ActorSlot,
    spec::Limits,
    supervisor_actor::SupervisorMessage,
};

/// One child of a supervisor, over all its runs.
pub(super) trait Child: Send + Sync + 'static {
    fn record(&self) -> &Arc<ActorRecord>;
    fn limits(&self) -> Limits;
    /// Starts a run under `parent`; `ready` is called when it has started. The error is the reason of the failure.
    fn spawn(&self, parent: ActorRef<SupervisorMessage>, ready: Ready) -> BoxFuture<'_, Result<ActorCell, String>>;
    /// Requests a run to stop after its accepted messages; does not wait.
    fn ask_to_stop(&self, life: &ActorCell);
    /// A run has ended.
    fn vacate(&self);
    /// No further run follows: waits for the jobs, for at most `limit`.
    fn settle(&self, limit: Duration) -> BoxFuture<'_, ()>;
}

/// Reports to the supervisor that a run has started.
pub(super) struct Ready {
    pub(super) supervisor: ActorRef<SupervisorMessage>,
    pub(super) index: usize,
    /// The number of the run that reports; reports of earlier runs are ignored.
    pub(super) epoch: u64,
}

impl Ready {
    pub(super) fn announce(&self) {
        // If the supervisor has ended, it no longer waits for this.
        let _ = self.supervisor.send_message(SupervisorMessage::Ready { index: self.index, epoch: self.epoch });
    }
}

/// A service and the factory of its runs.
pub(super) struct ServiceChild<S: Service, F> {
    pub(super) slot: Arc<ActorSlot<S::Message>>,
    pub(super) limits: Limits,
    pub(super) factory: F,
}

impl<S: Service, F: Fn() -> S + Send + Sync + 'static> Child for ServiceChild<S, F> {
    fn record(&self) -> &Arc<ActorRecord> {
        self.slot.record()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn spawn(&self, parent: ActorRef<SupervisorMessage>, ready: Ready) -> BoxFuture<'_, Result<ActorCell, String>> {
        let slot = Arc::clone(&self.slot);
        let publish: Publish<S::Message> = Box::new(move |actor| {
            slot.publish(actor);
            ready.announce();
        });
        async move {
            let service = make("service", &self.factory)?;
            let runner = Runner::new(service, Arc::clone(&self.slot), publish);
            spawn_linked(runner, (), &parent).await
        }
        .boxed()
    }

    fn ask_to_stop(&self, life: &ActorCell) {
        // Callers get `Unavailable` from here on; queued messages are still handled.
        self.slot.vacate();
        if life.drain().is_err() {
            life.stop(None);
        }
    }

    fn vacate(&self) {
        self.slot.vacate();
    }

    fn settle(&self, limit: Duration) -> BoxFuture<'_, ()> {
        self.slot.close();
        self.slot.jobs.settle(limit).boxed()
    }
}

/// Calls a factory; a panic in it is a failure of the child, not of the supervisor.
pub(super) fn make<T>(what: &str, factory: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(factory))
        .map_err(|panic: Box<dyn Any + Send>| format!("panic while the {what} was made: {}", panic_text(&*panic)))
}

/// Spawns without a name: ractor's registry of names is global to the process.
pub(super) async fn spawn_linked<A: Actor, P: ractor::Message>(
    actor: A,
    arguments: A::Arguments,
    parent: &ActorRef<P>,
) -> Result<ActorCell, String> {
    let spawned = Actor::spawn_linked(None, actor, arguments, parent.get_cell()).await;
    spawned.map(|(life, _)| life.get_cell()).map_err(|error| error.to_string())
}
