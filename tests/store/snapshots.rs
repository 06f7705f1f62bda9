//! Snapshots: exact during writes, complete or refused, sufficient to restore a store.

use std::{path::PathBuf, sync::mpsc, time::Duration};

use majordomo::persistence::{
    Batch, Lsn,
    base::{Closed, OpenError, TreeState},
    engine::EngineKind,
    settings::StoreSettings,
    snapshot::{
        SnapshotDisk, SnapshotError, SnapshotForm, file_name, read,
        restore::{RestoredSessions, restore},
    },
    upkeep::{DiskSpace, Upkeep},
};

use crate::test_disk::{History, State, TestDisk, apply, contents, put};

fn elsewhere(disk: &TestDisk) -> StoreSettings {
    StoreSettings { dir: disk.settings.dir.with_file_name("restored"), ..disk.settings.clone() }
}

fn opened_elsewhere(disk: &TestDisk) -> TestDisk {
    TestDisk {
        settings: elsewhere(disk),
        environment: disk.environment.clone(),
        clock: disk.clock.clone(),
        ..TestDisk::simulated()
    }
}

#[test]
fn a_snapshot_restores_the_store_at_its_commit() {
    for kind in [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem] {
        let disk = TestDisk::real(kind);
        let history = History::new(4, 50);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups[..40]);
        let file = disk.settings.dir.with_file_name("copy.snap");
        let summary = base.upkeep().take_to(&file, SnapshotForm::Sealed).unwrap();
        assert_eq!(summary.exact, history.lsn_after(40));
        disk.commit(&mut base, &history.groups[40..]);
        let restored = restore(&file, &elsewhere(&disk), &disk.environment, RestoredSessions::End).unwrap();
        assert_eq!(restored, summary.clone());
        let copy = opened_elsewhere(&disk);
        let mut base = copy.open().unwrap();
        assert!(base.format().restored);
        assert_eq!(contents(&**base.engine()), history.states[summary.exact.0 as usize]);
        assert_eq!(base.last_time(), summary.time);
        copy.commit(&mut base, &history.groups[40..]);
        assert_eq!(contents(&**base.engine()), *history.last());
        base.close_clean().unwrap();
        assert_eq!(copy.open().unwrap().opening().last, history.lsn_after(50));
    }
}

#[test]
fn a_snapshot_taken_during_writes_is_exact() {
    for kind in [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem] {
        let mut disk = TestDisk::real(kind);
        disk.settings.tuning.segment_bytes = 1 << 20;
        let mut base = disk.open().unwrap();
        let mut all: Vec<Batch> = (0..3_000).map(|key| put(key, "at first")).collect();
        for group in all.chunks(100) {
            disk.commit(&mut base, &[group.to_vec()]);
        }
        let upkeep: Upkeep = base.upkeep().clone();
        let file = disk.settings.dir.with_file_name("copy.snap");
        let (begun, begins) = mpsc::sync_channel(1);
        let taken = std::thread::scope(|scope| {
            let taking = scope.spawn(|| {
                begun.send(()).unwrap();
                upkeep.take_to(&file, SnapshotForm::Sealed).unwrap()
            });
            begins.recv().unwrap();
            for at in 0u64.. {
                let batch = put(at * 7_919 % 3_500, &format!("while it was taken {at}"));
                all.push(batch.clone());
                disk.commit(&mut base, &[vec![batch]]);
                if taking.is_finished() {
                    break;
                }
            }
            taking.join().unwrap()
        });
        restore(&file, &elsewhere(&disk), &disk.environment, RestoredSessions::End).unwrap();
        let base = opened_elsewhere(&disk).open().unwrap();
        assert_eq!(base.opening().last, taken.exact);
        let mut state = State::new();
        all[..taken.exact.0 as usize].iter().for_each(|batch| apply(&mut state, batch));
        assert!(contents(&**base.engine()) == state, "{}: the copy is not exact", kind.name());
    }
}

#[test]
fn any_wrong_byte_and_any_missing_end_is_found() {
    let disk = TestDisk::simulated();
    let history = History::new(4, 20);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups);
    let file = PathBuf::from("/simulated/copy.snap");
    let summary = base.upkeep().take_to(&file, SnapshotForm::Sealed).unwrap();
    let whole = disk.sim.files()[&file].clone();
    assert_eq!(whole.len() as u64, summary.bytes);
    for at in 0..whole.len() {
        disk.sim.damage(&file, |bytes| bytes[at] ^= 0x04).unwrap();
        assert!(read::verify(SnapshotDisk::of(&disk.environment), &file).is_err(), "byte {at}");
        disk.sim.damage(&file, |bytes| bytes.truncate(at)).unwrap();
        assert!(read::verify(SnapshotDisk::of(&disk.environment), &file).is_err(), "length {at}");
        disk.sim.damage(&file, |bytes| bytes.clone_from(&whole)).unwrap();
    }
    disk.sim.damage(&file, |bytes| bytes.push(0)).unwrap();
    assert!(read::verify(SnapshotDisk::of(&disk.environment), &file).is_err(), "one byte too many");
}

#[test]
fn a_damaged_snapshot_is_not_restored_and_no_store_is_created() {
    let disk = TestDisk::real(EngineKind::Mem);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "x")]]);
    let file = disk.settings.dir.with_file_name("copy.snap");
    base.upkeep().take_to(&file, SnapshotForm::Sealed).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = restore(&file, &elsewhere(&disk), &disk.environment, RestoredSessions::End).unwrap_err();
    assert!(matches!(refused, SnapshotError::Damaged { .. }), "{refused}");
    assert!(!elsewhere(&disk).dir.exists());
}

#[test]
fn a_snapshot_is_not_restored_into_a_directory_with_content() {
    let disk = TestDisk::real(EngineKind::Mem);
    let base = disk.open().unwrap();
    let file = disk.settings.dir.with_file_name("copy.snap");
    base.upkeep().take_to(&file, SnapshotForm::Sealed).unwrap();
    let refused = restore(&file, &disk.settings, &disk.environment, RestoredSessions::End).unwrap_err();
    assert!(matches!(refused, SnapshotError::NotEmpty { .. }), "{refused}");
}

/// A store that takes a snapshot every hour and has the shortest retention.
fn hourly() -> TestDisk {
    let mut disk = TestDisk::simulated();
    disk.settings.tuning.snapshot_every = Duration::from_secs(3_600);
    disk.settings.tuning.retention_time = Duration::from_secs(7_200);
    disk
}

fn live_hours(disk: &TestDisk, base: &mut majordomo::persistence::base::Base, groups: &[Vec<Batch>]) {
    for group in groups {
        disk.commit(base, std::slice::from_ref(group));
        disk.clock.advance(Duration::from_secs(600));
        base.checkpoint_if_due().unwrap();
        base.upkeep().run().unwrap();
    }
}

#[test]
fn snapshots_are_taken_hourly_two_are_kept_and_segments_that_both_cover_are_removed() {
    let mut disk = hourly();
    let history = History::new(9, 120);
    let mut base = disk.open().unwrap();
    live_hours(&disk, &mut base, &history.groups);
    let kept = base.upkeep().snapshots().unwrap();
    assert_eq!(kept.len(), 2);
    let names = majordomo::persistence::journal::segment::list(&*disk.environment.fs, &disk.journal()).unwrap();
    assert!(names[0].0 > Lsn(1), "the first segments are removed");
    assert!(names[0].0 <= kept[0].next(), "the commits that the older snapshot needs are kept");
    drop(base);
    disk.sim.stop_machine(1);
    disk.reboot();
    let base = disk.open().unwrap();
    assert_eq!(contents(&**base.engine()), *history.last());
    match &base.opening().tree {
        TreeState::Rebuilt { snapshot, .. } => assert_eq!(*snapshot, Some(kept[1])),
        TreeState::Trusted => panic!("nothing was rebuilt"),
    }
}

#[test]
fn a_store_that_is_restarted_often_still_takes_its_snapshots() {
    let disk = hourly();
    for at in 0..14 {
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &[vec![put(at, "x")]]);
        disk.clock.advance(Duration::from_secs(600));
        base.upkeep().run().unwrap();
        base.close_clean().unwrap();
    }
    let base = disk.open().unwrap();
    assert_eq!(base.upkeep().snapshots().unwrap(), vec![Lsn(6), Lsn(12)]);
}

#[test]
fn with_the_newest_snapshot_damaged_the_previous_one_is_used() {
    let disk = hourly();
    let history = History::new(9, 120);
    let mut base = disk.open().unwrap();
    live_hours(&disk, &mut base, &history.groups);
    let kept = base.upkeep().snapshots().unwrap();
    drop(base);
    disk.sim.end_process();
    let path = |lsn| disk.settings.dir.join("snapshots").join(file_name(lsn));
    disk.sim.damage(&path(kept[1]), |bytes| bytes[100] ^= 1).unwrap();
    let base = disk.open().unwrap();
    assert_eq!(contents(&**base.engine()), *history.last());
    match &base.opening().tree {
        TreeState::Rebuilt { snapshot, .. } => assert_eq!(*snapshot, Some(kept[0])),
        TreeState::Trusted => panic!("nothing was rebuilt"),
    }
    drop(base);
    disk.sim.end_process();
    disk.sim.damage(&path(kept[0]), |bytes| bytes[100] ^= 1).unwrap();
    let refused = disk.open().map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::NothingToRebuild { .. }), "{refused}");
}

#[test]
fn on_a_full_disk_everything_that_the_newest_snapshot_covers_is_freed() {
    let disk = hourly();
    let history = History::new(9, 60);
    let mut base = disk.open().unwrap();
    live_hours(&disk, &mut base, &history.groups);
    let newest = base.upkeep().take().unwrap().exact;
    let done = base.upkeep().reclaim().unwrap();
    assert!(!done.segments.is_empty());
    assert_eq!(base.upkeep().snapshots().unwrap(), vec![newest]);
    drop(base);
    disk.sim.end_process();
    assert_eq!(contents(&**disk.open().unwrap().engine()), *history.last());
}

#[test]
fn a_failed_snapshot_leaves_no_file_and_the_store_continues() {
    let disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "x")]]);
    for step in 1..4 {
        disk.sim.fail_at(disk.sim.steps() + step, crate::sim_fs::SimFailure::Error);
        base.upkeep().take().unwrap_err();
        assert_eq!(base.upkeep().snapshots().unwrap(), vec![]);
        assert!(!disk.sim.files().keys().any(|path| path.to_string_lossy().ends_with(".new")));
    }
    disk.commit(&mut base, &[vec![put(2, "x")]]);
    base.upkeep().take().unwrap();
}

#[test]
fn disk_space_has_three_levels() {
    assert_eq!(DiskSpace::of(600 << 20), DiskSpace::Ample);
    assert_eq!(DiskSpace::of(511 << 20), DiskSpace::Low);
    assert_eq!(DiskSpace::of(127 << 20), DiskSpace::Full);
}

#[test]
fn a_close_ends_a_snapshot_that_is_being_taken_and_leaves_the_clean_mark() {
    let mut disk = TestDisk::real(EngineKind::Redb);
    disk.settings.tuning.segment_bytes = 64 << 20;
    let mut base = disk.open().unwrap();
    for batch in 0..150 {
        let puts = (0..1_000).map(|at| put(batch * 1_000 + at, &"x".repeat(100)).0.remove(0)).collect();
        disk.commit(&mut base, &[vec![Batch(puts)]]);
    }
    let (upkeep, taking) = (base.upkeep().clone(), disk.settings.dir.join("snapshots/taking.new"));
    std::thread::scope(|scope| {
        let snapshot = scope.spawn(|| upkeep.take());
        while !taking.exists() && !snapshot.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(base.close_clean().unwrap(), Closed::Clean);
        assert!(matches!(snapshot.join().unwrap(), Err(SnapshotError::Closing)));
    });
    assert!(!taking.exists());
    let checkpoint = std::fs::read_to_string(disk.settings.dir.join("checkpoint")).unwrap();
    assert!(checkpoint.contains("\"closed\":true"), "{checkpoint}");
    disk.reboot();
    assert_eq!(disk.open().unwrap().opening().tree, TreeState::Trusted);
}
