//! Supervision: order, restarts, back-off, parking, escape, stop, and an operator's restart.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use majordomo::{
    supervision::{ControlRefusal, Spec, Supervisor},
    telemetry::{
        actors::ActorStatus,
        health::{HealthReport, HealthStatus},
    },
    types::{Fault, limits},
};
use tokio::sync::Notify;

use crate::test_service::{
    Ask, Diary, SECOND, StartPlan, echo, report, system, test_service, test_service_with, until, until_status,
};

const MINUTE: Duration = Duration::from_secs(60);

fn lines_of(health: &HealthReport) -> Vec<(&str, HealthStatus)> {
    health.services.iter().map(|service| (service.name.as_str(), service.status)).collect()
}

#[tokio::test(start_paused = true)]
async fn children_start_in_order_each_after_the_one_before_and_stop_in_reverse() {
    let (system, diary, plan) = (system(), Diary::default(), StartPlan::default());
    let gate = Arc::new(Notify::new());
    *plan.start_gate.lock().unwrap() = Some(Arc::clone(&gate));
    let mut root = Supervisor::root(&system);
    root.service(Spec::escape("a"), test_service("a", &diary));
    root.group("g", |group| {
        group.service(Spec::escape("b"), test_service_with("b", &diary, &plan));
        group.service(Spec::escape("c"), test_service("c", &diary));
    });
    root.service(Spec::escape("d"), test_service("d", &diary));
    let starting = tokio::spawn(root.start());
    until_status(&system, "g/b", ActorStatus::Starting).await;
    assert_eq!(diary.lines(), ["a starts"]);
    assert_eq!(report(&system, "d").status, ActorStatus::Waiting);
    assert_eq!(report(&system, "g").status, ActorStatus::Starting);
    gate.notify_one();
    let tree = starting.await.unwrap().unwrap();
    assert_eq!(diary.lines(), ["a starts", "b starts", "c starts", "d starts"]);
    assert_eq!(report(&system, "root").children, ["a", "d", "g"]);
    assert_eq!(report(&system, "g").status, ActorStatus::Running);
    tree.stop(MINUTE).await;
    assert_eq!(diary.lines()[4..], ["d stops", "c stops", "b stops", "a stops"]);
    for path in ["a", "g", "g/b", "g/c", "d", "root"] {
        assert_eq!(report(&system, path).status, ActorStatus::Stopped, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crashed_child_is_restarted_alone_after_a_wait_and_calls_fail_during_it() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("a").backoff(10 * SECOND), test_service("a", &diary));
    root.service(Spec::escape("b"), test_service("b", &diary));
    let tree = root.start().await.unwrap();
    assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    until_status(&system, "a", ActorStatus::Restarting).await;
    assert_eq!(echo(&addr, 1).await, Err(Fault::Unavailable));
    assert_eq!(lines_of(&system.stats().health()), [("a", HealthStatus::Degraded), ("b", HealthStatus::Up)]);
    let reason = &system.stats().health().services[0].reasons[0];
    assert!(reason.starts_with("a: restarting until ") && reason.contains("the handler fails"), "{reason}");
    let a = report(&system, "a");
    assert!(a.until.is_some_and(|until| until > system.clock().now()));
    assert_eq!((a.supervision.restarts, a.supervision.restarts_in_window, a.work.panics), (1, 1, 1));
    until_status(&system, "a", ActorStatus::Running).await;
    assert_eq!(echo(&addr, 1).await, Ok(1), "the address is the same");
    assert_eq!((report(&system, "a").generation, report(&system, "b").generation), (2, 1));
    assert_eq!(diary.lines(), ["a starts", "b starts", "a starts"]);
    tree.stop(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn past_its_restart_limit_a_child_escapes_and_the_reason_is_reported() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("a").restarts(2, MINUTE), test_service("a", &diary));
    let tree = root.start().await.unwrap();
    for run in 1..=3 {
        until_status(&system, "a", ActorStatus::Running).await;
        assert_eq!(report(&system, "a").generation, run);
        assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    }
    let escape = tokio::time::timeout(SECOND, system.escaped()).await.unwrap();
    assert_eq!((escape.path.as_str(), escape.reason.as_str()), ("a", "panic in crash: the handler fails"));
    assert_eq!(system.stats().health().status, HealthStatus::Down);
    tree.stop(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn failures_spread_over_time_do_not_escape() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("a").restarts(1, MINUTE), test_service("a", &diary));
    let tree = root.start().await.unwrap();
    for run in 1..=4 {
        until_status(&system, "a", ActorStatus::Running).await;
        assert_eq!(report(&system, "a").generation, run);
        tokio::time::advance(MINUTE).await;
        assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    }
    until_status(&system, "a", ActorStatus::Running).await;
    tree.stop(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_cannot_start_is_parked_with_growing_waits_and_its_siblings_run_on() {
    let (system, diary, plan) = (system(), Diary::default(), StartPlan::default());
    plan.failing_starts.store(5, Ordering::SeqCst);
    let mut root = Supervisor::root(&system);
    root.service(Spec::park("a").restarts(1, MINUTE), test_service_with("a", &diary, &plan));
    let b = root.service(Spec::escape("b"), test_service("b", &diary));
    let tree = root.start().await.unwrap();
    assert_eq!(echo(&b, 1).await, Ok(1), "the start does not wait for a parked child");
    let mut waits = Vec::new();
    while plan.failing_starts.load(Ordering::SeqCst) > 0 {
        let parked = report(&system, "a");
        assert_eq!(parked.status, ActorStatus::Parked);
        waits.push(parked.until.unwrap().since(system.clock().now()));
        let generation = parked.generation;
        until("it is tried again", || report(&system, "a").generation > generation).await;
        until("that is over", || report(&system, "a").status != ActorStatus::Starting).await;
    }
    for (wait, most) in waits.iter().zip([10, 20, 40].map(Duration::from_secs)) {
        assert!(*wait <= most && *wait >= most / 2 - SECOND, "{waits:?}");
    }
    assert_eq!(system.stats().health().status, HealthStatus::Degraded);
    tokio::time::advance(2 * MINUTE).await;
    until_status(&system, "a", ActorStatus::Running).await;
    assert_eq!(system.stats().health().status, HealthStatus::Up);
    tree.stop(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_escapes_is_an_error_and_stops_what_runs() {
    let (system, diary, plan) = (system(), Diary::default(), StartPlan::default());
    plan.failing_starts.store(99, Ordering::SeqCst);
    let mut root = Supervisor::root(&system);
    root.service(Spec::escape("a"), test_service("a", &diary));
    root.service(Spec::escape("b").restarts(0, MINUTE), test_service_with("b", &diary, &plan));
    root.service(Spec::escape("c"), test_service("c", &diary));
    let escape = root.start().await.err().unwrap();
    assert_eq!((escape.path.as_str(), escape.reason.as_str()), ("b", "start: the disk is nearly full"));
    assert_eq!(diary.lines(), ["a starts", "b fails to start", "a stops"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_counts_as_a_failure() {
    let (system, diary, plan) = (system(), Diary::default(), StartPlan::default());
    *plan.start_gate.lock().unwrap() = Some(Arc::new(Notify::new()));
    let mut root = Supervisor::root(&system);
    let spec = Spec::escape("a").restarts(0, MINUTE).start_within(2 * SECOND);
    root.service(spec, test_service_with("a", &diary, &plan));
    let escape = root.start().await.err().unwrap();
    assert_eq!(escape.reason, "the start exceeded its time limit");
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_is_a_failure_of_the_child_alone() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let make = test_service("a", &diary);
    root.service(Spec::park("a").restarts(0, MINUTE), move || -> crate::test_service::TestService {
        let _unused = &make;
        panic!("no service")
    });
    let b = root.service(Spec::escape("b"), test_service("b", &diary));
    let tree = root.start().await.unwrap();
    assert_eq!(echo(&b, 1).await, Ok(1));
    assert!(report(&system, "a").last_failure.unwrap().reason.contains("no service"));
    tree.stop(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_an_operator_is_not_counted_and_works_on_a_parked_child() {
    let (system, diary, plan) = (system(), Diary::default(), StartPlan::default());
    let mut root = Supervisor::root(&system);
    let addr = root
        .group("g", |group| group.service(Spec::park("a").restarts(0, MINUTE), test_service_with("a", &diary, &plan)));
    let tree = root.start().await.unwrap();
    assert_eq!(system.stats().restart("g"), Err(ControlRefusal::IsGroup));
    assert_eq!(system.stats().restart("h"), Err(ControlRefusal::NotFound));
    assert_eq!(system.stats().restart("g/a"), Ok(()));
    until("the second run has started", || {
        let a = report(&system, "g/a");
        a.generation == 2 && a.status == ActorStatus::Running
    })
    .await;
    let a = report(&system, "g/a").supervision;
    assert_eq!((a.restarts, a.restarts_in_window, a.restarts_by_operator), (0, 0, 1));
    assert_eq!(diary.lines(), ["a starts", "a stops", "a starts"]);

    assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    until_status(&system, "g/a", ActorStatus::Parked).await;
    assert_eq!(system.stats().restart("g/a"), Ok(()));
    let before = system.clock().now();
    until_status(&system, "g/a", ActorStatus::Running).await;
    assert!(system.clock().now().since(before) < SECOND, "the restart did not wait for the back-off");
    tree.stop(MINUTE).await;
    assert_eq!(system.stats().restart("g/a"), Err(ControlRefusal::Stopping));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_stop_is_killed_its_jobs_aborted_and_every_caller_answered() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("a"), test_service("a", &diary));
    let tree = root.start().await.unwrap();
    let never = Arc::new(Notify::new());
    let ask = |make: fn(Arc<Notify>, majordomo::supervision::Reply<u32>) -> Ask| {
        let (addr, never) = (addr.clone(), Arc::clone(&never));
        tokio::spawn(async move { addr.call(MINUTE, |reply| make(never, reply)).await })
    };
    let job = ask(Ask::Job);
    let writing = ask(Ask::WriteSlowly);
    until("both run", || report(&system, "a").work.jobs_running == 2).await;
    let blocked = ask(Ask::Block);
    until("it is blocked", || report(&system, "a").work.handling.is_some()).await;
    let queued = ask(Ask::Block);
    until("one waits", || report(&system, "a").mailbox.depth == 1).await;

    let before = system.clock().now();
    tree.stop(MINUTE).await;
    let took = system.clock().now().since(before);
    assert!(took >= 2 * limits::STOP_LIMIT && took < 2 * limits::STOP_LIMIT + SECOND, "{took:?}");
    assert_eq!(blocked.await.unwrap(), Err(Fault::Unavailable));
    assert_eq!(queued.await.unwrap(), Err(Fault::Unavailable));
    assert_eq!(job.await.unwrap(), Err(Fault::Unavailable));
    assert!(matches!(writing.await.unwrap(), Err(Fault::Unknown { .. })));
    let a = report(&system, "a");
    assert_eq!((a.mailbox.taken, a.mailbox.depth, a.work.jobs_running), (0, 0, 0));
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_child_is_stopped_ahead_of_its_order_and_not_again() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    root.group("g", |group| {
        group.service(Spec::escape("a"), test_service("a", &diary));
        group.service(Spec::escape("b"), test_service("b", &diary));
    });
    root.service(Spec::escape("c"), test_service("c", &diary));
    let tree = root.start().await.unwrap();
    let stats = system.stats();
    stats.stop("g/b", SECOND).await.unwrap();
    stats.stop("g", SECOND).await.unwrap();
    assert_eq!(stats.stop("nowhere", SECOND).await, Err(ControlRefusal::NotFound));
    assert_eq!(diary.lines()[3..], ["b stops", "a stops"]);
    tree.stop(MINUTE).await;
    assert_eq!(diary.lines()[5..], ["c stops"]);
    assert_eq!(system.stats().health().status, HealthStatus::Down);
}
