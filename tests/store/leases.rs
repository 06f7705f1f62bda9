//! Leases of the store in this process: granted at once and without a commit, one holder of a name at a time, and
//! nothing is committed under one that is over.

use std::sync::Arc;

use futures::{FutureExt as _, future::join_all};
use majordomo::{
    persistence::{
        KeyLoss, Lease, Options, Store,
        settings::StoreSettings,
        snapshot::{
            SnapshotForm,
            restore::{RestoredSessions, restore},
        },
    },
    types::Fault,
};

use crate::{
    sim_fs::SimFailure,
    test_store::TestStore,
    tools::{Bench, failed_login, user},
};

/// The lease `name`, if it is granted at once.
fn granted(store: &Store, name: &str) -> Option<Lease> {
    store.lease(Arc::from(name)).now_or_never().map(Result::unwrap)
}

#[test]
fn a_lease_is_granted_at_once_without_a_commit_and_each_grant_has_a_higher_epoch() {
    let test_store = TestStore::simulated();
    let mut before = 0;
    for _ in 0..3 {
        let opened = test_store.open();
        let commits = opened.store.report().writer.last_commit;
        for name in ["sender", "relay/notifier", "sender", "sender"] {
            let lease = granted(&opened.store, name).unwrap();
            assert_eq!((lease.name(), lease.is_held()), (name, true));
            assert!(lease.epoch() > before, "{lease:?} after {before}");
            before = lease.epoch();
        }
        assert_eq!(opened.store.report().writer.last_commit, commits, "a lease costs no commit");
        opened.close();
    }
}

#[test]
fn a_restored_store_takes_its_leases_as_a_new_opening() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    opened.act(0, 1).unwrap();
    let original = granted(&opened.store, "sender").unwrap().holder();
    let file = test_store.disk.settings.dir.with_file_name("copy.snap");
    opened.store.upkeep().unwrap().take_to(&file, SnapshotForm::Sealed).unwrap();
    let settings = StoreSettings {
        dir: test_store.disk.settings.dir.with_file_name("restored"),
        ..test_store.disk.settings.clone()
    };
    restore(&file, &settings, &test_store.disk.environment, RestoredSessions::End).unwrap();
    let options = || Options { settings: settings.clone(), ..test_store.options(KeyLoss::Refuse) };
    let mut before = vec![original];
    for _ in 0..3 {
        let (restored, mut writer, _) = Store::open_in_hand(options()).unwrap();
        let holder = granted(&restored, "sender").unwrap().holder();
        for earlier in &before {
            assert!(earlier.is_over_for(&holder), "{earlier:?} is over, {holder:?} is not");
        }
        before.push(holder);
        writer.finish();
    }
}

#[test]
fn a_second_holder_waits_until_the_first_releases_and_names_have_nothing_to_do_with_each_other() {
    let bench = Bench::new();
    let first = granted(&bench.store, "sender").unwrap();
    let mut second = bench.store.lease(Arc::from("sender")).boxed();
    assert!((&mut second).now_or_never().is_none(), "it is held");
    assert!(granted(&bench.store, "relay/otp").is_some());
    let gives_up = bench.store.lease(Arc::from("sender"));
    assert!(gives_up.now_or_never().is_none(), "one that no longer waits takes nothing");
    let before = first.holder();
    drop(first);
    let second = second.now_or_never().unwrap().unwrap();
    assert!(before.is_over_for(&second.holder()) && !second.holder().is_over_for(&second.holder()));
    assert!(granted(&bench.store, "sender").is_none());
}

#[test]
fn a_lost_store_grants_no_lease_and_frees_those_that_wait() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let held = granted(&opened.store, "sender").unwrap();
    let mut waiting = opened.store.lease(Arc::from("sender")).boxed();
    assert!((&mut waiting).now_or_never().is_none());
    test_store.disk.sim.fail_at(test_store.disk.sim.steps() + 2, SimFailure::Error);
    assert!(opened.act(0, 1).is_err());
    assert!(matches!(waiting.now_or_never(), Some(Err(Fault::Unavailable))));
    assert!(matches!(opened.store.lease(Arc::from("relay")).now_or_never(), Some(Err(Fault::Unavailable))));
    drop(held);
}

#[test]
fn a_transaction_under_a_lease_that_ended_while_it_waited_commits_nothing() {
    let mut bench = Bench::new();
    let (over, held) = (granted(&bench.store, "sender").unwrap(), granted(&bench.store, "relay").unwrap());
    let fences = [vec![over.fence()], vec![held.fence()], vec![held.fence(), over.fence()], vec![]];
    let writes: Vec<_> = fences
        .into_iter()
        .enumerate()
        .map(|(at, fences)| {
            let write = fences.into_iter().fold(bench.write(), majordomo::persistence::Write::under);
            let session = user(at as u128);
            bench.store.write(write, move |tx| tx.emit(failed_login(session, "ada@example.org")).map(|_| ()))
        })
        .collect();
    let mut all = Box::pin(join_all(writes));
    assert!(all.as_mut().now_or_never().is_none(), "they wait for the writer");
    drop(over);
    bench.writer.step();
    let answers = all.now_or_never().unwrap();
    assert_eq!(answers, [Err(Fault::Unavailable), Ok(()), Err(Fault::Unavailable), Ok(())]);
    assert_eq!(bench.store.head(), 2);
}
