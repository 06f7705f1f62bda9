//! Statistics for operators: every record of the tree, handling times by kind of actor, and dead letters. Reading sends
//! no message to an actor, so it works while actors are stuck.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    control::ChildCommand,
    histogram::KindTimes,
    record::ActorRecord,
    sync::{lock, read, write},
};
use crate::{
    telemetry::actors::{ActorDeadLetter, DeadLetterCount, DeadLetterReason, DeadLetters, NodeReport},
    types::{Clock, limits},
};

/// Why an operator's command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlRefusal {
    /// No such path.
    #[error("there is no actor at this path")]
    NotFound,
    /// Groups and the root are not restarted: restart what is in them.
    #[error("this is a group: restart one of its children")]
    IsGroup,
    /// The actor, or its supervisor, is stopping or has ended.
    #[error("it is stopping")]
    Stopping,
}

/// The kind of groups that have none of their own.
pub(super) const GROUP: &str = "supervisor";

/// The statistics of one system.
#[derive(Clone)]
pub struct Stats(pub(super) Arc<StatsInner>);

pub(super) struct StatsInner {
    pub(super) node: NodeReport,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) records: RwLock<BTreeMap<Arc<str>, Arc<ActorRecord>>>,
    pub(super) kinds: RwLock<BTreeMap<&'static str, Arc<ActorKind>>>,
    dead: Dead,
}

/// Handling times of one kind of actor.
pub(super) struct ActorKind {
    pub(super) messages: KindTimes,
    pub(super) jobs: KindTimes,
}

#[derive(Default)]
struct Dead {
    counts: [AtomicU64; DeadLetterReason::ALL.len()],
    last: Mutex<VecDeque<ActorDeadLetter>>,
}

impl Stats {
    pub(super) fn new(clock: Arc<dyn Clock>, node: NodeReport) -> Self {
        let (records, kinds) = (RwLock::default(), RwLock::default());
        Self(Arc::new(StatsInner { node, clock, records, kinds, dead: Dead::default() }))
    }

    pub(super) fn now(&self) -> Instant {
        self.0.clock.instant()
    }

    /// Makes `record` visible. If a path is used twice, the later record is shown.
    pub(super) fn enter(&self, record: &Arc<ActorRecord>) {
        write(&self.0.records).insert(Arc::clone(&record.path), Arc::clone(record));
    }

    /// Removes `record`, unless its path belongs to another record by now.
    pub(super) fn leave(&self, record: &Arc<ActorRecord>) {
        let mut records = write(&self.0.records);
        if records.get(&record.path).is_some_and(|known| Arc::ptr_eq(known, record)) {
            records.remove(&record.path);
        }
    }

    pub(super) fn kind(&self, kind: &'static str) -> Arc<ActorKind> {
        if let Some(known) = read(&self.0.kinds).get(kind) {
            return Arc::clone(known);
        }
        let fresh = || Arc::new(ActorKind { messages: KindTimes::new(), jobs: KindTimes::new() });
        Arc::clone(write(&self.0.kinds).entry(kind).or_insert_with(fresh))
    }

    pub(super) fn dead_letter(&self, record: &ActorRecord, message: &'static str, reason: DeadLetterReason) {
        self.0.dead.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
        let (at, path) = (self.0.clock.now(), record.path.to_string());
        let mut last = lock(&self.0.dead.last);
        last.truncate(limits::DEAD_LETTERS_KEPT - 1);
        last.push_front(ActorDeadLetter { at, path, message: message.to_owned(), reason });
    }

    /// Messages that were dropped without being handled, newest first.
    pub fn dead_letters(&self) -> DeadLetters {
        let count = |reason: DeadLetterReason| DeadLetterCount {
            reason,
            count: self.0.dead.counts[reason as usize].load(Ordering::Relaxed),
        };
        let counts = DeadLetterReason::ALL.into_iter().map(count).collect();
        DeadLetters { counts, last: lock(&self.0.dead.last).iter().cloned().collect() }
    }

    pub(super) fn find(&self, path: &str) -> Option<Arc<ActorRecord>> {
        read(&self.0.records).get(path).cloned()
    }

    /// All records, or those after the path `after`, in the order of their paths.
    pub(super) fn records_after(&self, after: Option<&str>) -> Vec<Arc<ActorRecord>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        read(&self.0.records).range::<str, _>((from, Bound::Unbounded)).map(|(_, record)| Arc::clone(record)).collect()
    }

    /// Restarts the child at `path` for an operator: it handles its accepted messages within its stop limit and is
    /// started again at once; its supervisor does not count the restart. Returns when the command is sent, before it is
    /// carried out.
    pub fn restart(&self, path: &str) -> Result<(), ControlRefusal> {
        self.command(path, ChildCommand::Restart)
    }

    /// Stops the child at `path` permanently. Returns when it has ended, or after `limit`.
    pub async fn stop(&self, path: &str, limit: Duration) -> Result<(), ControlRefusal> {
        let (done, gone) = oneshot::channel();
        self.command(path, ChildCommand::Stop(done))?;
        // An error means that its supervisor has ended, and the child with it.
        let _ = tokio::time::timeout(limit, gone).await;
        Ok(())
    }

    fn command(&self, path: &str, command: ChildCommand) -> Result<(), ControlRefusal> {
        let record = self.find(path).ok_or(ControlRefusal::NotFound)?;
        if record.is_group && matches!(command, ChildCommand::Restart) {
            return Err(ControlRefusal::IsGroup);
        }
        let control = record.control().ok_or(ControlRefusal::Stopping)?;
        if record.is_leaving() || !control.give(command) {
            return Err(ControlRefusal::Stopping);
        }
        Ok(())
    }
}
