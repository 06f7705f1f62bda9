//! A process without free file descriptors: the store refuses what needs one, and continues when there are some again.

use std::time::Duration;

use majordomo::{
    persistence::{
        base::{Base, BaseError},
        journal::segment,
    },
    types::Fault,
};

use crate::{
    test_disk::{History, TestDisk, contents},
    test_store::TestStore,
};

/// Commits groups until one is refused, or the history ends; returns the number of committed groups.
fn commit_until_refused(disk: &TestDisk, base: &mut Base, history: &History) -> usize {
    for (at, group) in history.groups.iter().enumerate() {
        match base.commit(disk.commits(group)) {
            Ok(durable) => base.apply(durable).unwrap(),
            Err(error) => {
                assert!(matches!(error, BaseError::Descriptors(_)) && !error.is_fatal(), "{error}");
                return at;
            }
        }
    }
    history.groups.len()
}

#[test]
fn a_journal_that_cannot_open_its_next_segment_refuses_commits_and_continues() {
    // Without any descriptor the segment is not created; with one it is named, and its directory is not synced.
    for left in [0, 1] {
        let disk = TestDisk::simulated();
        let history = History::new(6, 80);
        let mut base = disk.open().unwrap();
        disk.sim.set_descriptors(Some(left));
        let refused = commit_until_refused(&disk, &mut base, &history);
        assert!((1..history.groups.len()).contains(&refused), "{refused}");
        let again = base.commit(disk.commits(&history.groups[refused])).err();
        assert!(matches!(again, Some(BaseError::Descriptors(_))), "{again:?}");
        disk.sim.set_descriptors(None);
        disk.commit(&mut base, &history.groups[refused..]);
        drop(base);
        disk.sim.end_process();
        let base = disk.open().unwrap();
        assert_eq!(Some(&contents(&**base.engine())), history.states.last());
        assert!(segment::list(&*disk.environment.fs, &disk.journal()).unwrap().len() > 2);
    }
}

#[test]
fn a_machine_that_stops_before_the_name_of_a_segment_is_synced_loses_nothing() {
    for seed in 0..20 {
        let mut disk = TestDisk::simulated();
        let history = History::new(6, 80);
        let mut base = disk.open().unwrap();
        disk.sim.set_descriptors(Some(1));
        let refused = commit_until_refused(&disk, &mut base, &history);
        drop(base);
        disk.sim.set_descriptors(None);
        disk.sim.stop_machine(seed);
        disk.reboot();
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &history.groups[refused..]);
        assert_eq!(Some(&contents(&**base.engine())), history.states.last(), "{seed}");
    }
}

#[test]
fn a_checkpoint_without_a_descriptor_is_taken_later() {
    let disk = TestDisk::simulated();
    let history = History::new(6, 2);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups);
    disk.clock.advance(Duration::from_secs(2));
    for left in [0, 1] {
        disk.sim.set_descriptors(Some(left));
        let refused = base.checkpoint_if_due().unwrap_err();
        assert!(!refused.is_fatal(), "{refused}");
    }
    disk.sim.set_descriptors(None);
    assert!(base.checkpoint_if_due().unwrap());
}

#[test]
fn a_snapshot_without_a_descriptor_is_taken_later() {
    let disk = TestDisk::simulated();
    let history = History::new(6, 9);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups);
    for left in 0..4 {
        disk.sim.set_descriptors(Some(left));
        base.upkeep().take().unwrap_err();
    }
    disk.sim.set_descriptors(None);
    base.upkeep().take().unwrap();
}

#[test]
fn callers_get_unavailable_and_the_store_is_not_lost() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let lost = opened.store.lost();
    test_store.disk.sim.set_descriptors(Some(0));
    let refused: Vec<_> = (0..200).filter_map(|at| opened.act(at, at * 7).err()).collect();
    assert!(!refused.is_empty() && refused.iter().all(|fault| *fault == Fault::Unavailable), "{refused:?}");
    test_store.disk.clock.advance(Duration::from_secs(2));
    opened.writer.checkpoint();
    assert_eq!(*lost.borrow(), None);
    test_store.disk.sim.set_descriptors(None);
    opened.act(1, 0).unwrap();
    opened.writer.checkpoint();
    assert_eq!(*lost.borrow(), None);
    opened.close();
}
