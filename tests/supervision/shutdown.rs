//! The order of a shutdown.

use std::{future::pending, sync::Arc, time::Duration};

use majordomo::{
    supervision::{ManualClock, PhaseEnd, Shutdown},
    types::{Clock, Timestamp, limits},
};

use crate::test_service::{Diary, SECOND};

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::starting_at(Timestamp::ZERO))
}

async fn note(diary: Diary, line: &'static str) {
    diary.write(line);
}

#[tokio::test(start_paused = true)]
async fn phases_run_in_order_each_within_its_limit() {
    let (clock, diary) = (clock(), Diary::default());
    let ends = Shutdown::within(limits::SHUTDOWN_TOTAL)
        .phase("listener", SECOND, note(diary.clone(), "listener"))
        .phase("requests", 3 * SECOND, pending())
        .phase("services", 3 * SECOND, note(diary.clone(), "services"))
        .needed("store", SECOND, note(diary.clone(), "store"))
        .run(Arc::clone(&clock), pending())
        .await;
    let states: Vec<PhaseEnd> = ends.iter().map(|(_, end)| *end).collect();
    assert_eq!(states, [PhaseEnd::Finished, PhaseEnd::BrokenOff, PhaseEnd::Finished, PhaseEnd::Finished]);
    assert_eq!(diary.lines(), ["listener", "services", "store"]);
    assert_eq!(clock.now().since(Timestamp::ZERO).as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_total_holds_and_keeps_room_for_what_is_needed() {
    let (clock, diary) = (clock(), Diary::default());
    let ends = Shutdown::within(8 * SECOND)
        .phase("requests", 5 * SECOND, pending())
        .phase("services", 5 * SECOND, pending())
        .phase("relays", SECOND, note(diary.clone(), "relays"))
        .needed("store", 2 * SECOND, note(diary.clone(), "store"))
        .run(Arc::clone(&clock), pending())
        .await;
    assert_eq!(ends[2], ("relays", PhaseEnd::LeftOut));
    assert_eq!(ends[3], ("store", PhaseEnd::Finished));
    assert_eq!(diary.lines(), ["store"]);
    let took = clock.now().since(Timestamp::ZERO);
    assert!(took >= 6 * SECOND && took < 6 * SECOND + Duration::from_millis(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_goes_straight_to_what_is_needed() {
    let (clock, diary) = (clock(), Diary::default());
    let (signal, signalled) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(
        Shutdown::within(8 * SECOND)
            .phase("requests", 3 * SECOND, async move {
                signal.send(()).unwrap();
                pending().await
            })
            .phase("services", 3 * SECOND, note(diary.clone(), "services"))
            .needed("store", SECOND, note(diary.clone(), "store"))
            .run(Arc::clone(&clock), async { drop(signalled.await) }),
    );
    let ends = running.await.unwrap();
    let states: Vec<PhaseEnd> = ends.iter().map(|(_, end)| *end).collect();
    assert_eq!(states, [PhaseEnd::BrokenOff, PhaseEnd::LeftOut, PhaseEnd::Finished]);
    assert_eq!(diary.lines(), ["store"]);
    assert!(clock.now().since(Timestamp::ZERO) < SECOND);
}
