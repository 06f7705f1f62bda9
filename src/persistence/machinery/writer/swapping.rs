//! The writer's part of a swap: between two groups it takes a rebuilt tree over.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{heads::LogHeads, step::StoreWriter, steps::WriterStep};
use crate::persistence::machinery::{
    base::{Base, BaseError},
    commit_target::CommitTarget,
    engine::verified::VerifiedView,
    rebuild::GrowingTree,
    shared::Shared,
    swap::{SwapError, SwapReason},
    upkeep::Upkeep,
    view::View,
};

/// The interval at which a swap is tried that waits for another one.
const SWAP_LOOK_EVERY: Duration = Duration::from_millis(50);

impl StoreWriter {
    /// If a durable group could not be applied because the disk is full, also without the ballast: has the tree rebuilt
    /// in the background. Meanwhile reads and writes are `Unavailable`; the store is lost only if that fails. Returns
    /// whether it began.
    pub(super) fn replace_full_tree(&mut self, error: &BaseError) -> bool {
        let BaseError::Engine(engine) = error else { return false };
        let Some(CommitTarget::Directory(base)) = &self.target else { return false };
        let has_tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
        // A checkpoint that failed left the tree to its readers, and the store is lost.
        if !engine.is_full() || !base.upkeep().keeps_tree() || has_tree {
            return false;
        }
        tracing::error!(%error, "the disk is full; the tree is rebuilt, and until then nothing is read or committed");
        let (upkeep, shared) = (base.upkeep().clone(), Arc::clone(&self.shared));
        let begun = std::thread::Builder::new().name("store-swap".to_owned()).spawn(move || rebuild(&upkeep, &shared));
        self.is_replacing = begun.is_ok();
        self.is_replacing
    }

    /// Takes over the rebuilt tree that was offered, if there is one.
    pub(super) fn swap_if_offered(&mut self) {
        let Some(CommitTarget::Directory(base)) = self.target.as_mut() else { return };
        if self.shared.is_lost() {
            return base.handover().end();
        }
        let Some(mut tree) = base.offered_tree() else { return };
        self.shared.steps.enter(WriterStep::Swap);
        match finish(&self.shared, base, &self.heads, &mut tree) {
            Ok(heads) => match base.install(&tree) {
                Ok(old) => {
                    *self.shared.tree.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tree.engine));
                    base.handover().installed(old);
                    base.note_heads(self.shared.catalog.logs, heads.all());
                    self.heads = heads;
                    self.shared.publish(self.heads.all());
                    self.is_replacing = false;
                }
                Err(error) if error.is_fatal() => {
                    base.handover().refused(tree, error.to_string());
                    self.shared.lose_by("replacing the tree", &error);
                }
                Err(error) => {
                    tracing::warn!(%error, "the tree was not replaced yet; it is tried again");
                    base.handover().put_back(tree);
                }
            },
            Err(reason) => base.handover().refused(tree, reason),
        }
        self.shared.steps.enter(WriterStep::Idle);
    }
}

/// Replaces the tree that met a full disk. If a compaction is running, its tree does as well.
#[expect(clippy::disallowed_methods, reason = "runs on a thread of its own, and no event reports the end of a swap")]
fn rebuild(upkeep: &Upkeep, shared: &Shared) {
    let has_tree = || shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
    while !has_tree() && !shared.is_lost() {
        match upkeep.swap_tree(SwapReason::DiskFull, &|| shared.is_lost()) {
            Ok(_) => return,
            Err(SwapError::Running) => std::thread::sleep(SWAP_LOOK_EVERY),
            Err(error) => return shared.lose(format!("the disk is full, and the tree was not rebuilt: {error}")),
        }
    }
}

/// Brings the new tree to the last commit, and returns the heads of its logs. They have to be the writer's, unless the
/// present tree failed: then the writer's may lack the commits of the last group.
fn finish(shared: &Shared, base: &Base, known: &LogHeads, tree: &mut GrowingTree) -> Result<LogHeads, String> {
    base.finish_tree(tree).map_err(|error| error.to_string())?;
    let (ring, stored) = (shared.ring(), tree.engine.view().map_err(|error| error.to_string())?);
    let view = View { engine: VerifiedView::over(stored), ring: &ring };
    let found = LogHeads::read(&view, shared.catalog).map_err(|fault| fault.to_string())?;
    let has_tree = shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
    if has_tree && found != *known {
        return Err("its event log or audit log ends elsewhere than that of the present tree".to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::FutureExt as _;

    use super::*;
    use crate::{
        persistence::machinery::{
            Batch, Lsn,
            backend::Embedded,
            catalog::StoreCatalog,
            engine::{Engine, EngineError, EngineKind, EngineStats, EngineView},
            format::Seal,
            fs::RealFs,
            keyring::Keyring,
            known_damage::KnownDamage,
            lease::InProcessLeases,
            reader::{ByteReader as _, TxFault},
            settings::{BootId, StoreEnvironment, StoreSettings, Tuning},
            store::Store,
            test_sources::{CountedEntropy, MachineClock},
            writer::{Write, group::ReplayCheck},
        },
        types::{CallContext, Clock, Fault, Work, clock::stamp},
    };

    static CATALOG: StoreCatalog = StoreCatalog { tables: &[], logs: &[], checks: &[], lost_without_keys: "" };

    /// An engine that refuses every change after the disk was full once, as sled and redb do.
    struct FullEngine {
        inner: Arc<dyn Engine>,
        is_full: Arc<AtomicBool>,
    }

    impl Engine for FullEngine {
        fn view(&self) -> Result<Box<dyn EngineView + '_>, EngineError> {
            self.inner.view()
        }
        fn apply(&self, operations: &Batch, lsn: Lsn) -> Result<(), EngineError> {
            if self.is_full.load(Ordering::Acquire) {
                return Err(EngineError::new("full", std::io::Error::from_raw_os_error(28)));
            }
            self.inner.apply(operations, lsn)
        }
        fn applied(&self) -> Result<Option<Lsn>, EngineError> {
            self.inner.applied()
        }
        fn checkpoint(&self) -> Result<(), EngineError> {
            self.inner.checkpoint()
        }
        fn stats(&self) -> EngineStats {
            self.inner.stats()
        }
    }

    struct FullStore {
        store: Store,
        writer: StoreWriter,
        clock: Arc<dyn Clock>,
        is_full: Arc<AtomicBool>,
    }

    impl FullStore {
        fn open(dir: &std::path::Path) -> Self {
            let clock: Arc<dyn Clock> = Arc::new(MachineClock);
            let entropy = Arc::new(CountedEntropy::new(1));
            let ring = Arc::new(Keyring::generate(&*entropy, clock.now()));
            let environment = StoreEnvironment {
                fs: Arc::new(RealFs),
                clock: Arc::clone(&clock),
                entropy,
                ring: Some(Arc::clone(&ring)),
            };
            let settings = StoreSettings {
                dir: dir.to_owned(),
                engine: EngineKind::Redb,
                boot: BootId("boot".to_owned()),
                lock_wait: Duration::ZERO,
                tuning: Tuning { segment_bytes: 64 << 10, ballast_bytes: 0, ..Tuning::default() },
            };
            let mut base = Base::open(&settings, environment, |_| Ok(Seal::default())).unwrap();
            let is_full = Arc::new(AtomicBool::new(false));
            let engine: Arc<dyn Engine> =
                Arc::new(FullEngine { inner: Arc::clone(base.engine()), is_full: Arc::clone(&is_full) });
            base.set_engine(Arc::clone(&engine));
            let (upkeep, marker) = (base.upkeep().clone(), Arc::clone(base.marker()));
            let shared = Shared::new(&CATALOG, Arc::clone(&clock), engine, ring)
                .marked_by(&marker, KnownDamage::default())
                .watched_by(base.steps());
            let shared = Arc::new(shared);
            upkeep.attach(&shared);
            let target = CommitTarget::Directory(Box::new(base));
            let writer = StoreWriter::new(Arc::clone(&shared), target, ReplayCheck::Once).unwrap();
            let leases = Arc::new(InProcessLeases::of_opening(1));
            let store = Store::over(Embedded::new(shared, Some(upkeep), leases));
            Self { store, writer, clock, is_full }
        }

        fn put(&mut self, key: u8) -> Result<(), Fault> {
            let work = Work::until(self.clock.instant() + Duration::from_secs(60));
            let stamp = stamp(&*self.clock, &CountedEntropy::new(2));
            let write = Write::new(work, stamp, CallContext::service("test", "put"));
            let mut answer = Box::pin(self.store.write(write, move |tx| tx.set_bytes(vec![1, key], Some(vec![key]))));
            assert!(answer.as_mut().now_or_never().is_none());
            self.writer.step();
            answer.now_or_never().unwrap()
        }

        fn get(&self, key: u8) -> Result<Option<Vec<u8>>, Fault> {
            let read = self.store.read(move |view| view.get_bytes(&[1, key]).map_err(TxFault::from));
            read.now_or_never().unwrap()
        }
    }

    #[test]
    fn a_tree_that_meets_a_full_disk_is_rebuilt_and_reads_wait_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = FullStore::open(&dir.path().join("store"));
        store.put(1).unwrap();
        store.is_full.store(true, Ordering::Release);
        assert!(matches!(store.put(2), Err(Fault::Unknown { .. })));
        assert_eq!(store.get(1), Err(Fault::Unavailable));
        assert_eq!(store.put(3), Err(Fault::Unavailable));
        assert!(store.store.lost().borrow().is_none());
        let deadline = store.clock.instant() + Duration::from_secs(60);
        while store.get(1).is_err() && store.clock.instant() < deadline {
            store.writer.checkpoint();
            std::thread::yield_now();
        }
        // The group that was durable and not applied is there, and the one that was refused is not.
        assert_eq!((store.get(1), store.get(2), store.get(3)), (Ok(Some(vec![1])), Ok(Some(vec![2])), Ok(None)));
        store.put(4).unwrap();
        store.writer.finish();
        assert!(store.store.lost().borrow().is_none(), "{:?}", store.store.lost().borrow());
    }

    #[test]
    fn a_tree_that_cannot_be_rebuilt_either_loses_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut store = FullStore::open(&path);
        store.put(1).unwrap();
        store.is_full.store(true, Ordering::Release);
        std::fs::remove_dir_all(path.join("journal")).unwrap();
        assert!(matches!(store.put(2), Err(Fault::Unknown { .. })));
        let deadline = store.clock.instant() + Duration::from_secs(60);
        while store.store.lost().borrow().is_none() && store.clock.instant() < deadline {
            store.writer.checkpoint();
            std::thread::yield_now();
        }
        let lost = store.store.lost().borrow().clone().unwrap();
        assert!(lost.contains("the tree was not rebuilt"), "{lost}");
    }
}
