//! Upkeep in a house that has other work.

use std::sync::Arc;

use majordomo::{
    actors::upkeep::Expirer,
    persistence::Store,
    supervision::{ManualClock, SeededEntropy, Spec, Supervisor, System},
};

use crate::setting::{SECOND, START, until};

#[tokio::test(start_paused = true)]
async fn what_the_expirer_removes_waits_in_the_lane_of_batches() {
    let clock = Arc::new(ManualClock::starting_at(START));
    let entropy = Arc::new(SeededEntropy::new(7));
    let (store, mut writer) = Store::in_hand(clock.clone(), &*entropy);
    let system = System::new(clock, entropy);
    let mut root = Supervisor::root(&system);
    let at = store.clone();
    root.worker(Spec::park("expirer"), move || Expirer::new(at.clone()));
    let tree = root.start().await.unwrap();
    // One step of it for each kind of row, one after the other.
    for kind in ["registrations", "codes", "sessions", "failures", "resets", "outcomes"] {
        until(kind, || store.report().writer.bulk_waiting == 1).await;
        assert_eq!(store.report().writer.waiting, 0);
        assert_eq!(writer.step(), 1);
    }
    tree.stop(SECOND).await;
}
