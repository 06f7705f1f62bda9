//! The writer's step: take the waiting jobs, run them, commit, apply, answer.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    group::{Finished, Group, GroupBase, ReplayCheck, TreeLost},
    heads::LogHeads,
    job::{Job, WriteLane},
    queue::{Turn, WorkFound},
    steps::WriterStep,
};
use crate::{
    persistence::machinery::{
        base::{BaseError, Commit},
        commit_target::CommitTarget,
        engine::verified::VerifiedView,
        format::Seal,
        reader::TxFault,
        shared::Shared,
        view::View,
    },
    telemetry::metrics::groups::CommittedGroup,
    types::{Fault, limits},
};

/// Why no further group can be run.
enum GroupLost {
    Closed,
    /// The tree could not be read.
    Tree(TxFault),
}

/// The only component that changes the store. Driven by a thread, by a task, or by its caller.
pub struct StoreWriter {
    pub(super) shared: Arc<Shared>,
    /// `None` after it is closed.
    pub(super) target: Option<CommitTarget>,
    pub(super) heads: LogHeads,
    replay_check: ReplayCheck,
    /// Whether the tree failed on a full disk and is being rebuilt: until then nothing is read or committed.
    pub(super) is_replacing: bool,
}

impl StoreWriter {
    pub(in crate::persistence::machinery) fn new(
        shared: Arc<Shared>,
        mut target: CommitTarget,
        replay_check: ReplayCheck,
    ) -> Result<Self, TxFault> {
        let ring = shared.ring();
        let heads =
            LogHeads::read(&View { engine: VerifiedView::over(target.engine().view()?), ring: &ring }, shared.catalog)?;
        target.check_heads(shared.catalog.logs, heads.all())?;
        target.note_heads(shared.catalog.logs, heads.all());
        shared.publish(heads.all());
        Ok(Self { shared, target: Some(target), heads, replay_check, is_replacing: false })
    }

    /// Commits one group of the waiting jobs and answers it; returns the number of answered jobs.
    pub fn step(&mut self) -> usize {
        if self.shared.is_lost() || self.is_replacing {
            return self.turn_away();
        }
        let answered = match self.run_group() {
            Ok(finished) => self.commit(finished),
            Err((lost, answers)) => {
                match lost {
                    GroupLost::Closed => self.shared.lose("the store is closed".to_owned()),
                    GroupLost::Tree(fault) => self.shared.lose_reading(&fault),
                }
                let answered = answers.len();
                answers.into_iter().for_each(|job| job.answer(Err(Fault::Unavailable)));
                answered
            }
        };
        self.shared.steps.enter(WriterStep::Idle);
        if self.shared.is_lost() { answered + self.turn_away() } else { answered }
    }

    fn run_group(&self) -> Result<Finished, (GroupLost, Vec<Box<dyn Job>>)> {
        let ring = self.shared.ring();
        // Only the target and the readers' lock hold the engine, since a clean close has to be its last holder.
        let Some(target) = &self.target else { return Err((GroupLost::Closed, Vec::new())) };
        let stored = target.engine().view().map_err(|error| (GroupLost::Tree(error.into()), Vec::new()))?;
        let view = VerifiedView::over(stored);
        let base = GroupBase { engine: &view, ring: &ring, catalog: self.shared.catalog, damage: &self.shared.damage };
        let mut group = Group::new(base, self.replay_check, self.heads.clone(), target.last_time());
        while !group.is_full() {
            let Some(job) = self.shared.queue.take(group.turn()) else { break };
            let now = self.shared.clock.instant();
            if let Err(fault) = self.admit(job.as_ref(), now) {
                job.answer(Err(fault));
                continue;
            }
            self.shared.steps.enter(WriterStep::Closure);
            if let Err(TreeLost(fault)) = group.run(job, self.shared.clock.now()) {
                return Err((GroupLost::Tree(fault), group.into_jobs()));
            }
        }
        Ok(group.finish())
    }

    /// Whether the closure is still to be run. After `start_writing`, a caller that leaves gets `Unknown`.
    fn admit(&self, job: &dyn Job, now: Instant) -> Result<(), Fault> {
        self.shared.check_space(job.write().room)?;
        let work = &job.write().work;
        if now >= work.deadline {
            match job.write().lane {
                WriteLane::Prompt => self.shared.steps.note_expired(),
                WriteLane::Bulk => {}
            }
            return Err(Fault::Expired);
        }
        if !work.start_writing() {
            return Err(Fault::Expired);
        }
        Ok(())
    }

    fn commit(&mut self, finished: Finished) -> usize {
        let Finished { commits, heads, answers } = finished;
        let answered = answers.len();
        let began = self.shared.clock.instant();
        if !commits.is_empty() {
            let count = commits.len();
            let synced_in = match self.make_durable(commits) {
                Ok(time) => time,
                Err(error) => {
                    let fault = self.commit_fault(&error);
                    for (job, outcome) in answers {
                        job.answer(outcome.and(Err(fault.clone())));
                    }
                    return answered;
                }
            };
            self.heads = heads;
            if let Some(target) = &mut self.target {
                target.note_heads(self.shared.catalog.logs, self.heads.all());
            }
            self.tell(count, began, synced_in);
        }
        for (job, outcome) in answers {
            job.answer(outcome);
        }
        answered
    }

    /// The fault for the callers of a group whose commit failed. After a fatal error the content of the disk is
    /// unknown, and the process ends.
    fn commit_fault(&mut self, error: &BaseError) -> Fault {
        if error.is_fatal() && !self.replace_full_tree(error) {
            self.shared.lose_by("committing", error);
        }
        match error {
            BaseError::Full(_) => Fault::StorageFull,
            BaseError::Descriptors(_) => Fault::Unavailable,
            BaseError::Frame(_) => Fault::bug(error.to_string()),
            BaseError::Io { .. } | BaseError::Engine(_) => Fault::unknown(error.to_string()),
        }
    }

    /// Writes one frame per commit, syncs once, and applies the changes to the tree. Returns the time of the sync.
    fn make_durable(&mut self, commits: Vec<Commit>) -> Result<Option<Duration>, BaseError> {
        let Some(target) = self.target.as_mut() else { return Ok(None) };
        let durable = target.commit(commits)?;
        let synced_in = durable.synced_in();
        self.shared.steps.enter(WriterStep::Apply);
        let mut tree = self.shared.tree.write().unwrap_or_else(PoisonError::into_inner);
        // Taken out first: after an error or a panic the tree may hold half a commit, which no reader may see.
        let whole = tree.take();
        let last = target.apply(durable)?;
        *tree = whole;
        drop(tree);
        self.shared.tally().last_lsn = last.0;
        Ok(synced_in)
    }

    /// Records the fingerprint and the check value of the keys.
    pub(in crate::persistence::machinery) fn set_seal(&mut self, seal: Seal) -> Result<(), BaseError> {
        self.target.as_mut().map_or(Ok(()), |target| target.set_seal(seal))
    }

    fn tell(&self, commits: usize, began: Instant, synced_in: Option<Duration>) {
        let clock = &self.shared.clock;
        let mut tally = self.shared.tally();
        tally.commits += commits as u64;
        tally.groups += 1;
        tally.largest_group = tally.largest_group.max(commits);
        tally.last_commit_at = Some(clock.now());
        let took = clock.instant().saturating_duration_since(began);
        tally.last_group_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        drop(tally);
        self.shared.groups.note(CommittedGroup { commits, took, synced_in });
        self.shared.publish(self.heads.all());
    }

    /// Answers all waiting jobs after the store was lost, or while the tree is replaced: none of them was begun.
    fn turn_away(&self) -> usize {
        let mut answered = 0;
        while let Some(job) = self.shared.queue.take(Turn::Prompt) {
            job.answer(Err(Fault::Unavailable));
            answered += 1;
        }
        answered
    }

    /// Between two groups: takes over a rebuilt tree that was offered, and takes a checkpoint if one is due.
    pub fn checkpoint(&mut self) {
        self.swap_if_offered();
        let Some(target) = self.target.as_mut() else { return };
        if self.shared.is_lost() || self.is_replacing {
            return;
        }
        match target.checkpoint_if_due() {
            Ok(true) => self.shared.tally().last_checkpoint_at = Some(self.shared.clock.now()),
            Ok(false) => {}
            // It stays due, so the next step takes it.
            Err(error) if !error.is_fatal() => tracing::warn!(%error, "a checkpoint was not taken; it is tried again"),
            Err(error) => self.shared.lose_by("checkpoint", &error),
        }
        self.shared.steps.enter(WriterStep::Idle);
    }

    pub(in crate::persistence::machinery) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// After the last step: closes the store for reading, takes the last checkpoint, writes the mark of a clean close.
    pub fn finish(&mut self) {
        self.turn_away();
        self.shared.steps.enter(WriterStep::Close);
        self.shared.drop_tree();
        if let Some(target) = self.target.take()
            && !self.shared.is_lost()
            && let Err(error) = target.close()
        {
            self.shared.lose_by("closing", &error);
        }
        self.shared.steps.enter(WriterStep::Ended);
        self.shared.ended.send_replace(true);
    }

    /// Steps until the queue is closed, on the calling thread.
    pub(in crate::persistence::machinery) fn drive(mut self) {
        loop {
            match self.shared.queue.wait(limits::CHECKPOINT_EVERY) {
                WorkFound::Work => {
                    self.step();
                    self.checkpoint();
                }
                WorkFound::Nothing => self.checkpoint(),
                WorkFound::End => return,
            }
        }
    }

    /// Steps until the queue is closed, in a task.
    pub(in crate::persistence::machinery) async fn drive_as_task(mut self) {
        while self.shared.queue.wait_in_task().await != WorkFound::End {
            self.step();
        }
    }
}

impl Drop for StoreWriter {
    /// Also runs after a panic, so that no caller waits forever.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.lose("the writer panicked".to_owned());
        }
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use futures::FutureExt as _;

    use super::*;
    use crate::{
        persistence::machinery::{
            Batch, Lsn,
            backend::Embedded,
            catalog::StoreCatalog,
            engine::{ByteScan, Engine, EngineError, EngineStats, EngineView, Pair},
            fs::RealFs,
            keyring::Keyring,
            known_damage::KnownDamage,
            layout::Layout,
            lease::InProcessLeases,
            reader::ByteReader as _,
            store::Store,
            test_sources::{CountedEntropy, MachineClock},
            tree_mark::{TreeMark, TreeMarker},
            trees::TreeName,
            writer::Write,
        },
        types::{CallContext, Clock, Timestamp, Work, clock::stamp},
    };

    static CATALOG: StoreCatalog = StoreCatalog { tables: &[], logs: &[], checks: &[], lost_without_keys: "" };

    /// An engine that fails in the way of a damaged tree.
    struct Failing {
        apply: fn() -> Result<(), EngineError>,
        get: fn() -> Result<Option<Vec<u8>>, EngineError>,
    }

    impl Engine for Failing {
        fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
            Ok(Box::new(FailingView(self.get)))
        }
        fn apply(&self, _: &Batch, _: Lsn) -> Result<(), EngineError> {
            (self.apply)()
        }
        fn applied(&self) -> Result<Option<Lsn>, EngineError> {
            Ok(Some(Lsn::ZERO))
        }
        fn checkpoint(&self) -> Result<(), EngineError> {
            Ok(())
        }
        fn stats(&self) -> EngineStats {
            EngineStats { name: "failing", disk_bytes: 0 }
        }
    }

    struct FailingView(fn() -> Result<Option<Vec<u8>>, EngineError>);

    impl EngineView for FailingView {
        fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
            (self.0)()
        }
        fn scan(&self, _: &ByteScan) -> Result<Vec<Pair>, EngineError> {
            Ok(Vec::new())
        }
    }

    /// A store over `engine`, whose tree is marked in `dir`.
    fn store_over(engine: Failing, dir: &std::path::Path) -> (Store, StoreWriter, Arc<dyn Clock>) {
        let clock: Arc<dyn Clock> = Arc::new(MachineClock);
        let (engine, entropy): (Arc<dyn Engine>, _) = (Arc::new(engine), CountedEntropy::new(1));
        let ring = Arc::new(Keyring::generate(&entropy, clock.now()));
        let name = TreeName("tree-000001.failing".to_owned());
        let marker = Arc::new(TreeMarker::new(Arc::new(RealFs), Layout::new(dir), name));
        let shared = Shared::new(&CATALOG, Arc::clone(&clock), Arc::clone(&engine), ring)
            .marked_by(&marker, KnownDamage::default());
        let shared = Arc::new(shared);
        let target = CommitTarget::Memory { engine, last: Lsn::ZERO, time: Timestamp::ZERO };
        let writer = StoreWriter::new(Arc::clone(&shared), target, ReplayCheck::Once).unwrap();
        let store = Store::over(Embedded::new(shared, None, Arc::new(InProcessLeases::of_opening(1))));
        (store, writer, clock)
    }

    fn put(store: &Store, clock: &Arc<dyn Clock>) -> impl Future<Output = Result<(), Fault>> {
        let work = Work::until(clock.instant() + Duration::from_secs(60));
        let write = Write::new(work, stamp(&**clock, &CountedEntropy::new(2)), CallContext::service("test", "put"));
        store.write(write, |tx| tx.set_bytes(vec![1, 1], Some(vec![1])))
    }

    fn mark(dir: &std::path::Path) -> Option<TreeMark> {
        TreeMark::read(&RealFs, &Layout::new(dir)).unwrap()
    }

    #[test]
    fn after_an_apply_that_panics_no_reader_sees_the_tree() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Failing { apply: || panic!("half of a commit is applied"), get: || Ok(Some(vec![1])) };
        let (store, mut writer, clock) = store_over(engine, dir.path());
        let mut answer = Box::pin(put(&store, &clock));
        assert!(answer.as_mut().now_or_never().is_none());
        assert!(catch_unwind(AssertUnwindSafe(|| writer.step())).is_err());
        let read = store.read(|view| view.get_bytes(&[1, 1]).map_err(TxFault::from)).now_or_never().unwrap();
        assert_eq!(read, Err(Fault::Unavailable));
        drop(writer);
        assert!(matches!(answer.now_or_never(), Some(Err(Fault::Unknown { .. }))));
    }

    #[test]
    fn an_apply_that_fails_marks_the_tree_unless_the_disk_is_full() {
        let full = || Err(EngineError::new("failing", std::io::Error::from_raw_os_error(28)));
        let broken = || Err(EngineError::new("failing", "a page is missing"));
        for (apply, marked) in [(broken as fn() -> Result<(), EngineError>, true), (full, false)] {
            let dir = tempfile::tempdir().unwrap();
            let (store, mut writer, clock) = store_over(Failing { apply, get: || Ok(None) }, dir.path());
            let mut answer = Box::pin(put(&store, &clock));
            assert!(answer.as_mut().now_or_never().is_none());
            writer.step();
            assert!(store.lost().borrow().is_some());
            assert_eq!(mark(dir.path()).is_some(), marked);
        }
    }

    #[test]
    fn a_read_that_fails_marks_the_tree_and_loses_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let get = || Err(EngineError::new("failing", "a page is missing"));
        let (store, _writer, _) = store_over(Failing { apply: || Ok(()), get }, dir.path());
        let read = store.read(|view| view.get_bytes(&[1, 1]).map_err(TxFault::from)).now_or_never().unwrap();
        assert_eq!(read, Err(Fault::Unavailable));
        assert!(store.lost().borrow().as_ref().unwrap().contains("a page is missing"));
        let mark = mark(dir.path()).unwrap();
        assert!(mark.is_on(&TreeName("tree-000001.failing".to_owned())) && mark.reason.contains("a page is missing"));
    }

    #[test]
    fn a_transaction_that_cannot_read_marks_the_tree_and_loses_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let get = || Err(EngineError::new("failing", "a page is missing"));
        let (store, mut writer, clock) = store_over(Failing { apply: || Ok(()), get }, dir.path());
        let work = Work::until(clock.instant() + Duration::from_secs(60));
        let write = Write::new(work, stamp(&*clock, &CountedEntropy::new(2)), CallContext::service("test", "get"));
        let mut answer = Box::pin(store.write(write, |tx| Ok(tx.get_bytes(&[1, 1])?)));
        assert!(answer.as_mut().now_or_never().is_none());
        writer.step();
        assert_eq!(answer.now_or_never(), Some(Err(Fault::Unavailable)));
        assert!(mark(dir.path()).is_some());
    }
}
