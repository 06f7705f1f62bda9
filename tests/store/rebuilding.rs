//! Rebuilds that are interrupted, and the trees that they leave.

use std::{fs, time::Duration};

use majordomo::{
    persistence::{
        base::{Base, DistrustReason, OpenError, TreeState},
        engine::EngineKind,
        opening_watch::OpeningWatch,
        tree_mark::TreeMark,
    },
    telemetry::starting::StartPhase,
};

use crate::test_disk::{History, State, TestDisk, contents, put, seal};

/// The directories of trees, sorted.
fn trees(disk: &TestDisk) -> Vec<String> {
    let names = fs::read_dir(&disk.settings.dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.starts_with("tree-"));
    names.sort();
    names
}

fn filled(kind: EngineKind) -> (TestDisk, State) {
    let disk = TestDisk::real(kind);
    let mut base = disk.open().unwrap();
    let history = History::new(4, 40);
    disk.commit(&mut base, &history.groups);
    base.close_clean().unwrap();
    (disk, history.last().clone())
}

fn open_watched(disk: &TestDisk, watch: &OpeningWatch) -> Result<Base, OpenError> {
    Base::open_watched(&disk.settings, disk.environment.clone(), watch, |_| Ok(seal()))
}

/// An opening that ends at the first step of the rebuild, when the new tree exists and is empty.
fn interrupt(disk: &TestDisk) {
    let watch = OpeningWatch::default();
    watch.stop();
    match open_watched(disk, &watch) {
        Err(OpenError::Stopped) => {}
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("the opening did not stop"),
    }
}

fn reason(base: &Base) -> DistrustReason {
    match base.opening().tree.clone() {
        TreeState::Trusted => panic!("the tree was trusted"),
        TreeState::Rebuilt { reason, .. } => reason,
    }
}

fn checkpoint(disk: &TestDisk, base: &mut Base) {
    disk.commit(base, &[vec![put(1, "later")]]);
    disk.clock.advance(Duration::from_secs(2));
    assert!(base.checkpoint_if_due().unwrap());
}

#[test]
fn fifteen_interrupted_rebuilds_after_a_machine_stop_leave_one_tree() {
    let (mut disk, state) = filled(EngineKind::Sled);
    drop(disk.open().unwrap());
    disk.reboot();
    for _ in 0..15 {
        interrupt(&disk);
        assert_eq!(trees(&disk), ["tree-000001.sled", "tree-000002.sled"]);
    }
    let mut base = disk.open().unwrap();
    assert_eq!(reason(&base), DistrustReason::MachineStopped);
    assert_eq!(contents(&**base.engine()), state);
    checkpoint(&disk, &mut base);
    assert_eq!(trees(&disk), ["tree-000002.sled"]);
}

#[test]
fn fifteen_interrupted_rebuilds_of_a_damaged_tree_keep_it_aside_until_the_next_checkpoint() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (disk, state) = filled(kind);
        let mark = TreeMark { tree: None, reason: "a test".to_owned(), value: None };
        mark.write(&*disk.environment.fs, &majordomo::persistence::layout::Layout::new(&disk.settings.dir)).unwrap();
        let (old, new) = (format!("tree-000001.{}.aside", kind.name()), format!("tree-000002.{}", kind.name()));
        for _ in 0..15 {
            interrupt(&disk);
            assert_eq!(trees(&disk), [old.clone(), new.clone()]);
        }
        let mut base = disk.open().unwrap();
        assert_eq!(reason(&base), DistrustReason::SetAside);
        assert_eq!(contents(&**base.engine()), state);
        assert_eq!(trees(&disk), [old, new.clone()]);
        checkpoint(&disk, &mut base);
        assert_eq!(trees(&disk), [new]);
    }
}

#[test]
fn fifteen_interrupted_rebuilds_under_a_damaged_checkpoint_keep_the_old_tree_aside() {
    let (disk, state) = filled(EngineKind::Redb);
    fs::write(disk.settings.dir.join("checkpoint"), "no checkpoint").unwrap();
    for _ in 0..15 {
        interrupt(&disk);
        assert_eq!(trees(&disk), ["tree-000001.redb.aside", "tree-000002.redb"]);
    }
    let base = disk.open().unwrap();
    assert_eq!(reason(&base), DistrustReason::CheckpointDamaged);
    assert_eq!(contents(&**base.engine()), state);
    base.close_clean().unwrap();
    assert_eq!(trees(&disk), ["tree-000002.redb"]);
}

#[test]
fn a_marked_tree_is_rebuilt_once_and_a_mark_on_another_tree_counts_for_nothing() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (disk, state) = filled(kind);
        let layout = majordomo::persistence::layout::Layout::new(&disk.settings.dir);
        let on = |name: &str| TreeMark {
            tree: Some(format!("{name}.{}", kind.name())),
            reason: "a test".to_owned(),
            value: None,
        };
        on("tree-000001").write(&*disk.environment.fs, &layout).unwrap();
        let base = disk.open().unwrap();
        assert_eq!(reason(&base), DistrustReason::Marked("a test".to_owned()));
        assert_eq!(contents(&**base.engine()), state);
        assert!(!disk.settings.dir.join("damaged").exists());
        drop(base);
        assert_eq!(disk.open().unwrap().opening().tree, TreeState::Trusted);
        on("tree-000001").write(&*disk.environment.fs, &layout).unwrap();
        assert_eq!(disk.open().unwrap().opening().tree, TreeState::Trusted, "the mark is on the tree before");
        fs::write(disk.settings.dir.join("damaged"), "no mark").unwrap();
        assert!(matches!(reason(&disk.open().unwrap()), DistrustReason::Marked(_)));
    }
}

#[test]
fn the_progress_of_a_rebuild_rises_to_its_end() {
    let (mut disk, _) = filled(EngineKind::Sled);
    let base = disk.open().unwrap();
    base.upkeep().take().unwrap();
    drop(base);
    disk.reboot();
    let watch = OpeningWatch::default();
    let mut phases = watch.phase().subscribe();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| open_watched(&disk, &watch).unwrap());
        let mut last = 0;
        while !opening.is_finished() {
            if let StartPhase::Rebuilding { percent } = *phases.borrow_and_update() {
                assert!((last..=100).contains(&percent), "{percent} after {last}");
                last = percent;
            }
            std::thread::yield_now();
        }
        opening.join().unwrap();
    });
    assert_eq!(*phases.borrow_and_update(), StartPhase::Rebuilding { percent: 100 });
}

#[test]
fn a_start_that_waits_for_the_directory_reports_the_process_and_can_be_stopped() {
    let mut disk = TestDisk::real(EngineKind::Sled);
    let _held = disk.open().unwrap();
    disk.settings.lock_wait = Duration::from_secs(600);
    let watch = OpeningWatch::default();
    let mut phases = watch.phase().subscribe();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| open_watched(&disk, &watch).map(|_| ()));
        let locked = StartPhase::Locked { pid: Some(std::process::id()) };
        futures::executor::block_on(phases.wait_for(|phase| *phase == locked)).unwrap();
        assert_eq!(locked.to_string(), format!("opening: locked by process {}", std::process::id()));
        watch.stop();
        assert!(matches!(opening.join().unwrap(), Err(OpenError::Stopped)));
    });
}
