//! Building the tree, one line a child, and starting and stopping it.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use ractor::{Actor, ActorCell, ActorRef};
use tokio_util::task::AbortOnDropHandle;

use super::{
    address::Addr,
    child::{Child, Ready, ServiceChild, spawn_linked},
    policy::{PastLimit, RestartPolicy},
    record::{ActorRecord, Identity},
    service::Service,
    slot::ActorSlot,
    spec::{Limits, Spec},
    stats::GROUP,
    supervisor_actor::{SupervisorActor, SupervisorMessage, flag, owned, wait_or_kill},
    system::{Escape, ROOT, System},
};
use crate::{telemetry::actors::ActorStatus, types::limits};

/// A group of children in the order of their start. Children are permanent, one for one: each is restarted by itself.
pub struct Supervisor {
    pub(super) system: System,
    record: Arc<ActorRecord>,
    children: Vec<Arc<dyn Child>>,
}

impl Supervisor {
    /// The root of a tree.
    pub fn root(system: &System) -> Self {
        let path = Arc::from(ROOT);
        let policy = RestartPolicy::new(0, limits::RESTARTS_WITHIN, PastLimit::Escape);
        let identity = Identity { path, kind: GROUP, parent: None, capacity: 0, policy, order: 0 };
        let record = Arc::new(ActorRecord::new(identity, system.instant()));
        system.stats().enter(&record);
        Self { system: system.clone(), record, children: Vec::new() }
    }

    /// A service, made anew by `factory` for each of its lives. Its address is good at once and for ever.
    pub fn service<S: Service>(
        &mut self,
        spec: Spec,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> Addr<S::Message> {
        let record = self.enter(&spec, S::KIND, spec.mailbox);
        let slot = ActorSlot::new(self.system.clone(), record);
        self.adopt(ServiceChild { slot: Arc::clone(&slot), limits: spec.limits, factory });
        Addr(slot)
    }

    /// A group of its own under this one. It starts its children in order before the next child of this group starts.
    /// What its children's policies say goes past the group: an escape ends the process.
    pub fn group<R>(&mut self, name: &str, fill: impl FnOnce(&mut Self) -> R) -> R {
        let spec = Spec::escape(name).restarts(0, limits::RESTARTS_WITHIN);
        let record = self.enter(&spec, GROUP, 0);
        let mut group = Self { system: self.system.clone(), record, children: Vec::new() };
        let filled = fill(&mut group);
        self.adopt(GroupChild { system: group.system, record: group.record, children: group.children });
        filled
    }

    pub(super) fn enter(&self, spec: &Spec, kind: &'static str, capacity: usize) -> Arc<ActorRecord> {
        let parent = &self.record.path;
        let path = if &**parent == ROOT { spec.name.clone() } else { format!("{parent}/{}", spec.name) };
        let identity = Identity {
            path: path.into(),
            kind,
            parent: Some(Arc::clone(parent)),
            capacity,
            policy: spec.restart,
            order: self.children.len(),
        };
        let record = Arc::new(ActorRecord::new(identity, self.system.instant()));
        self.system.stats().enter(&record);
        record
    }

    pub(super) fn adopt(&mut self, child: impl Child) {
        self.children.push(Arc::new(child));
    }

    /// Starts the children in order and returns when each runs or is parked. If one escapes, those that run are stopped
    /// again and the escape is the error.
    pub async fn start(self) -> Result<Tree, Escape> {
        let Self { system, record, children } = self;
        let (booted, mut is_booted) = flag();
        record.stand(ActorStatus::Starting, system.instant());
        let limit = stop_limit(&children);
        let supervisor_actor = SupervisorActor { system: system.clone(), booted };
        let (root, ended) = Actor::spawn(None, supervisor_actor, children.clone())
            .await
            .map_err(|error| Escape { path: ROOT.to_owned(), reason: error.to_string() })?;
        let root = root.get_cell();
        let watch = owned(watch_root(system.clone(), Arc::clone(&record), root.clone(), ended));
        let tree = Tree { system: system.clone(), record, root, children, limit, _watch: watch };
        let escape = tokio::select! {
            biased;
            escape = system.escaped() => escape,
            _ = is_booted.wait_for(|booted| *booted) => {
                tree.record.stand(ActorStatus::Running, system.instant());
                return Ok(tree);
            }
        };
        tree.stop(limit).await;
        Err(escape)
    }
}

/// The root ends only when it is stopped; anything else is a defect of the kit, and the process has to end.
async fn watch_root(
    system: System,
    record: Arc<ActorRecord>,
    root: ActorCell,
    ended: ractor::concurrency::JoinHandle<()>,
) {
    // A join error says what `wait` says: it is over.
    let _ = ended.await;
    let _ = root.wait(None).await;
    if !record.is_leaving() {
        record.stand(ActorStatus::Stopped, system.instant());
        system.escape(ROOT, "the root ended by itself");
    }
}

/// How long a group may take: its children stop one after the other, each with its jobs.
fn stop_limit(children: &[Arc<dyn Child>]) -> Duration {
    let one = |child: &Arc<dyn Child>| child.limits().stop * 2 + limits::KILL_LIMIT;
    children.iter().map(one).sum::<Duration>() + limits::KILL_LIMIT
}

/// A running tree. Dropped without `stop`, its actors go on until the process ends.
pub struct Tree {
    system: System,
    record: Arc<ActorRecord>,
    root: ActorCell,
    children: Vec<Arc<dyn Child>>,
    limit: Duration,
    _watch: AbortOnDropHandle<()>,
}

impl Tree {
    /// Stops one child, or a group, for good; returns when it is gone or after `limit`. For the parts of the shutdown
    /// whose order is not that of the tree. A path that is not there is no failure: then it need not be stopped.
    pub async fn stop_child(&self, path: &str, limit: Duration) {
        if let Err(refusal) = self.system.stats().stop(path, limit).await {
            tracing::debug!(path, %refusal, "not stopped");
        }
    }

    /// Stops what still runs, the last child first, each within its own limit and all within `limit`; what is left
    /// then is killed. Nothing is alive when this returns.
    pub async fn stop(self, limit: Duration) {
        self.record.stand(ActorStatus::Draining, self.system.instant());
        self.root.stop(None);
        wait_or_kill(ROOT, &self.root, limit.min(self.limit)).await;
        sweep(&self.system, &self.children).await;
        self.record.stand(ActorStatus::Stopped, self.system.instant());
    }
}

/// After a group is gone, orderly or killed: no job is left, and every record says so.
async fn sweep(system: &System, children: &[Arc<dyn Child>]) {
    for child in children.iter().rev() {
        child.vacate();
        child.settle(Duration::ZERO).await;
        child.record().stand(ActorStatus::Stopped, system.instant());
    }
}

/// A group as a child of another.
struct GroupChild {
    system: System,
    record: Arc<ActorRecord>,
    children: Vec<Arc<dyn Child>>,
}

impl Child for GroupChild {
    fn record(&self) -> &Arc<ActorRecord> {
        &self.record
    }

    fn limits(&self) -> Limits {
        let children = self.children.iter().map(|child| child.limits().start).sum::<Duration>();
        Limits { start: children + limits::START_LIMIT, stop: stop_limit(&self.children) }
    }

    fn spawn(&self, parent: ActorRef<SupervisorMessage>, ready: Ready) -> BoxFuture<'_, Result<ActorCell, String>> {
        let supervisor_actor =
            SupervisorActor { system: self.system.clone(), booted: Box::new(move || ready.announce()) };
        let children = self.children.clone();
        async move { spawn_linked(supervisor_actor, children, &parent).await }.boxed()
    }

    fn ask_to_stop(&self, life: &ActorCell) {
        life.stop(None);
    }

    fn vacate(&self) {
        self.children.iter().for_each(|child| child.vacate());
    }

    fn settle(&self, _: Duration) -> BoxFuture<'_, ()> {
        sweep(&self.system, &self.children).boxed()
    }
}
