//! Building the tree, one line per child, and starting and stopping it.

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
    shutdown::{PhaseEnd, Shutdown},
    slot::ActorSlot,
    spec::{Limits, Spec},
    stats::GROUP,
    supervisor_actor::{SupervisorActor, SupervisorMessage, flag, owned, wait_or_kill},
    system::{Escape, ROOT, System},
};
use crate::{telemetry::actors::ActorStatus, types::limits};

/// A group of children in the order of their start. Children are permanent, and each is restarted independently (one
/// for one).
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
        let identity = Identity { path, kind: GROUP, parent: None, capacity: 0, policy, order: 0, is_group: true };
        Self { system: system.clone(), record: record(system, identity), children: Vec::new() }
    }

    /// A service that `factory` creates for each start. Its address is valid at once and over all restarts.
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

    /// A nested group. It starts its children in order before the next child of this group starts. The policies of its
    /// children apply beyond the group: an escape ends the process.
    pub fn group<R>(&mut self, name: &str, fill: impl FnOnce(&mut Self) -> R) -> R {
        self.group_as(Spec::escape(name), fill)
    }

    /// A nested group with the name and the kind of `spec`. The restarts and limits of `spec` do not apply to the
    /// group; its children have their own.
    pub fn group_as<R>(&mut self, spec: Spec, fill: impl FnOnce(&mut Self) -> R) -> R {
        let spec = spec.restarts(0, limits::RESTARTS_WITHIN);
        let identity = Identity { is_group: true, ..self.identity(&spec, spec.kind.unwrap_or(GROUP)) };
        let record = record(&self.system, identity);
        let mut group = Self { system: self.system.clone(), record, children: Vec::new() };
        let filled = fill(&mut group);
        self.adopt(GroupChild { system: group.system, record: group.record, children: group.children });
        filled
    }

    pub(super) fn enter(&self, spec: &Spec, kind: &'static str, capacity: usize) -> Arc<ActorRecord> {
        record(&self.system, Identity { capacity, ..self.identity(spec, kind) })
    }

    fn identity(&self, spec: &Spec, kind: &'static str) -> Identity {
        let parent = &self.record.path;
        let path = if &**parent == ROOT { spec.name.clone() } else { format!("{parent}/{}", spec.name) };
        Identity {
            path: path.into(),
            kind,
            parent: Some(Arc::clone(parent)),
            capacity: 0,
            policy: spec.restart,
            order: self.children.len(),
            is_group: false,
        }
    }

    pub(super) fn adopt(&mut self, child: impl Child) {
        self.children.push(Arc::new(child));
    }

    /// Starts the children in order and returns when each of them runs or is parked. If one escapes, the running ones
    /// are stopped, and the escape is the error.
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

/// Creates a record and registers it, so that operators see it.
fn record(system: &System, identity: Identity) -> Arc<ActorRecord> {
    let record = Arc::new(ActorRecord::new(identity, system.instant()));
    system.stats().enter(&record);
    record
}

/// The root ends only when it is stopped. Any other end is a bug of this folder, and the process has to end.
async fn watch_root(
    system: System,
    record: Arc<ActorRecord>,
    root: ActorCell,
    ended: ractor::concurrency::JoinHandle<()>,
) {
    // A join error means the same as the result of `wait`: the root has ended.
    let _ = ended.await;
    let _ = root.wait(None).await;
    if !record.is_leaving() {
        record.stand(ActorStatus::Stopped, system.instant());
        system.escape(ROOT, "the root ended by itself");
    }
}

/// The stop limit of a group: the sum for its children, which stop one after the other, each with its jobs.
fn stop_limit(children: &[Arc<dyn Child>]) -> Duration {
    let one = |child: &Arc<dyn Child>| child.limits().stop * 2 + limits::KILL_LIMIT;
    children.iter().map(one).sum::<Duration>() + limits::KILL_LIMIT
}

/// A running tree. If it is dropped without `stop`, its actors run until the process ends.
pub struct Tree {
    system: System,
    record: Arc<ActorRecord>,
    root: ActorCell,
    children: Vec<Arc<dyn Child>>,
    limit: Duration,
    _watch: AbortOnDropHandle<()>,
}

impl Tree {
    /// Stops the root's children in the reverse order of their start, one after the other, each within its own stop
    /// limit and all within `total`. `hurry` skips to the children that are needed (`Spec::needed`), for which time is
    /// reserved. Children that have not stopped by then are killed: no actor runs when this returns. Returns the
    /// outcome for each child.
    pub async fn shut_down(self, total: Duration, hurry: impl Future<Output = ()> + Send) -> Vec<(Arc<str>, PhaseEnd)> {
        let mut phases = Shutdown::within(total);
        for child in self.children.iter().rev() {
            let (path, Limits { stop, is_needed, .. }) = (Arc::clone(&child.record().path), child.limits());
            let stopping = stop_child(self.system.clone(), Arc::clone(&path), stop);
            phases = if is_needed { phases.needed(path, stop, stopping) } else { phases.phase(path, stop, stopping) };
        }
        let ends = phases.run(self.system.shared_clock(), hurry).await;
        let is_over = ends.iter().all(|(_, end)| *end == PhaseEnd::Finished);
        self.stop(if is_over { limits::KILL_LIMIT } else { Duration::ZERO }).await;
        ends
    }

    /// Stops the children that still run, the last one first, each within its own limit and all within `limit`; the
    /// others are killed. No actor runs when this returns.
    pub async fn stop(self, limit: Duration) {
        self.record.stand(ActorStatus::Draining, self.system.instant());
        self.root.stop(None);
        wait_or_kill(ROOT, &self.root, limit.min(self.limit)).await;
        sweep(&self.system, &self.children).await;
        self.record.stand(ActorStatus::Stopped, self.system.instant());
    }
}

/// Stops one child. A child that has ended already, such as an escaped one, is skipped.
async fn stop_child(system: System, path: Arc<str>, limit: Duration) {
    if let Err(refusal) = system.stats().stop(&path, limit).await {
        tracing::debug!(path = &*path, %refusal, "a child was not stopped");
    }
}

/// After a group has ended, in order or killed: aborts its jobs and marks every record as stopped.
async fn sweep(system: &System, children: &[Arc<dyn Child>]) {
    for child in children.iter().rev() {
        child.vacate();
        child.settle(Duration::ZERO).await;
        child.record().stand(ActorStatus::Stopped, system.instant());
    }
}

/// A group as a child of another group.
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
        let is_needed = self.children.iter().any(|child| child.limits().is_needed);
        Limits { start: children + limits::START_LIMIT, stop: stop_limit(&self.children), is_needed }
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
