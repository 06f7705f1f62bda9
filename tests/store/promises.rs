//! The guarantees of a reply: synced before it is sent, unknown after a failed sync, and the same acts on every engine.

use futures::{FutureExt as _, future::join_all};
use majordomo::{
    domain::audit::AuditLog,
    persistence::{
        audit::{self, AuditHead, Walk},
        engine::EngineKind,
        events::{self, EventFilter, EventRange},
        keyring::Keyring,
        refuse, tables,
    },
    types::{Clock as _, Failure, Fault, limits},
};

use crate::{
    samples::a_user,
    sim_fs::SimFailure,
    test_disk::Dice,
    test_store::{OpenStore, TestStore},
    tools::{Seeded, failed_login, ready, unless_taken, user},
};

#[test]
fn the_same_acts_have_the_same_bytes_on_every_engine() {
    for seed in 0..3 {
        let contents: Vec<_> = [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem]
            .into_iter()
            .map(|engine| {
                let test_store = TestStore::real(engine);
                // Random bytes outside the stamps may differ between the engines; the ring may not.
                Keyring::generate(&Seeded::default(), test_store.disk.clock.now()).save(&test_store.ring).unwrap();
                let mut dice = Dice(seed);
                let mut opened = test_store.open();
                for at in 0..80 {
                    if at == 40 {
                        opened.close();
                        opened = test_store.open();
                    }
                    opened.act(at, dice.below(1_000) as u32).unwrap();
                }
                opened.contents()
            })
            .collect();
        assert!(contents[0].len() > 50);
        assert!(contents[0] == contents[1] && contents[1] == contents[2], "seed {seed}");
    }
}

#[test]
fn every_group_is_synced_once_before_its_replies_including_those_of_discards() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    for _ in 0..5 {
        let writes = (0..7).map(|at| {
            let write = opened.write();
            opened.store.decide(write, move |tx| {
                tx.emit(failed_login(user(1), "a@example.com"))?;
                if at == 3 { refuse(()) } else { Ok(()) }
            })
        });
        let mut group = Box::pin(join_all(writes.collect::<Vec<_>>()));
        assert!(group.as_mut().now_or_never().is_none());
        let before = test_store.disk.sim.syncs();
        opened.writer.step();
        let answers = group.now_or_never().unwrap().into_iter().enumerate();
        let expected = |at| if at == 3 { Err(Failure::Refused(())) } else { Ok(()) };
        assert!(answers.into_iter().all(|(at, answer)| answer == expected(at)));
        // One sync for the group; a new segment of this small size adds its own.
        let synced = test_store.disk.sim.syncs() - before;
        assert!((1..=3).contains(&synced), "{synced} syncs");
    }
}

#[test]
fn after_a_failed_sync_the_group_gets_unknown_and_the_store_is_lost() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    opened.act(0, 0).unwrap();
    let lost = opened.store.lost();
    let mut committed = Box::pin(opened.store.write(opened.write(), |tx| {
        tx.emit(failed_login(user(1), "a@example.com"))?;
        Ok(())
    }));
    let mut discarded = Box::pin(opened.store.decide(opened.write(), |_| refuse::<(), ()>(())));
    assert!(committed.as_mut().now_or_never().is_none() && discarded.as_mut().now_or_never().is_none());
    // Of a group's steps on the disk the write comes first, the sync second.
    test_store.disk.sim.fail_at(test_store.disk.sim.steps() + 2, SimFailure::Error);
    opened.writer.step();
    assert!(matches!(committed.now_or_never().unwrap(), Err(Fault::Unknown { .. })));
    assert!(matches!(discarded.now_or_never().unwrap(), Err(Failure::Fault(Fault::Unknown { .. }))));
    assert!(lost.borrow().is_some());
    assert_eq!(opened.act(1, 0), Err(Fault::Unavailable));
}

#[test]
fn a_full_disk_refuses_growth_then_service_and_never_the_end_of_access() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let tried = |opened: &mut OpenStore<'_>| {
        let now = test_store.disk.clock.now();
        let insert = move |tx: &mut majordomo::persistence::Tx<'_>| {
            unless_taken(tables::user::insert(tx, &a_user(user(1), 1, now)))?;
            Ok(())
        };
        let mut growth = Box::pin(opened.store.write(opened.write().growth(), insert));
        let mut service = Box::pin(opened.store.write(opened.write(), insert));
        let mut reclaim = Box::pin(opened.store.write(opened.write().reclaim(), insert));
        let early = (growth.as_mut().now_or_never(), service.as_mut().now_or_never(), reclaim.as_mut().now_or_never());
        opened.writer.step();
        [
            early.0.or_else(|| growth.now_or_never()).unwrap(),
            early.1.or_else(|| service.now_or_never()).unwrap(),
            early.2.or_else(|| reclaim.now_or_never()).unwrap(),
        ]
    };
    assert_eq!(tried(&mut opened), [Ok(()), Ok(()), Ok(())]);
    test_store.disk.sim.set_free_bytes(limits::DISK_LOW - 1);
    opened.store.tend();
    assert_eq!(tried(&mut opened), [Err(Fault::StorageFull), Ok(()), Ok(())]);
    assert_eq!(opened.store.report().reasons, ["disk_low"]);
    test_store.disk.sim.set_free_bytes(limits::DISK_FULL - 1);
    opened.store.tend();
    assert_eq!(tried(&mut opened), [Err(Fault::StorageFull), Err(Fault::StorageFull), Ok(())]);
}

#[test]
fn after_a_stop_of_the_machine_at_any_step_all_answered_commits_are_stored_and_log_and_chain_are_valid() {
    let steps = {
        let test_store = TestStore::simulated();
        let mut opened = test_store.open();
        (0..12).for_each(|at| opened.act(at, at * 7).unwrap());
        test_store.disk.sim.steps()
    };
    let first = {
        let test_store = TestStore::simulated();
        let _lived = test_store.open();
        test_store.disk.sim.steps()
    };
    for step in first + 1..=steps {
        let mut test_store = TestStore::simulated();
        let mut opened = test_store.open();
        test_store.disk.sim.fail_at(step, SimFailure::Stop);
        let answered = (0..12).take_while(|at| opened.act(*at, at * 7).is_ok()).count();
        // Every eleventh act is refused: the first one here.
        let committed = answered.saturating_sub(1) as u64;
        drop(opened);
        test_store.disk.sim.stop_machine(step);
        test_store.disk.reboot();
        let opened = test_store.open();
        let range = EventRange { after: 0, limit: 100 };
        let page = ready(opened.store.read(move |view| events::read(view, range, &EventFilter::default()))).unwrap();
        let sequences: Vec<u64> = page.rows.iter().map(|event| event.sequence).collect();
        let head = opened.store.head();
        assert_eq!(sequences, (1..=head).collect::<Vec<_>>(), "step {step}");
        assert!(head >= committed, "step {step}: {committed} were answered, {head} are stored");
        let walk =
            ready(opened.store.read(move |view| audit::verify(view, AuditLog::SignIns, AuditHead::default()))).unwrap();
        assert!(matches!(walk, Walk::Whole(AuditHead { number, .. }) if number == head), "step {step}: {walk:?}");
    }
}
