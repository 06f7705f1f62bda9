//! What a reply means: synced before it is sent, unknown when the sync fails, and the same life on every engine.

use futures::{FutureExt as _, future::join_all};
use majordomo::{
    persistence::{
        Verdict,
        audit::{self, AuditHead, Walk},
        engine::EngineKind,
        events::{self, EventFilter, EventRange},
        fs::sim::Failure,
        keyring::Keyring,
        tables,
    },
    types::{Clock as _, Fault, limits},
};

use crate::{
    house::{House, Lived},
    samples::a_user,
    tools::{Seeded, failed_login, user},
    yard::Dice,
};

#[test]
fn the_same_life_leaves_the_same_bytes_on_every_engine() {
    for seed in 0..3 {
        let lives: Vec<_> = [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem]
            .into_iter()
            .map(|engine| {
                let house = House::real(engine);
                // Chance beside the stamps is the engine's own business; the ring is not.
                Keyring::generate(&Seeded::default(), house.yard.clock.now()).save(&house.ring).unwrap();
                let mut dice = Dice(seed);
                let mut lived = house.open();
                for at in 0..80 {
                    if at == 40 {
                        lived.close();
                        lived = house.open();
                    }
                    lived.act(at, dice.below(1_000) as u32).unwrap();
                }
                lived.contents()
            })
            .collect();
        assert!(lives[0].len() > 50);
        assert!(lives[0] == lives[1] && lives[1] == lives[2], "seed {seed}");
    }
}

#[test]
fn every_group_is_synced_once_before_its_replies_those_of_discards_too() {
    let house = House::simulated();
    let mut lived = house.open();
    for _ in 0..5 {
        let writes = (0..7).map(|at| {
            let write = lived.write();
            lived.store.write(write, move |tx| {
                tx.emit(failed_login(user(1), "a@example.com"))?;
                Ok(if at == 3 { Verdict::Discard(()) } else { Verdict::Commit(()) })
            })
        });
        let mut group = Box::pin(join_all(writes.collect::<Vec<_>>()));
        assert!(group.as_mut().now_or_never().is_none());
        let before = house.yard.sim.syncs();
        lived.writer.step();
        assert!(group.now_or_never().unwrap().into_iter().all(|answer| answer == Ok(())));
        // One for the group; a new segment of these small ones brings its own.
        let synced = house.yard.sim.syncs() - before;
        assert!((1..=3).contains(&synced), "{synced} syncs");
    }
}

#[test]
fn a_failing_sync_is_unknown_to_the_group_and_the_end_of_the_store() {
    let house = House::simulated();
    let mut lived = house.open();
    lived.act(0, 0).unwrap();
    let lost = lived.store.lost();
    let mut committed = Box::pin(lived.store.write(lived.write(), |tx| {
        tx.emit(failed_login(user(1), "a@example.com"))?;
        Ok(Verdict::Commit(()))
    }));
    let mut discarded = Box::pin(lived.store.write(lived.write(), |_| Ok(Verdict::Discard(()))));
    assert!(committed.as_mut().now_or_never().is_none() && discarded.as_mut().now_or_never().is_none());
    // Of a group's steps on the disk the write comes first, the sync second.
    house.yard.sim.fail_at(house.yard.sim.steps() + 2, Failure::Error);
    lived.writer.step();
    assert!(matches!(committed.now_or_never().unwrap(), Err(Fault::Unknown { .. })));
    assert!(matches!(discarded.now_or_never().unwrap(), Err(Fault::Unknown { .. })));
    assert!(lost.borrow().is_some());
    assert_eq!(lived.act(1, 0), Err(Fault::Unavailable));
}

#[test]
fn a_disk_that_gets_full_refuses_growth_then_service_and_never_the_end_of_access() {
    let house = House::simulated();
    let mut lived = house.open();
    let tried = |lived: &mut Lived<'_>| {
        let now = house.yard.clock.now();
        let insert = move |tx: &mut majordomo::persistence::Tx<'_>| {
            let _ = tables::user::insert(tx, &a_user(user(1), 1, now))?;
            Ok(Verdict::Commit(()))
        };
        let mut growth = Box::pin(lived.store.write_growth(lived.write(), insert));
        let mut service = Box::pin(lived.store.write(lived.write(), insert));
        let mut reclaim = Box::pin(lived.store.write_reclaim(lived.write(), insert));
        let early = (growth.as_mut().now_or_never(), service.as_mut().now_or_never(), reclaim.as_mut().now_or_never());
        lived.writer.step();
        [
            early.0.or_else(|| growth.now_or_never()).unwrap(),
            early.1.or_else(|| service.now_or_never()).unwrap(),
            early.2.or_else(|| reclaim.now_or_never()).unwrap(),
        ]
    };
    assert_eq!(tried(&mut lived), [Ok(()), Ok(()), Ok(())]);
    house.yard.sim.set_free_bytes(limits::DISK_LOW - 1);
    lived.store.tend();
    assert_eq!(tried(&mut lived), [Err(Fault::StorageFull), Ok(()), Ok(())]);
    assert_eq!(lived.store.report().reasons, ["disk_low"]);
    house.yard.sim.set_free_bytes(limits::DISK_FULL - 1);
    lived.store.tend();
    assert_eq!(tried(&mut lived), [Err(Fault::StorageFull), Err(Fault::StorageFull), Ok(())]);
}

#[test]
fn after_a_stop_of_the_machine_at_any_step_all_that_was_answered_is_there_and_log_and_chain_are_whole() {
    let steps = {
        let house = House::simulated();
        let mut lived = house.open();
        (0..12).for_each(|at| lived.act(at, at * 7).unwrap());
        house.yard.sim.steps()
    };
    let first = {
        let house = House::simulated();
        let _lived = house.open();
        house.yard.sim.steps()
    };
    for step in first + 1..=steps {
        let mut house = House::simulated();
        let mut lived = house.open();
        house.yard.sim.fail_at(step, Failure::Stop);
        let answered = (0..12).take_while(|at| lived.act(*at, at * 7).is_ok()).count();
        // Every eleventh act is discarded: the first one here.
        let committed = answered.saturating_sub(1) as u64;
        drop(lived);
        house.yard.sim.stop_machine(step);
        house.yard.reboot();
        let lived = house.open();
        let range = EventRange { after: 0, limit: 100 };
        let page = lived.store.read(|view| events::read(view, range, &EventFilter::default())).unwrap();
        let sequences: Vec<u64> = page.rows.iter().map(|event| event.sequence).collect();
        let head = lived.store.head();
        assert_eq!(sequences, (1..=head).collect::<Vec<_>>(), "step {step}");
        assert!(head >= committed, "step {step}: {committed} were answered, {head} are there");
        let walk = lived.store.read(|view| audit::verify(view, AuditHead::default())).unwrap();
        assert!(matches!(walk, Walk::Whole(AuditHead { number, .. }) if number == head), "step {step}: {walk:?}");
    }
}
