//! One process has a data directory, whatever happens to the file of its lock. A lock of the operating system belongs
//! to an opened file, so that two openings in one process exclude each other as two processes do.

use std::fs;

use majordomo::{
    persistence::{
        KeyLoss,
        engine::EngineKind,
        fs::{Fs as _, RealFs},
    },
    telemetry::health::HealthStatus,
};

use crate::test_store::TestStore;

fn refused(test_store: &TestStore) {
    let error = test_store.try_open(KeyLoss::Refuse).err().expect("the directory is locked").to_string();
    assert!(error.contains("is in use by another process"), "{error}");
}

#[test]
fn a_removed_lock_lets_no_second_process_in_and_is_made_again() {
    let test_store = TestStore::real(EngineKind::Mem);
    let lock = test_store.disk.settings.dir.join("lock");
    let mut opened = test_store.open();
    opened.act(1, 1).unwrap();
    fs::remove_file(&lock).unwrap();
    refused(&test_store);
    opened.store.tend();
    assert!(lock.is_file());
    assert_eq!(opened.store.report().status, HealthStatus::Up);
    // A version that locks the file alone is kept out as well.
    assert!(RealFs.try_lock(&lock).unwrap().is_none());
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "replaced").unwrap();
    refused(&test_store);
    opened.store.tend();
    assert!(RealFs.try_lock(&lock).unwrap().is_none());
    opened.act(2, 2).unwrap();
    opened.close();
    test_store.open().close();
}

#[test]
fn a_lock_that_cannot_be_made_again_degrades_the_store_until_it_can() {
    let test_store = TestStore::real(EngineKind::Mem);
    let lock = test_store.disk.settings.dir.join("lock");
    let opened = test_store.open();
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    opened.store.tend();
    let report = opened.store.report();
    assert_eq!(report.status, HealthStatus::Degraded);
    assert!(report.reasons[0].starts_with("lock_weak: "), "{:?}", report.reasons);
    refused(&test_store);
    fs::remove_dir(&lock).unwrap();
    opened.store.tend();
    assert_eq!(opened.store.report().status, HealthStatus::Up);
    opened.close();
}

#[test]
fn a_new_lock_in_the_hands_of_another_process_ends_this_one() {
    let test_store = TestStore::real(EngineKind::Mem);
    let lock = test_store.disk.settings.dir.join("lock");
    let opened = test_store.open();
    fs::remove_file(&lock).unwrap();
    let _older_version = RealFs.try_lock(&lock).unwrap().unwrap();
    opened.store.tend();
    assert!(opened.store.lost().borrow().as_ref().unwrap().contains("another process"));
    assert_eq!(opened.store.report().status, HealthStatus::Down);
}

#[test]
fn a_directory_that_is_moved_or_replaced_ends_the_process_which_writes_nothing_more() {
    for replaced in [false, true] {
        let test_store = TestStore::real(EngineKind::Mem);
        let dir = &test_store.disk.settings.dir;
        let mut opened = test_store.open();
        opened.act(1, 1).unwrap();
        let moved = dir.with_file_name("moved");
        fs::rename(dir, &moved).unwrap();
        if replaced {
            fs::create_dir(dir).unwrap();
        }
        opened.store.tend();
        let reason = opened.store.lost().borrow().clone().unwrap();
        assert!(reason.contains("data directory"), "{reason}");
        assert!(opened.act(2, 2).is_err());
        opened.close();
        assert_eq!(fs::read_dir(dir).map_or(0, Iterator::count), 0);
        if replaced {
            fs::remove_dir(dir).unwrap();
        }
        fs::rename(&moved, dir).unwrap();
        test_store.open().close();
    }
}
