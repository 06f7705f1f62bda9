//! Trees that are replaced while the store runs.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use majordomo::persistence::{
    Batch, Operation,
    base::TreeState,
    check::check,
    engine::{Engine, EngineKind, redb::RedbEngine, sled::SledEngine},
    fs::{File, Fs, Held, RealFs},
    snapshot::{
        SnapshotForm,
        restore::{RestoredSessions, restore},
    },
    swap::{SwapError, SwapReason, Swapped},
};

use crate::{
    check::scope,
    sim_fs::SimFailure,
    test_store::{OpenStore, TestStore},
};

const KINDS: [EngineKind; 2] = [EngineKind::Sled, EngineKind::Redb];

/// Replaces the tree; `meanwhile` runs again and again until that is done.
fn swap(
    opened: &mut OpenStore<'_>,
    reason: SwapReason,
    mut meanwhile: impl FnMut(&mut OpenStore<'_>),
) -> Result<Swapped, SwapError> {
    let upkeep = opened.store.upkeep().unwrap().clone();
    std::thread::scope(|scope| {
        let swapping = scope.spawn(move || upkeep.swap_tree(reason, &|| false));
        while !swapping.is_finished() {
            meanwhile(opened);
            opened.tend();
        }
        swapping.join().unwrap()
    })
}

fn quiet(_: &mut OpenStore<'_>) {
    std::thread::yield_now();
}

fn trees(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("tree-")).collect();
    names.sort();
    names
}

/// A store with some history, and a snapshot in the middle of it.
fn used(opened: &mut OpenStore<'_>) {
    for at in 0..120 {
        opened.act(at, at.wrapping_mul(2_654_435_761) >> 7).unwrap();
        if at == 60 {
            opened.store.upkeep().unwrap().take().unwrap();
        }
    }
}

#[test]
fn a_tree_is_replaced_while_commits_go_on_and_holds_the_same() {
    for kind in KINDS {
        let test_store = TestStore::real(kind);
        let mut opened = test_store.open();
        used(&mut opened);
        let before = opened.contents();
        swap(&mut opened, SwapReason::Compaction, quiet).unwrap();
        assert!(opened.contents() == before, "{}", kind.name());

        let mut at = 1_000;
        let done = swap(&mut opened, SwapReason::Compaction, |opened| {
            opened.act(at, at.wrapping_mul(2_654_435_761) >> 7).unwrap();
            at += 1;
        });
        assert_eq!(done.unwrap().reason, SwapReason::Compaction);
        assert!(at > 1_001, "commits went on");
        for more in 0..20 {
            opened.act(more, more).unwrap();
        }
        let state = opened.contents();
        assert_eq!(trees(&test_store.disk.settings.dir), [format!("tree-000003.{}", kind.name())]);
        opened.close();
        // The check builds the state from snapshot and journal, and compares the new tree with it.
        check(&test_store.disk.settings, &test_store.disk.environment, scope(|_, _| Ok(()))).unwrap();
        let opened = test_store.open();
        assert_eq!(opened.opening.tree, TreeState::Trusted, "{}", kind.name());
        assert!(opened.contents() == state, "{}", kind.name());
    }
}

#[test]
fn one_tree_is_rebuilt_at_a_time() {
    let test_store = TestStore::real(EngineKind::Redb);
    let mut opened = test_store.open();
    used(&mut opened);
    let upkeep = opened.store.upkeep().unwrap().clone();
    let refused = AtomicBool::new(false);
    swap(&mut opened, SwapReason::Compaction, |_| {
        if upkeep.swaps().running.is_some() {
            // It may have ended in between.
            let second = upkeep.swap_tree(SwapReason::Compaction, &|| true);
            refused.fetch_or(matches!(second, Err(SwapError::Running)), Ordering::Relaxed);
        }
    })
    .unwrap();
    assert!(refused.load(Ordering::Relaxed));
    let report = upkeep.swaps();
    assert_eq!(report.running, None);
    assert!(report.last_done.is_some());
}

#[test]
fn a_store_without_a_snapshot_takes_one_for_a_compaction() {
    let test_store = TestStore::real(EngineKind::Sled);
    let mut opened = test_store.open();
    for at in 0..30 {
        opened.act(at, at).unwrap();
    }
    let upkeep = opened.store.upkeep().unwrap().clone();
    assert!(upkeep.snapshots().unwrap().is_empty());
    assert_eq!(upkeep.live_bytes(), None);
    swap(&mut opened, SwapReason::Compaction, quiet).unwrap();
    assert_eq!(upkeep.snapshots().unwrap().len(), 1);
    let bytes: usize = opened.contents().iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(upkeep.live_bytes().unwrap() >= bytes as u64);
}

/// Changes the tree behind the store's back.
fn tamper(test_store: &TestStore, kind: EngineKind) {
    let dir = test_store.disk.settings.dir.join(&trees(&test_store.disk.settings.dir)[0]);
    let change = |engine: &dyn Engine| {
        let applied = engine.applied().unwrap().unwrap();
        let key = vec![1, 9, 9, 9];
        let mut batch = Batch(vec![Operation::Put { key, value: b"never written".to_vec() }]);
        majordomo::persistence::checksum::append_all(&mut batch);
        engine.apply(&batch, applied).unwrap();
        engine.checkpoint().unwrap();
    };
    match kind {
        EngineKind::Sled => change(&SledEngine::open(&dir).unwrap()),
        EngineKind::Redb | EngineKind::Mem => change(&RedbEngine::open(&dir).unwrap()),
    }
}

#[test]
fn a_swap_for_damage_reads_nothing_of_the_present_tree() {
    for kind in KINDS {
        let test_store = TestStore::real(kind);
        let mut opened = test_store.open();
        used(&mut opened);
        let state = opened.contents();
        opened.close();
        tamper(&test_store, kind);
        let mut opened = test_store.open();
        assert_eq!(opened.opening.tree, TreeState::Trusted, "the change is not noticed");
        assert!(opened.contents() != state);
        swap(&mut opened, SwapReason::Damage, quiet).unwrap();
        assert!(opened.contents() == state, "{}", kind.name());
    }
}

#[test]
fn a_close_stops_a_rebuild_and_leaves_the_present_tree() {
    for kind in KINDS {
        let test_store = TestStore::real(kind);
        let mut opened = test_store.open();
        used(&mut opened);
        let state = opened.contents();
        let upkeep = opened.store.upkeep().unwrap().clone();
        std::thread::scope(|scope| {
            // The writer takes nothing over in this test: it does not step.
            let swapping = scope.spawn(move || upkeep.swap_tree(SwapReason::Compaction, &|| false));
            while opened.store.upkeep().unwrap().swaps().running.is_none() && !swapping.is_finished() {
                std::thread::yield_now();
            }
            opened.close();
            assert!(matches!(swapping.join().unwrap(), Err(SwapError::Stopped)));
        });
        assert_eq!(trees(&test_store.disk.settings.dir), [format!("tree-000001.{}", kind.name())]);
        let mut opened = test_store.open();
        assert_eq!(opened.opening.tree, TreeState::Trusted, "the close was clean");
        assert!(opened.contents() == state);
        swap(&mut opened, SwapReason::Compaction, quiet).unwrap();
    }
}

#[test]
fn a_machine_that_stops_or_a_process_that_ends_at_any_step_of_a_swap_leaves_the_state() {
    for stops in [true, false] {
        let mut ends = 0;
        for step in 1.. {
            let mut test_store = TestStore::simulated();
            let mut opened = test_store.open();
            used(&mut opened);
            opened.tend();
            let state = opened.contents();
            let sim = test_store.disk.sim.clone();
            sim.fail_at(sim.steps() + step, SimFailure::Stop);
            let outcome = swap(&mut opened, SwapReason::Compaction, quiet);
            let reached = sim.has_stopped();
            drop(opened);
            if stops {
                sim.stop_machine(step);
                test_store.disk.reboot();
            } else {
                sim.end_process();
            }
            let mut opened = test_store.open();
            assert!(opened.contents() == state, "step {step}, {outcome:?}");
            opened.act(1, 3).unwrap();
            swap(&mut opened, SwapReason::Compaction, quiet).unwrap();
            if !reached {
                break;
            }
            ends += 1;
        }
        assert!(ends > 5, "a swap has more steps than {ends}");
    }
}

/// The disk of this machine; `before` is called with the path of each change and each listing.
struct WatchedDisk<F> {
    before: F,
}

impl<F: Fn(&Path) + Send + Sync> Fs for WatchedDisk<F> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        RealFs.open(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        (self.before)(path);
        RealFs.create(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.before)(to);
        RealFs.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        (self.before)(path);
        RealFs.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealFs.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        (self.before)(path);
        RealFs.list(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        (self.before)(path);
        RealFs.sync_dir(path)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealFs.free_bytes(path)
    }
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        RealFs.try_lock(path)
    }
    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        RealFs.try_lock_dir(path)
    }
    fn device(&self, path: &Path) -> io::Result<u64> {
        RealFs.device(path)
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            // A file may have been removed since the directory was read.
            match fs::copy(&path, &target) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// Copies of a data directory, numbered.
#[derive(Default)]
struct Copies {
    made: u64,
    wanted: bool,
}

#[test]
fn a_process_that_ends_at_a_step_of_a_swap_leaves_one_valid_tree() {
    for kind in KINDS {
        let mut test_store = TestStore::real(kind);
        let to = tempfile::tempdir().unwrap();
        let copies = Arc::new(Mutex::new(Copies::default()));
        let (from, target, counted) = (test_store.disk.settings.dir.clone(), to.path().to_owned(), copies.clone());
        let before = move |_: &Path| {
            let mut copies = counted.lock().unwrap();
            if copies.wanted {
                copy_dir(&from, &target.join(copies.made.to_string()));
                copies.made += 1;
            }
        };
        test_store.disk.environment.fs = Arc::new(WatchedDisk { before });
        let mut opened = test_store.open();
        used(&mut opened);
        let state = opened.contents();
        copies.lock().unwrap().wanted = true;
        swap(&mut opened, SwapReason::Compaction, quiet).unwrap();
        copies.lock().unwrap().wanted = false;
        opened.close();
        let made = copies.lock().unwrap().made;
        let (mut old, mut new) = (0, 0);
        for number in 0..made {
            test_store.disk.settings.dir = to.path().join(number.to_string());
            let opened = test_store.open();
            assert!(opened.contents() == state, "{}, step {number}: {:?}", kind.name(), opened.opening);
            match &trees(&test_store.disk.settings.dir)[..] {
                [tree] if opened.opening.tree == TreeState::Trusted && tree.contains("000001") => old += 1,
                [tree] if opened.opening.tree == TreeState::Trusted && tree.contains("000002") => new += 1,
                // A copy of files that are being written may not open, unlike the files of a process that ended.
                [..] => assert!(opened.opening.tree != TreeState::Trusted, "{}, step {number}", kind.name()),
            }
        }
        assert!(old > 0 && new > 0, "{}: {old} ends before the swap, {new} after it", kind.name());
    }
}

#[test]
fn a_snapshot_that_reads_the_replaced_tree_is_exact() {
    for kind in KINDS {
        let mut test_store = TestStore::real(kind);
        let (begun, begins) = mpsc::sync_channel(1);
        let (go_on, goes_on) = mpsc::sync_channel(1);
        let goes_on = Mutex::new(goes_on);
        let before = move |path: &Path| {
            if path.ends_with("copy.snap.new") && !path.exists() {
                begun.send(()).unwrap();
                goes_on.lock().unwrap().recv().unwrap();
            }
        };
        test_store.disk.environment.fs = Arc::new(WatchedDisk { before });
        let mut opened = test_store.open();
        used(&mut opened);
        let dir = test_store.disk.settings.dir.clone();
        let file = dir.with_file_name("copy.snap");
        let upkeep = opened.store.upkeep().unwrap().clone();
        let names_the_new = || fs::read_to_string(dir.join("checkpoint")).unwrap().contains("tree-000002");
        let summary = std::thread::scope(|scope| {
            let swapping = scope.spawn(|| upkeep.swap_tree(SwapReason::Compaction, &|| false));
            while trees(&dir).len() == 1 {
                std::thread::yield_now();
            }
            let taking = scope.spawn(|| upkeep.take_to(&file, SnapshotForm::Sealed));
            begins.recv().unwrap();
            while !names_the_new() {
                opened.tend();
            }
            for at in 0..50 {
                opened.act(at, at.wrapping_mul(2_654_435_761) >> 7).unwrap();
            }
            go_on.send(()).unwrap();
            let summary = taking.join().unwrap().unwrap();
            while !swapping.is_finished() {
                opened.tend();
            }
            swapping.join().unwrap().unwrap();
            summary
        });
        assert_eq!(trees(&dir).len(), 1, "the replaced tree is removed after the snapshot");
        let state = opened.contents();
        opened.close();
        test_store.disk.settings.dir = dir.with_file_name("restored");
        let restored =
            restore(&file, &test_store.disk.settings, &test_store.disk.environment, RestoredSessions::End).unwrap();
        assert_eq!(restored.exact, summary.exact);
        assert!(test_store.open().contents() == state, "{}", kind.name());
    }
}

#[test]
fn a_compaction_that_could_fill_the_disk_is_refused() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    used(&mut opened);
    test_store.disk.sim.set_free_bytes(1 << 20);
    assert!(matches!(swap(&mut opened, SwapReason::Compaction, quiet), Err(SwapError::NoSpace { .. })));
    // A tree that is damaged is replaced as long as the disk takes it.
    swap(&mut opened, SwapReason::Damage, quiet).unwrap();
}
