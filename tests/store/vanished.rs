//! Files of an open store that another process removes, and a directory on another device.

use std::time::Duration;

use majordomo::{
    persistence::{
        base::TreeState,
        checkpoint::{self, Checkpoint, CheckpointFound},
        engine::EngineKind,
        journal::segment,
        layout::Layout,
        trust::DistrustReason,
    },
    telemetry::health::HealthStatus,
};
use rustix::io::Errno;

use crate::{
    test_disk::{History, TestDisk, contents},
    test_store::TestStore,
};

#[test]
fn a_removed_last_segment_is_copied_back_and_survives_a_stop_of_the_machine() {
    for seed in 0..20 {
        let mut disk = TestDisk::simulated();
        let history = History::new(seed, 40);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups[..20]);
        let last = segment::list(&*disk.environment.fs, &disk.journal()).unwrap().pop().unwrap();
        disk.sim.take_away(&last.path(&disk.journal()));
        disk.clock.advance(Duration::from_secs(1));
        base.checkpoint_if_due().unwrap();
        assert!(disk.sim.has(&last.path(&disk.journal())));
        disk.commit(&mut base, &history.groups[20..]);
        drop(base);
        disk.sim.stop_machine(seed);
        disk.reboot();
        assert_eq!(contents(&**disk.open().unwrap().engine()), *history.last(), "{seed}");
    }
}

#[test]
fn a_removed_last_segment_is_copied_back_on_a_real_disk_with_its_directory() {
    let disk = TestDisk::real(EngineKind::Redb);
    let history = History::new(3, 10);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups[..5]);
    std::fs::remove_dir_all(disk.journal()).unwrap();
    disk.clock.advance(Duration::from_secs(1));
    base.checkpoint_if_due().unwrap();
    disk.commit(&mut base, &history.groups[5..]);
    drop(base);
    let base = disk.open().unwrap();
    assert_eq!(contents(&**base.engine()), *history.last());
}

#[test]
fn a_removed_last_segment_without_space_for_a_copy_is_copied_when_there_is_space() {
    let disk = TestDisk::simulated();
    let history = History::new(3, 10);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups[..5]);
    let last = segment::list(&*disk.environment.fs, &disk.journal()).unwrap().pop().unwrap();
    disk.sim.take_away(&last.path(&disk.journal()));
    disk.sim.set_capacity(Some((disk.sim.used(), Errno::NOSPC)));
    disk.clock.advance(Duration::from_secs(1));
    assert!(!base.checkpoint_if_due().unwrap_err().is_fatal());
    assert!(!disk.sim.has(&last.path(&disk.journal())));
    disk.sim.set_capacity(None);
    disk.clock.advance(Duration::from_secs(1));
    base.checkpoint_if_due().unwrap();
    disk.commit(&mut base, &history.groups[5..]);
    drop(base);
    disk.sim.end_process();
    assert_eq!(contents(&**disk.open().unwrap().engine()), *history.last());
}

#[test]
fn removed_older_segments_degrade_the_store_until_a_snapshot_replaces_them() {
    let test_store = TestStore::simulated();
    let (fs, journal) = (&test_store.disk.environment.fs, test_store.disk.journal());
    let mut opened = test_store.open();
    (0..40).for_each(|at| opened.act(at, at * 7).unwrap());
    let segments = segment::list(&**fs, &journal).unwrap();
    assert!(segments.len() > 3, "{segments:?}");
    opened.store.tend();
    assert_eq!(opened.store.report().status, HealthStatus::Up);
    test_store.disk.sim.take_away(&segments[1].path(&journal));
    opened.store.tend();
    let report = opened.store.report();
    assert_eq!(report.status, HealthStatus::Degraded);
    assert_eq!(report.reasons, [format!("segment_lost: {}", segments[1])]);
    let upkeep = opened.store.upkeep().unwrap().clone();
    assert!(upkeep.is_urgent());
    test_store.disk.clock.advance(Duration::from_secs(1));
    opened.writer.checkpoint();
    let last = segment::list(&**fs, &journal).unwrap().pop().unwrap();
    assert!(last > *segments.last().unwrap(), "a new segment is begun");
    assert!(upkeep.round().unwrap().snapshot.is_some());
    assert!(!upkeep.is_urgent());
    assert_eq!(opened.store.report().reasons, [] as [String; 0]);
    assert!(segment::list(&**fs, &journal).unwrap()[0] > segments[1]);
    opened.act(50, 50).unwrap();
    let before = opened.contents();
    drop(opened);
    test_store.disk.sim.end_process();
    assert_eq!(test_store.open().contents(), before);
}

#[test]
fn a_tree_on_another_device_than_before_is_rebuilt() {
    for moved in [false, true] {
        let disk = TestDisk::real(EngineKind::Sled);
        let history = History::new(3, 10);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups);
        drop(base);
        let (fs, layout) = (&*disk.environment.fs, Layout::new(&disk.settings.dir));
        let CheckpointFound::Good(found) = checkpoint::read(fs, &layout).unwrap() else { panic!("no checkpoint") };
        let device = found.device.unwrap() + u64::from(moved);
        checkpoint::write(fs, &layout, &Checkpoint { device: Some(device), ..found }).unwrap();
        let base = disk.open().unwrap();
        let is_moved = matches!(base.opening().tree, TreeState::Rebuilt { reason: DistrustReason::OtherDevice, .. });
        assert_eq!(is_moved, moved, "{:?}", base.opening().tree);
        assert_eq!(contents(&**base.engine()), *history.last());
    }
}
