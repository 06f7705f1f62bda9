//! Upkeep in a process that has other work.

use std::sync::Arc;

use majordomo::{
    actors::{leased::SharedLease, upkeep::Expirer},
    domain::auth::lockout::{Counters, OriginFailures, RateOrigin, Subject},
    persistence::{Store, tables::failure},
    supervision::{ManualClock, SeededEntropy, Spec, Supervisor, System},
    types::{Network, limits},
};

use crate::flows::test_store::{SECOND, TestStore, until, user};
use crate::test_app::{START, ready};

#[tokio::test(start_paused = true)]
async fn the_expirer_removes_rows_in_the_bulk_lane() {
    let clock = Arc::new(ManualClock::starting_at(START));
    let entropy = Arc::new(SeededEntropy::new(7));
    let (store, mut writer) = Store::in_hand(clock.clone(), &*entropy);
    let system = System::new(clock, entropy);
    let mut root = Supervisor::root(&system);
    let at = store.clone();
    let lease = SharedLease::new(&at, "upkeep/expirer");
    root.worker(Spec::park("expirer"), lease.worker(move || Expirer::new(at.clone())));
    let tree = root.start().await.unwrap();
    // One step of the expirer for each kind of row, one after the other.
    for kind in ["registrations", "invitations", "codes", "sessions", "resets", "outcomes", "refused", "failures"] {
        until(kind, || store.report().writer.bulk_waiting == 1).await;
        assert_eq!(store.report().writer.waiting, 0);
        assert_eq!(writer.step(), 1);
    }
    tree.stop(SECOND).await;
}

const NETWORK: RateOrigin = RateOrigin::Network(Network::V4([192, 0, 2]));

/// Records one failed login of each of the users, at the present time.
async fn fail(test_store: &TestStore, users: std::ops::Range<u128>) {
    for first in users.clone().step_by(100) {
        let last = users.end.min(first + 100);
        test_store
            .write(move |tx| {
                let origin = OriginFailures { tried: 1, wrong: 1, locks: 0, locked_until: None, last_at: tx.now() };
                for number in first..last {
                    let counters = Counters { origin: Some(origin.clone()), day: None };
                    failure::put(tx, Subject::User(user(number)), NETWORK, &counters)?;
                }
                Ok(())
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn old_failed_logins_are_removed_behind_any_number_of_newer_ones() {
    let test_store = TestStore::new();
    let many = limits::SCAN_MAX as u128 + 200;
    fail(&test_store, many..many + 1).await;
    test_store.clock.advance(25 * 3_600 * SECOND);
    fail(&test_store, 1..many).await;
    let of = |number| {
        ready(test_store.store.read(move |view| failure::find(view, Subject::User(user(number)), NETWORK)))
            .unwrap()
            .origin
            .is_some()
    };
    assert!(of(many));
    let mut root = Supervisor::root(&test_store.system);
    let at = test_store.store.clone();
    let lease = SharedLease::new(&at, "upkeep/expirer");
    root.worker(Spec::park("expirer"), lease.worker(move || Expirer::new(at.clone())));
    let tree = root.start().await.unwrap();
    until("the old one is forgotten", || !of(many)).await;
    assert!(of(1) && of(many - 1), "newer ones stay");
    tree.stop(SECOND).await;
}
