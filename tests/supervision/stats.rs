//! The reports for operators, also while actors are stuck.

use std::{sync::Arc, time::Duration};

use majordomo::{
    supervision::{Spec, Supervisor},
    telemetry::{
        actors::{ActorStatus, DeadLetterReason},
        health::HealthStatus,
    },
    types::{Fault, limits},
};
use tokio::sync::Notify;

use crate::test_service::{Ask, Diary, SECOND, echo, report, system, test_service, until, until_status};

#[tokio::test(start_paused = true)]
async fn a_stuck_actor_is_reported_with_its_current_message_and_its_queue() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("probe").mailbox(8), test_service("probe", &diary));
    let tree = root.start().await.unwrap();
    let gate = Arc::new(Notify::new());
    let (blocker, opened) = (addr.clone(), Arc::clone(&gate));
    let blocked = tokio::spawn(async move { blocker.call(60 * SECOND, |reply| Ask::Block(opened, reply)).await });
    until("it is blocked", || report(&system, "probe").work.handling.is_some()).await;
    assert!(system.stats().snapshot(None).stuck.is_empty());
    let waiting: Vec<_> = (0..3)
        .map(|number| {
            let addr = addr.clone();
            tokio::spawn(async move { addr.call(60 * SECOND, |reply| Ask::Echo(number, reply)).await })
        })
        .collect();
    until("three wait", || report(&system, "probe").mailbox.depth == 3).await;
    tokio::time::advance(limits::STUCK_AFTER + SECOND).await;

    let snapshot = system.stats().snapshot(None);
    assert_eq!(snapshot.stuck, ["probe"]);
    let test_service = report(&system, "probe");
    let handling = test_service.work.handling.unwrap();
    assert_eq!(handling.message, "block");
    assert!(handling.since_ms >= 6_000 && test_service.mailbox.oldest_ms >= 6_000);
    assert_eq!((test_service.mailbox.taken, test_service.mailbox.capacity, test_service.mailbox.high_water), (4, 8, 3));
    let health = system.stats().health();
    assert_eq!(
        (health.status, health.services[0].reasons.as_slice()),
        (HealthStatus::Degraded, ["probe: stuck at block".to_owned()].as_slice())
    );

    gate.notify_one();
    assert_eq!(blocked.await.unwrap(), Ok(1));
    for (number, call) in waiting.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), Ok(u32::try_from(number).unwrap()));
    }
    assert_eq!(system.stats().health().status, HealthStatus::Up);
    let kinds = system.stats().snapshot(None).kinds;
    let kind = kinds.iter().find(|kind| kind.kind == "probe").unwrap();
    let block = kind.messages.iter().find(|times| times.kind == "block").unwrap();
    assert!(block.count == 1 && block.p50_us >= 6_000_000 && block.p99_us >= block.p50_us, "{block:?}");
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_list_comes_in_pages_with_the_totals_of_all() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addrs: Vec<_> = (0..limits::ACTORS_PAGE + 50)
        .map(|number| root.service(Spec::escape(format!("house_{number:03}")), test_service("probe", &diary)))
        .collect();
    let tree = root.start().await.unwrap();
    for addr in &addrs {
        assert_eq!(echo(addr, 1).await, Ok(1));
    }
    let first = system.stats().snapshot(None);
    let second = system.stats().snapshot(first.next_cursor.as_deref());
    assert_eq!((first.actors.len(), second.actors.len()), (limits::ACTORS_PAGE, 51));
    assert_eq!((second.next_cursor, first.totals.actors), (None, 251));
    assert_eq!((first.totals.handled, &first.totals), (250, &second.totals));
    let root = report(&system, "root");
    assert_eq!((root.children_total, root.children.len()), (250, limits::CHILDREN_NAMED));
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_hundred_dead_letters_are_kept_without_their_content() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("probe"), test_service("probe", &diary));
    let tree = root.start().await.unwrap();
    let gate = Arc::new(Notify::new());
    let (blocker, opened) = (addr.clone(), Arc::clone(&gate));
    let blocked = tokio::spawn(async move { blocker.call(60 * SECOND, |reply| Ask::Block(opened, reply)).await });
    until("it is blocked", || report(&system, "probe").work.handling.is_some()).await;
    let expired = futures::future::join_all((0..150).map(|number| echo(&addr, number))).await;
    assert!(expired.into_iter().all(|answer| answer == Err(Fault::Expired)));
    gate.notify_one();
    blocked.await.unwrap().unwrap();
    until("all are dropped", || report(&system, "probe").mailbox.depth == 0).await;
    let letters = system.stats().dead_letters();
    assert_eq!(letters.last.len(), limits::DEAD_LETTERS_KEPT);
    assert!(letters.counts.iter().any(|count| count.reason == DeadLetterReason::Expired && count.count == 150));
    let shown = serde_json::to_value(&letters.last[0]).unwrap();
    assert_eq!(shown["path"], "probe");
    assert_eq!((&shown["message"], &shown["reason"]), (&"echo".into(), &"expired".into()));
    assert_eq!(shown.as_object().unwrap().len(), 4);
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn the_report_has_the_shape_that_clients_rely_on() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    root.service(Spec::escape("probe").mailbox(3), test_service("probe", &diary));
    let tree = root.start().await.unwrap();
    let shown = serde_json::to_value(system.stats().snapshot(None)).unwrap();
    assert_eq!(shown["capturedAt"], "2027-01-15T08:00:00.000000Z");
    assert_eq!(shown["totals"]["running"], 2);
    let test_service = &shown["actors"][0];
    assert_eq!(
        (&test_service["path"], &test_service["kind"], &test_service["status"]),
        (&"probe".into(), &"probe".into(), &"running".into())
    );
    assert_eq!((&test_service["generation"], &test_service["mailbox"]["capacity"]), (&1.into(), &3.into()));
    assert_eq!(test_service["supervision"]["restartsLimit"], 5);
    assert_eq!(test_service["supervision"]["pastLimit"], "escape");
    assert!(test_service.get("lastFailure").is_none() && test_service.get("until").is_none());
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_reports_its_next_wake_until_the_timer_fires_or_the_actor_ends() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("probe"), test_service("probe", &diary));
    let tree = root.start().await.unwrap();
    let shown = || serde_json::to_value(report(&system, "probe")).unwrap()["wakesAt"].clone();
    let arm = async |wait: Duration| addr.call(SECOND, |reply| Ask::ArmTimer(wait, reply)).await.unwrap();
    assert!(shown().is_null(), "the actor waits only for messages");
    arm(60 * SECOND).await;
    assert_eq!(shown(), "2027-01-15T08:01:00.000000Z");
    arm(30 * SECOND).await;
    assert_eq!(shown(), "2027-01-15T08:00:30.000000Z");
    tokio::time::advance(31 * SECOND).await;
    until("the timer has fired", || diary.count("timed") == 1).await;
    assert!(shown().is_null());

    arm(60 * SECOND).await;
    assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    assert!(shown().is_null(), "the timer ended with its run");
    until_status(&system, "probe", ActorStatus::Running).await;
    until("the next run has started", || report(&system, "probe").generation == 2).await;
    assert!(shown().is_null(), "the next run has set none");
    tree.stop(SECOND).await;
}
