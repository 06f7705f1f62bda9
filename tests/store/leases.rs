//! Leases of the store in this process: granted at once, under the epoch of the opening.

use futures::FutureExt as _;
use majordomo::types::Fault;

use crate::{test_store::TestStore, tools::Bench};

#[test]
fn a_lease_is_granted_at_once_and_each_opening_has_a_higher_epoch() {
    let test_store = TestStore::simulated();
    let mut before = 0;
    for _ in 0..3 {
        let opened = test_store.open();
        let commits = opened.store.report().writer.last_commit;
        let sender = opened.store.lease("sender").now_or_never().unwrap().unwrap();
        let relay = opened.store.lease("relay").now_or_never().unwrap().unwrap();
        assert_eq!((sender.name, relay.name), ("sender", "relay"));
        assert!(sender.epoch == relay.epoch && sender.epoch > before, "{sender:?} after {before}");
        assert_eq!(opened.store.report().writer.last_commit, commits, "a lease costs no commit");
        before = sender.epoch;
        opened.close();
    }
}

#[test]
fn a_store_in_memory_grants_leases_and_a_lost_one_none() {
    let bench = Bench::new();
    assert_eq!(bench.store.lease("sender").now_or_never().unwrap().unwrap().epoch, 1);
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    test_store.disk.sim.fail_at(test_store.disk.sim.steps() + 2, crate::sim_fs::SimFailure::Error);
    assert!(opened.act(0, 1).is_err());
    assert_eq!(opened.store.lease("sender").now_or_never().unwrap(), Err(Fault::Unavailable));
}
