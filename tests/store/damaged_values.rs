//! Values in the tree that are not the ones that were written: no read returns them, and no snapshot holds them.

use std::{
    ops::Bound,
    path::{Path, PathBuf},
    time::Duration,
};

use majordomo::{
    persistence::{
        Batch, Lsn, Operation, Reader as _, Scan, TxFault,
        check::{CheckFault, check},
        checksum::KeyName,
        engine::{ByteScan, Direction, Engine, EngineError, EngineKind, redb::RedbEngine, sled::SledEngine},
        snapshot::SnapshotError,
        tables::user::{self, USER_BY_ID, USER_ID_BY_EMAIL},
    },
    telemetry::health::HealthStatus,
    types::{EmailAddress, Fault},
};

use crate::{
    check::scope,
    samples::a_user,
    test_disk::{History, TestDisk},
    test_store::TestStore,
    tools::{ready, unless_taken, user as id_of},
};

pub const ON_DISK: [EngineKind; 2] = [EngineKind::Sled, EngineKind::Redb];

/// The directory of the only tree.
pub fn tree(disk: &TestDisk) -> PathBuf {
    let names = std::fs::read_dir(&disk.settings.dir).unwrap().map(|entry| entry.unwrap());
    let mut trees = names.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("tree-") && !name.ends_with(".aside")
    });
    let found = trees.next().unwrap().path();
    assert!(trees.next().is_none(), "one tree");
    found
}

/// Changes the tree of a closed store without its journal.
pub fn alter(disk: &TestDisk, change: impl FnOnce(&dyn Engine) -> Batch) {
    let dir = tree(disk);
    let engine: Box<dyn Engine> = match disk.settings.engine {
        EngineKind::Sled => Box::new(SledEngine::open(&dir).unwrap()),
        EngineKind::Redb => Box::new(RedbEngine::open(&dir).unwrap()),
        EngineKind::Mem => panic!("a tree in memory has no files"),
    };
    let applied = engine.applied().unwrap().unwrap_or(Lsn::ZERO);
    engine.apply(&change(&*engine), applied).unwrap();
    engine.checkpoint().unwrap();
}

/// Flips one bit in the value of the first row of the table of `tag`; returns its key.
pub fn damage_first(disk: &TestDisk, tag: u8) -> Vec<u8> {
    let mut damaged = Vec::new();
    alter(disk, |engine| {
        let (start, end) = (Bound::Included(vec![tag]), Bound::Excluded(vec![tag + 1]));
        let scan = ByteScan { start, end, direction: Direction::Ascending, limit: 1 };
        let (key, mut value) = engine.view().unwrap().scan(&scan).unwrap().pop().unwrap();
        value[4] ^= 0x20;
        damaged.clone_from(&key);
        Batch(vec![Operation::Put { key, value }])
    });
    damaged
}

/// A closed store with two users, one of whose records is damaged in the tree.
pub fn with_a_damaged_user(kind: EngineKind) -> TestStore {
    let test_store = TestStore::real(kind);
    let mut opened = test_store.open();
    for number in 1..=2u32 {
        let now = opened.write().stamp.now;
        let added = opened.commit(move |tx| unless_taken(user::insert(tx, &a_user(id_of(number.into()), number, now))));
        added.unwrap();
    }
    opened.close();
    damage_first(&test_store.disk, USER_BY_ID.tag);
    test_store
}

#[test]
fn no_read_returns_a_damaged_value_and_the_store_is_lost() {
    for kind in ON_DISK {
        for read in 0..3 {
            // The start after a lost store builds another tree.
            let test_store = with_a_damaged_user(kind);
            let mut opened = test_store.open();
            assert_eq!(ready(opened.store.read(|view| user::find(view, id_of(2)))).unwrap().unwrap().id, id_of(2));
            assert!(opened.store.lost().borrow().is_none());
            let answer = match read {
                0 => ready(opened.store.read(|view| user::find(view, id_of(1)).map(|_| ()))),
                1 => ready(opened.store.read(|view| view.scan(&USER_BY_ID, Scan::all()).map(|_| ()))),
                _ => opened.commit(|tx| user::find(tx, id_of(1)).map(|_| ())),
            };
            assert_eq!(answer, Err(Fault::Unavailable), "{} {read}", kind.name());
            let lost = opened.store.lost().borrow().clone().unwrap();
            assert!(lost.contains("01:") && lost.contains("checksum") && !lost.contains("erson"), "{lost}");
        }
    }
}

#[test]
fn a_fault_names_the_key_of_a_damaged_index_row_by_a_hash() {
    let test_store = with_a_damaged_user(EngineKind::Redb);
    let key = damage_first(&test_store.disk, USER_ID_BY_EMAIL.tag);
    let opened = test_store.open();
    let found = ready(opened.store.read(|view| {
        let found = user::find_by_email(view, &EmailAddress::parse("person1@example.com").unwrap());
        let Err(TxFault::Damaged(damaged)) = found else { panic!("the index row is damaged: {found:?}") };
        Ok(damaged)
    }));
    let damaged = found.unwrap();
    assert_eq!((damaged.tag(), damaged.name()), (USER_ID_BY_EMAIL.tag, KeyName::of(&key)));
    assert_eq!(damaged.key, key);
}

#[test]
fn a_snapshot_of_a_damaged_value_is_not_named_and_the_earlier_one_stays() {
    for kind in ON_DISK {
        let disk = TestDisk::real(kind);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &History::new(4, 30).groups);
        let earlier = base.upkeep().take().unwrap().exact;
        base.close_clean().unwrap();
        damage_first(&disk, 1);
        let base = disk.open().unwrap();
        let taken = base.upkeep().take();
        assert!(matches!(taken, Err(SnapshotError::Engine(EngineError::Damaged(_)))), "{taken:?}");
        assert_eq!(base.upkeep().snapshots().unwrap(), [earlier]);
        let names = disk.environment.fs.list(&disk.settings.dir.join("snapshots")).unwrap();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

#[test]
fn a_check_finds_a_damaged_value() {
    for kind in ON_DISK {
        let test_store = with_a_damaged_user(kind);
        let fault = check(&test_store.disk.settings, &test_store.disk.environment, scope(|_, _| Ok(()))).unwrap_err();
        assert!(matches!(fault, CheckFault::Differs { .. }), "{}: {fault}", kind.name());
    }
}

/// Removes the last row of a log from the tree of a closed store.
fn lose_last_event(disk: &TestDisk) {
    alter(disk, |engine| {
        let (start, end) = (Bound::Included(vec![0x20]), Bound::Excluded(vec![0x21]));
        let scan = ByteScan { start, end, direction: Direction::Descending, limit: 1 };
        let (key, _) = engine.view().unwrap().scan(&scan).unwrap().pop().unwrap();
        Batch(vec![Operation::Delete { key }])
    });
}

/// Copies a directory with all that is in it.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn a_tree_that_lost_its_last_event_is_rebuilt_at_the_start() {
    for kind in ON_DISK {
        for clean in [true, false] {
            let mut test_store = TestStore::real(kind);
            let dir = test_store.disk.settings.dir.clone();
            let copy = dir.with_file_name("copy");
            let mut opened = test_store.open();
            for at in 0..12 {
                opened.act(at, at * 7 + 3).unwrap();
            }
            test_store.disk.clock.advance(Duration::from_secs(2));
            opened.writer.checkpoint();
            opened.act(12, 4).unwrap();
            let (head, audit) = (opened.store.head(), opened.store.report().audit_sign_ins);
            assert!(head > 9, "{head}");
            if clean {
                opened.close();
            } else {
                // As after the end of a process: no last checkpoint, no mark of a clean close.
                copy_dir(&dir, &copy);
                opened.close();
                test_store.disk.settings.dir = copy;
            }
            lose_last_event(&test_store.disk);
            let opened = test_store.open();
            let found = (opened.store.head(), opened.store.report().audit_sign_ins);
            assert_eq!(found, (head, audit), "{} {clean}", kind.name());
            opened.close();
        }
    }
}

fn mark(disk: &TestDisk) -> PathBuf {
    disk.settings.dir.join("damaged")
}

#[test]
fn a_damaged_value_is_recorded_and_the_next_start_rebuilds_the_tree() {
    for kind in ON_DISK {
        let test_store = with_a_damaged_user(kind);
        let opened = test_store.open();
        let before = tree(&test_store.disk);
        assert!(ready(opened.store.read(|view| user::find(view, id_of(1)).map(|_| ()))).is_err());
        drop(opened);
        let written = std::fs::read_to_string(mark(&test_store.disk)).unwrap();
        let json: serde_json::Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
        assert_eq!(json["tree"].as_str(), before.file_name().unwrap().to_str());
        assert_eq!(json["value"]["table"], "user_by_id");
        assert!(json["value"]["key"].as_str().unwrap().starts_with("01:"), "{json}");
        assert!(json["value"]["at"].is_number() && json["value"]["lsn"].is_number(), "{json}");
        assert!(!written.contains("person1"), "{written}");
        let opened = test_store.open();
        let found = ready(opened.store.read(|view| user::find(view, id_of(1)))).unwrap();
        assert_eq!(found.unwrap().id, id_of(1), "{}", kind.name());
        assert_ne!(tree(&test_store.disk), before);
        assert!(!mark(&test_store.disk).exists());
        opened.close();
    }
}

#[test]
fn a_value_that_is_damaged_again_after_a_rebuild_fails_its_requests_alone() {
    for kind in ON_DISK {
        let test_store = with_a_damaged_user(kind);
        let opened = test_store.open();
        assert!(ready(opened.store.read(|view| user::find(view, id_of(1)).map(|_| ()))).is_err());
        drop(opened);
        test_store.open().close();
        damage_first(&test_store.disk, USER_BY_ID.tag);
        // The second opening is that of a supervisor that starts the program again.
        for _ in 0..2 {
            let mut opened = test_store.open();
            let answer = ready(opened.store.read(|view| user::find(view, id_of(1)).map(|_| ())));
            assert!(matches!(answer, Err(Fault::Bug { .. })), "{answer:?}");
            let answer = opened.commit(|tx| user::find(tx, id_of(1)).map(|_| ()));
            assert!(matches!(answer, Err(Fault::Bug { .. })), "{answer:?}");
            assert_eq!(ready(opened.store.read(|view| user::find(view, id_of(2)))).unwrap().unwrap().id, id_of(2));
            opened.act(1, 3).unwrap();
            assert!(opened.store.lost().borrow().is_none());
            let report = opened.store.report();
            assert_eq!((report.status, report.reasons), (HealthStatus::Down, vec!["damaged: 1 in user_by_id".into()]));
            assert!(opened.store.upkeep().unwrap().take().is_err());
            assert!(!mark(&test_store.disk).exists());
            opened.close();
        }
        let mut opened = test_store.open();
        let now = opened.write().stamp.now;
        opened.commit(move |tx| tx.put(&USER_BY_ID, &id_of(1), &a_user(id_of(1), 1, now))).unwrap();
        assert!(
            ready(opened.store.read(|view| user::find(view, id_of(1)))).unwrap().is_some(),
            "a later write repairs it"
        );
        opened.close();
    }
}

#[test]
fn a_damaged_head_of_a_log_is_repaired_by_the_same_start() {
    for kind in ON_DISK {
        let test_store = TestStore::real(kind);
        let mut opened = test_store.open();
        opened.act(1, 3).unwrap();
        let head = opened.store.head();
        opened.close();
        damage_first(&test_store.disk, 0x20);
        let opened = test_store.open();
        assert_eq!((opened.store.head(), head), (1, 1));
        assert!(!mark(&test_store.disk).exists());
        opened.close();
    }
}
