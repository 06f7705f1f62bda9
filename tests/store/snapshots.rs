//! Snapshots: exact though writing goes on, whole or refused, enough to bring a store back.

use std::{path::PathBuf, sync::mpsc, time::Duration};

use majordomo::persistence::{
    Batch, Lsn,
    base::{OpenError, TreeFate},
    engine::EngineKind,
    settings::Settings,
    snapshot::{SnapshotError, file_name, read, restore::restore},
    upkeep::{Room, Upkeep},
};

use crate::yard::{History, State, Yard, apply, contents, put};

fn elsewhere(yard: &Yard) -> Settings {
    Settings { dir: yard.settings.dir.with_file_name("restored"), ..yard.settings.clone() }
}

fn opened_elsewhere(yard: &Yard) -> Yard {
    Yard { settings: elsewhere(yard), seams: yard.seams.clone(), clock: yard.clock.clone(), ..Yard::simulated() }
}

#[test]
fn a_snapshot_brings_back_the_store_as_of_its_commit() {
    for kind in [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem] {
        let yard = Yard::real(kind);
        let history = History::new(4, 50);
        let mut base = yard.open().unwrap();
        yard.commit(&mut base, &history.groups[..40]);
        let file = yard.settings.dir.with_file_name("copy.snap");
        let summary = base.upkeep().take_to(&file).unwrap();
        assert_eq!(summary.exact, history.lsn_after(40));
        yard.commit(&mut base, &history.groups[40..]);
        let restored = restore(&file, &elsewhere(&yard), &yard.seams).unwrap();
        assert_eq!(restored, summary.clone());
        let copy = opened_elsewhere(&yard);
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
fn a_snapshot_taken_while_writing_goes_on_is_exact() {
    for kind in [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem] {
        let mut yard = Yard::real(kind);
        yard.settings.tuning.segment_bytes = 1 << 20;
        let mut base = yard.open().unwrap();
        let mut all: Vec<Batch> = (0..3_000).map(|key| put(key, "at first")).collect();
        for group in all.chunks(100) {
            yard.commit(&mut base, &[group.to_vec()]);
        }
        let upkeep: Upkeep = base.upkeep().clone();
        let file = yard.settings.dir.with_file_name("copy.snap");
        let (begun, begins) = mpsc::sync_channel(1);
        let taken = std::thread::scope(|scope| {
            let taking = scope.spawn(|| {
                begun.send(()).unwrap();
                upkeep.take_to(&file).unwrap()
            });
            begins.recv().unwrap();
            for at in 0u64.. {
                let batch = put(at * 7_919 % 3_500, &format!("while it was taken {at}"));
                all.push(batch.clone());
                yard.commit(&mut base, &[vec![batch]]);
                if taking.is_finished() {
                    break;
                }
            }
            taking.join().unwrap()
        });
        restore(&file, &elsewhere(&yard), &yard.seams).unwrap();
        let base = opened_elsewhere(&yard).open().unwrap();
        assert_eq!(base.opening().last, taken.exact);
        let mut state = State::new();
        all[..taken.exact.0 as usize].iter().for_each(|batch| apply(&mut state, batch));
        assert!(contents(&**base.engine()) == state, "{}: the copy is not exact", kind.name());
    }
}

#[test]
fn any_wrong_byte_and_any_missing_end_is_found() {
    let yard = Yard::simulated();
    let history = History::new(4, 20);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &history.groups);
    let file = PathBuf::from("/simulated/copy.snap");
    let summary = base.upkeep().take_to(&file).unwrap();
    let whole = yard.sim.files()[&file].clone();
    assert_eq!(whole.len() as u64, summary.bytes);
    for at in 0..whole.len() {
        yard.sim.damage(&file, |bytes| bytes[at] ^= 0x04).unwrap();
        assert!(read::verify(&*yard.seams.fs, &file).is_err(), "byte {at}");
        yard.sim.damage(&file, |bytes| bytes.truncate(at)).unwrap();
        assert!(read::verify(&*yard.seams.fs, &file).is_err(), "length {at}");
        yard.sim.damage(&file, |bytes| bytes.clone_from(&whole)).unwrap();
    }
    yard.sim.damage(&file, |bytes| bytes.push(0)).unwrap();
    assert!(read::verify(&*yard.seams.fs, &file).is_err(), "one byte too many");
}

#[test]
fn a_damaged_snapshot_is_not_restored_and_nothing_is_made() {
    let yard = Yard::real(EngineKind::Mem);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &[vec![put(1, "x")]]);
    let file = yard.settings.dir.with_file_name("copy.snap");
    base.upkeep().take_to(&file).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = restore(&file, &elsewhere(&yard), &yard.seams).unwrap_err();
    assert!(matches!(refused, SnapshotError::Damaged { .. }), "{refused}");
    assert!(!elsewhere(&yard).dir.exists());
}

#[test]
fn a_snapshot_is_not_restored_over_anything() {
    let yard = Yard::real(EngineKind::Mem);
    let base = yard.open().unwrap();
    let file = yard.settings.dir.with_file_name("copy.snap");
    base.upkeep().take_to(&file).unwrap();
    let refused = restore(&file, &yard.settings, &yard.seams).unwrap_err();
    assert!(matches!(refused, SnapshotError::NotEmpty { .. }), "{refused}");
}

/// A store that takes a snapshot an hour and keeps nothing longer than it must.
fn hourly() -> Yard {
    let mut yard = Yard::simulated();
    yard.settings.tuning.snapshot_every = Duration::from_secs(3_600);
    yard.settings.tuning.retention_time = Duration::from_secs(7_200);
    yard
}

fn live_hours(yard: &Yard, base: &mut majordomo::persistence::base::Base, groups: &[Vec<Batch>]) {
    for group in groups {
        yard.commit(base, std::slice::from_ref(group));
        yard.clock.advance(Duration::from_secs(600));
        base.checkpoint_if_due().unwrap();
        base.upkeep().run().unwrap();
    }
}

#[test]
fn snapshots_come_by_the_hour_two_are_kept_and_segments_go_when_both_cover_them() {
    let mut yard = hourly();
    let history = History::new(9, 120);
    let mut base = yard.open().unwrap();
    live_hours(&yard, &mut base, &history.groups);
    let kept = base.upkeep().snapshots().unwrap();
    assert_eq!(kept.len(), 2);
    let names = majordomo::persistence::journal::segment::list(&*yard.seams.fs, &yard.journal()).unwrap();
    assert!(names[0].0 > Lsn(1), "the first segments are gone");
    assert!(names[0].0 <= kept[0].next(), "what the older snapshot needs is there");
    drop(base);
    yard.sim.stop_machine(1);
    yard.reboot();
    let base = yard.open().unwrap();
    assert_eq!(contents(&**base.engine()), *history.last());
    match &base.opening().tree {
        TreeFate::Rebuilt { snapshot, .. } => assert_eq!(*snapshot, Some(kept[1])),
        TreeFate::Trusted => panic!("nothing was rebuilt"),
    }
}

#[test]
fn a_store_that_is_started_often_takes_its_snapshots_all_the_same() {
    let yard = hourly();
    for at in 0..14 {
        let mut base = yard.open().unwrap();
        yard.commit(&mut base, &[vec![put(at, "x")]]);
        yard.clock.advance(Duration::from_secs(600));
        base.upkeep().run().unwrap();
        base.close_clean().unwrap();
    }
    let base = yard.open().unwrap();
    assert_eq!(base.upkeep().snapshots().unwrap(), vec![Lsn(6), Lsn(12)]);
}

#[test]
fn with_the_newest_snapshot_damaged_the_one_before_it_serves() {
    let yard = hourly();
    let history = History::new(9, 120);
    let mut base = yard.open().unwrap();
    live_hours(&yard, &mut base, &history.groups);
    let kept = base.upkeep().snapshots().unwrap();
    drop(base);
    yard.sim.end_process();
    let path = |lsn| yard.settings.dir.join("snapshots").join(file_name(lsn));
    yard.sim.damage(&path(kept[1]), |bytes| bytes[100] ^= 1).unwrap();
    let base = yard.open().unwrap();
    assert_eq!(contents(&**base.engine()), *history.last());
    match &base.opening().tree {
        TreeFate::Rebuilt { snapshot, .. } => assert_eq!(*snapshot, Some(kept[0])),
        TreeFate::Trusted => panic!("nothing was rebuilt"),
    }
    drop(base);
    yard.sim.end_process();
    yard.sim.damage(&path(kept[0]), |bytes| bytes[100] ^= 1).unwrap();
    let refused = yard.open().map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::NothingToRebuild { .. }), "{refused}");
}

#[test]
fn a_full_disk_gets_back_all_that_the_newest_snapshot_covers() {
    let yard = hourly();
    let history = History::new(9, 60);
    let mut base = yard.open().unwrap();
    live_hours(&yard, &mut base, &history.groups);
    let newest = base.upkeep().take().unwrap().exact;
    let done = base.upkeep().reclaim().unwrap();
    assert!(!done.segments.is_empty());
    assert_eq!(base.upkeep().snapshots().unwrap(), vec![newest]);
    drop(base);
    yard.sim.end_process();
    assert_eq!(contents(&**yard.open().unwrap().engine()), *history.last());
}

#[test]
fn a_failed_snapshot_leaves_nothing_and_the_store_goes_on() {
    let yard = Yard::simulated();
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &[vec![put(1, "x")]]);
    for step in 1..4 {
        yard.sim.fail_at(yard.sim.steps() + step, majordomo::persistence::fs::sim::Failure::Error);
        base.upkeep().take().unwrap_err();
        assert_eq!(base.upkeep().snapshots().unwrap(), vec![]);
        assert!(!yard.sim.files().keys().any(|path| path.to_string_lossy().ends_with(".new")));
    }
    yard.commit(&mut base, &[vec![put(2, "x")]]);
    base.upkeep().take().unwrap();
}

#[test]
fn room_on_the_disk_has_three_degrees() {
    assert_eq!(Room::of(600 << 20), Room::Ample);
    assert_eq!(Room::of(511 << 20), Room::Low);
    assert_eq!(Room::of(127 << 20), Room::Full);
}
