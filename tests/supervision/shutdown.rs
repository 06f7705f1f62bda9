//! The order of a shutdown.

use std::{future::pending, sync::Arc, time::Duration};

use majordomo::{
    supervision::{ManualClock, PhaseEnd, Shutdown, Spec, Supervisor},
    telemetry::{actors::ActorStatus, health::HealthStatus},
    types::{Clock, Timestamp, limits},
};
use tokio::sync::Notify;

use crate::test_service::{
    Diary, SECOND, StartPlan, report, system, test_service, test_service_with, until, until_status,
};

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::starting_at(Timestamp::ZERO))
}

async fn note(diary: Diary, line: &'static str) {
    diary.write(line);
}

#[tokio::test(start_paused = true)]
async fn phases_run_in_order_each_within_its_limit() {
    let (clock, diary) = (clock(), Diary::default());
    let ends = Shutdown::within(limits::SHUTDOWN)
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
async fn the_total_is_kept_and_time_is_reserved_for_needed_phases() {
    let (clock, diary) = (clock(), Diary::default());
    let ends = Shutdown::within(8 * SECOND)
        .phase("requests", 5 * SECOND, pending())
        .phase("services", 5 * SECOND, pending())
        .phase("relays", SECOND, note(diary.clone(), "relays"))
        .needed("store", 2 * SECOND, note(diary.clone(), "store"))
        .run(Arc::clone(&clock), pending())
        .await;
    assert_eq!(ends[2], ("relays".into(), PhaseEnd::LeftOut));
    assert_eq!(ends[3], ("store".into(), PhaseEnd::Finished));
    assert_eq!(diary.lines(), ["store"]);
    let took = clock.now().since(Timestamp::ZERO);
    assert!(took >= 6 * SECOND && took < 6 * SECOND + Duration::from_millis(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_skips_to_the_needed_phases() {
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

fn named(ends: &[(Arc<str>, PhaseEnd)]) -> Vec<(&str, PhaseEnd)> {
    ends.iter().map(|(name, end)| (&**name, *end)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_shut_down_upwards_with_all_its_children() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    root.service(Spec::escape("ops"), test_service("ops", &diary));
    root.service(Spec::escape("store").needed(), test_service("store", &diary));
    root.service(Spec::escape("auth"), test_service("auth", &diary));
    // No shutdown names this group.
    root.group_as(Spec::escape("unknown").kind("UnknownActor"), |group| {
        group.service(Spec::park("first"), test_service("first", &diary));
        group.service(Spec::park("last"), test_service("last", &diary));
    });
    root.service(Spec::escape("edge"), test_service("edge", &diary));
    let tree = root.start().await.unwrap();
    assert_eq!(report(&system, "unknown").kind, "UnknownActor");
    let began = tokio::time::Instant::now();
    let ends = tree.shut_down(limits::SHUTDOWN, pending()).await;
    assert_eq!(named(&ends), ["edge", "unknown", "auth", "store", "ops"].map(|name| (name, PhaseEnd::Finished)));
    let stops = ["edge stops", "last stops", "first stops", "auth stops", "store stops", "ops stops"];
    assert_eq!(diary.lines()[6..], stops);
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    assert_eq!(system.stats().health().status, HealthStatus::Down);
}

#[tokio::test(start_paused = true)]
async fn a_child_has_its_own_limit_and_a_needed_child_is_stopped_after_the_total() {
    let (system, diary, hangs) = (system(), Diary::default(), StartPlan::default());
    *hangs.stop_gate.lock().unwrap() = Some(Arc::new(Notify::new()));
    let mut root = Supervisor::root(&system);
    root.service(Spec::escape("ops"), test_service("ops", &diary));
    root.service(Spec::escape("store").stop_within(SECOND).needed(), test_service("store", &diary));
    root.service(Spec::escape("late"), test_service("late", &diary));
    root.service(Spec::escape("hangs longer").stop_within(9 * SECOND), test_service_with("a", &diary, &hangs));
    root.service(Spec::escape("hangs").stop_within(SECOND), test_service_with("b", &diary, &hangs));
    let tree = root.start().await.unwrap();
    let began = tokio::time::Instant::now();
    let ends = tree.shut_down(6 * SECOND, pending()).await;
    // The first is killed at its limit, which is also the limit of its phase: either may be reported.
    assert!(ends[0].0.as_ref() == "hangs" && ends[0].1 != PhaseEnd::LeftOut, "{ends:?}");
    let (left_out, finished) = (PhaseEnd::LeftOut, PhaseEnd::Finished);
    let expected = [("hangs longer", PhaseEnd::BrokenOff), ("late", left_out), ("store", finished), ("ops", left_out)];
    assert_eq!(named(&ends[1..]), expected);
    assert_eq!(diary.lines()[5..], ["store stops"]);
    let took = began.elapsed();
    assert!(took >= 5 * SECOND && took < 6 * SECOND, "{took:?}");
    for path in ["hangs", "hangs longer", "late", "ops"] {
        assert_eq!(report(&system, path).status, ActorStatus::Stopped, "{path} was killed");
    }
    let metrics = tokio::runtime::Handle::current().metrics();
    until("no task is left", || metrics.num_alive_tasks() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_skips_to_the_needed_child_of_a_tree() {
    let (system, diary, hangs) = (system(), Diary::default(), StartPlan::default());
    *hangs.stop_gate.lock().unwrap() = Some(Arc::new(Notify::new()));
    let mut root = Supervisor::root(&system);
    root.service(Spec::escape("store").needed(), test_service("store", &diary));
    root.service(Spec::escape("auth"), test_service("auth", &diary));
    root.service(Spec::escape("edge"), test_service_with("edge", &diary, &hangs));
    let tree = root.start().await.unwrap();
    let began = tokio::time::Instant::now();
    let ends = tree.shut_down(limits::SHUTDOWN, until_status(&system, "edge", ActorStatus::Draining)).await;
    let expected = [("edge", PhaseEnd::BrokenOff), ("auth", PhaseEnd::LeftOut), ("store", PhaseEnd::Finished)];
    assert_eq!(named(&ends), expected);
    assert_eq!(diary.lines()[3..], ["store stops"]);
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}
