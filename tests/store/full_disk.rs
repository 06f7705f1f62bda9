//! A disk without free space: what still works, what is refused, and that everything continues when there is space.

use std::{os::unix::fs::MetadataExt as _, path::PathBuf, time::Duration};

use futures::FutureExt as _;
use majordomo::{
    persistence::{
        base::{Base, BaseError, Closed},
        engine::EngineKind,
        tables::outcome::{self, OutcomeKey},
    },
    telemetry::health::HealthStatus,
    types::{Fault, limits},
};
use rustix::io::Errno;

use crate::{
    sim_fs::SimFailure,
    test_disk::{History, TestDisk, contents},
    test_store::{OpenStore, TestStore},
};

const BALLAST: u64 = 16 << 10;

fn with_ballast() -> TestDisk {
    let mut disk = TestDisk::simulated();
    disk.settings.tuning.ballast_bytes = BALLAST;
    disk
}

fn ballast(disk: &TestDisk) -> PathBuf {
    disk.settings.dir.join("ballast")
}

/// Leaves no byte free.
fn fill(disk: &TestDisk, error: Errno) {
    disk.sim.set_capacity(Some((disk.sim.used(), error)));
}

/// Commits groups until one is refused; returns the number of committed groups.
fn commit_until_full(disk: &TestDisk, base: &mut Base, history: &History) -> usize {
    for (at, group) in history.groups.iter().enumerate() {
        match base.commit(disk.commits(group)) {
            Ok(durable) => base.apply(durable).unwrap(),
            Err(error) => {
                assert!(matches!(error, BaseError::Full(_)) && !error.is_fatal(), "{error}");
                return at;
            }
        }
    }
    panic!("the disk was not full")
}

#[test]
fn a_full_journal_uses_the_ballast_then_refuses_commits_and_continues_when_there_is_space() {
    for error in [Errno::NOSPC, Errno::DQUOT] {
        let disk = with_ballast();
        let history = History::new(8, 400);
        let mut base = disk.open().unwrap();
        assert!(disk.sim.has(&ballast(&disk)));
        fill(&disk, error);
        let refused = commit_until_full(&disk, &mut base, &history);
        assert!(!disk.sim.has(&ballast(&disk)));
        // Far more than what the first segment had reserved.
        assert!(base.upkeep().journal_bytes().unwrap() > BALLAST / 2);
        assert_eq!(contents(&**base.engine()), history.states[history.lsn_after(refused).0 as usize]);
        disk.clock.advance(Duration::from_secs(2));
        let checkpoint = base.checkpoint_if_due();
        assert!(matches!(&checkpoint, Ok(true) | Err(BaseError::Full(_))), "{checkpoint:?}");
        disk.sim.set_capacity(None);
        disk.commit(&mut base, &history.groups[refused..]);
        disk.clock.advance(Duration::from_secs(2));
        assert!(base.checkpoint_if_due().unwrap());
        drop(base);
        disk.sim.end_process();
        assert_eq!(contents(&**disk.open().unwrap().engine()), *history.last());
    }
}

#[test]
fn a_checkpoint_on_a_full_disk_is_taken_later() {
    for error in [Errno::NOSPC, Errno::DQUOT] {
        let disk = TestDisk::simulated();
        let history = History::new(8, 3);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups);
        fill(&disk, error);
        disk.clock.advance(Duration::from_secs(2));
        let refused = base.checkpoint_if_due().unwrap_err();
        assert!(matches!(refused, BaseError::Full(_)) && !refused.is_fatal(), "{refused}");
        disk.sim.set_capacity(None);
        assert!(base.checkpoint_if_due().unwrap());
    }
}

#[test]
fn a_group_whose_write_finds_no_space_leaves_nothing_that_a_later_open_replays() {
    for seed in 0..40 {
        let mut disk = TestDisk::simulated();
        let history = History::new(seed, 12);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups[..5]);
        disk.sim.fail_at(disk.sim.steps() + 1, SimFailure::Full);
        let refused = base.commit(disk.commits(&history.groups[5])).unwrap_err();
        assert!(matches!(refused, BaseError::Full(_)), "{refused}");
        if seed % 2 == 0 {
            drop(base);
            disk.sim.stop_machine(seed);
            disk.reboot();
            base = disk.open().unwrap();
            assert_eq!(contents(&**base.engine()), history.states[history.lsn_after(5).0 as usize]);
        }
        disk.commit(&mut base, &history.groups[5..]);
        assert_eq!(contents(&**base.engine()), *history.last());
    }
}

#[test]
fn a_store_is_closed_and_opened_without_a_free_byte_by_its_ballast() {
    let mut disk = with_ballast();
    let history = History::new(8, 30);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups[..10]);
    fill(&disk, Errno::NOSPC);
    assert_eq!(base.close_clean().unwrap(), Closed::Clean);
    assert!(!disk.sim.has(&ballast(&disk)));
    // Another start, after a kill, with a ballast again.
    disk.sim.set_capacity(None);
    let mut base = disk.open().unwrap();
    assert!(disk.sim.has(&ballast(&disk)));
    disk.commit(&mut base, &history.groups[10..20]);
    drop(base);
    disk.sim.end_process();
    disk.reboot();
    fill(&disk, Errno::NOSPC);
    let mut base = disk.open().unwrap();
    assert!(!disk.sim.has(&ballast(&disk)));
    disk.commit(&mut base, &history.groups[20..22]);
    assert_eq!(contents(&**base.engine()), history.states[history.lsn_after(22).0 as usize]);
}

#[test]
fn a_start_without_space_and_ballast_says_how_much_it_needs() {
    let disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &History::new(8, 10).groups);
    drop(base);
    disk.sim.end_process();
    fill(&disk, Errno::DQUOT);
    let error = disk.open().err().expect("a start needs space").to_string();
    assert!(error.contains("the disk is full") && error.contains("needs about 16 MiB"), "{error}");
    assert!(error.contains("0 MiB are free") && error.contains("/simulated/store"), "{error}");
    disk.sim.set_capacity(None);
    disk.open().unwrap();
}

#[test]
fn the_ballast_takes_real_space_has_the_set_size_and_is_made_again_when_there_is_room() {
    let mut disk = TestDisk::real(EngineKind::Mem);
    disk.settings.tuning.ballast_bytes = 1 << 20;
    disk.open().unwrap().close_clean().unwrap();
    let found = std::fs::metadata(ballast(&disk)).unwrap();
    assert!(found.len() == 1 << 20 && found.blocks() * 512 >= 1 << 20, "{found:?}");
    disk.settings.tuning.ballast_bytes = 2 << 20;
    disk.open().unwrap().close_clean().unwrap();
    assert_eq!(std::fs::metadata(ballast(&disk)).unwrap().len(), 2 << 20);
    disk.settings.tuning.ballast_bytes = 0;
    disk.open().unwrap().close_clean().unwrap();
    assert!(!ballast(&disk).exists());

    let disk = with_ballast();
    let mut base = disk.open().unwrap();
    fill(&disk, Errno::NOSPC);
    let durable = base.commit(disk.commits(&History::new(1, 1).groups[0])).unwrap();
    base.apply(durable).unwrap();
    assert!(!disk.sim.has(&ballast(&disk)));
    disk.sim.set_capacity(Some((disk.sim.used() + limits::DISK_FULL, Errno::NOSPC)));
    base.upkeep().round().unwrap();
    assert!(!disk.sim.has(&ballast(&disk)), "the ballast may not take the last space");
    disk.sim.set_capacity(Some((disk.sim.used() + limits::DISK_FULL + BALLAST, Errno::NOSPC)));
    base.upkeep().round().unwrap();
    assert!(disk.sim.has(&ballast(&disk)));
}

/// Writes what ends access or frees space.
fn reclaim(opened: &mut OpenStore<'_>, number: u32) -> Result<(), Fault> {
    let mut answer = Box::pin(opened.store.write(opened.write().reclaim(), move |tx| {
        let key = OutcomeKey { principal: "ada".to_owned(), key: format!("key {number}") };
        outcome::remember(tx, &key, [1; 32], vec![0; 500])
    }));
    assert!(answer.as_mut().now_or_never().is_none());
    opened.writer.step();
    answer.now_or_never().expect("an answer after the step")
}

#[test]
fn a_store_on_a_full_disk_refuses_with_storage_full_is_read_and_recovers_by_itself() {
    let mut test_store = TestStore::simulated();
    test_store.disk.settings.tuning.ballast_bytes = BALLAST;
    let mut opened = test_store.open();
    opened.act(1, 1).unwrap();
    fill(&test_store.disk, Errno::NOSPC);
    opened.store.tend();
    assert_eq!(opened.act(2, 2), Err(Fault::StorageFull));
    let refused = (0..500).find_map(|number| reclaim(&mut opened, number).err());
    assert_eq!(refused, Some(Fault::StorageFull));
    let before = opened.contents();
    assert!(!before.is_empty());
    assert_eq!(reclaim(&mut opened, 1_000), Err(Fault::StorageFull));
    assert_eq!(opened.contents(), before);
    let report = opened.store.report();
    assert_eq!(report.status, HealthStatus::Down);
    assert_eq!(report.reasons, ["disk_full", "disk_low"]);
    test_store.disk.sim.set_capacity(None);
    opened.store.tend();
    opened.act(3, 3).unwrap();
    reclaim(&mut opened, 1_000).unwrap();
    assert_eq!(opened.store.report().status, HealthStatus::Up);
    opened.close();
    test_store.open().close();
}

#[test]
fn a_snapshot_is_taken_when_it_fits_and_one_that_does_not_degrades_the_store() {
    let mut test_store = TestStore::simulated();
    test_store.disk.settings.tuning.snapshot_every = Duration::from_secs(3_600);
    let mut opened = test_store.open();
    opened.act(1, 1).unwrap();
    let upkeep = opened.store.upkeep().unwrap().clone();
    let sim = &test_store.disk.sim;
    sim.set_free_bytes(limits::DISK_LOW / 2);
    test_store.disk.clock.advance(Duration::from_secs(3_601));
    assert!(upkeep.round().unwrap().snapshot.is_some(), "it fits below the limit for growth");
    let taken = opened.store.report().last_snapshot_at;
    assert!(taken.is_some());

    sim.set_free_bytes(limits::SNAPSHOT_LEAVES);
    opened.act(2, 2).unwrap();
    test_store.disk.clock.advance(Duration::from_secs(2 * 3_600));
    let done = upkeep.round().unwrap();
    assert!(done.snapshot.is_none() && done.skipped.unwrap().contains("32 MiB are free"));
    let old =
        "snapshot_old: the last good one is 2 h 0 min old: it needs about 33 MiB of free space, and 32 MiB are free";
    assert_eq!(opened.store.report().reasons, [old]);
    assert_eq!(opened.store.report().status, HealthStatus::Degraded);

    sim.set_free_bytes(limits::DISK_LOW * 2);
    sim.fail_at(sim.steps() + 2, SimFailure::Error);
    upkeep.round().unwrap_err();
    let reasons = opened.store.report().reasons;
    assert!(reasons[0].starts_with("snapshot_old: the last good one is 2 h 0 min old: snapshot: "), "{reasons:?}");
    assert_eq!(opened.store.report().last_snapshot_at, taken);

    assert!(upkeep.round().unwrap().snapshot.is_some());
    assert_eq!(opened.store.report().status, HealthStatus::Up);
    assert!(opened.store.report().last_snapshot_at > taken);
    opened.close();
}
