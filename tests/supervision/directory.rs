//! One child for each key.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use majordomo::{
    supervision::{Directory, DirectoryBounds, Spec, Supervisor, System, Tree},
    telemetry::actors::ActorStatus,
    types::Fault,
};
use tokio::sync::Notify;

use crate::test_service::{Ask, Diary, SECOND, StartPlan, TestService, report, system, until};

type Users = Directory<u64, Ask>;

async fn users(children: usize, plan: &StartPlan) -> (System, Diary, Users, Tree) {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let (lines, plan) = (diary.clone(), plan.clone());
    let bounds = DirectoryBounds { children, passivate_after: 60 * SECOND, mailbox: 4 };
    let users = root.directory(Spec::escape("users"), bounds, move |_: &u64| TestService {
        name: "user",
        diary: lines.clone(),
        plan: plan.clone(),
    });
    let tree = root.start().await.unwrap();
    (system, diary, users, tree)
}

async fn echo(users: &Users, key: u64) -> Result<u32, Fault> {
    users.call(&key, SECOND, |reply| Ask::Echo(7, reply)).await
}

fn children(system: &System) -> u64 {
    report(system, "users").children_total
}

#[tokio::test(start_paused = true)]
async fn a_hundred_first_calls_activate_one_child() {
    let (system, diary, users, tree) = users(10, &StartPlan::default()).await;
    let calls = (0..4).map(|_| echo(&users, 1));
    assert!(futures::future::join_all(calls).await.into_iter().all(|answer| answer == Ok(7)));
    assert_eq!(diary.lines(), ["user starts"]);
    let path = users.path_of(&1);
    assert_eq!(report(&system, &path).status, ActorStatus::Running);
    assert!(path.starts_with("users/") && path.len() == "users/".len() + 12 && !path.ends_with('1'), "{path}");
    tree.stop(10 * SECOND).await;
    assert_eq!(diary.lines(), ["user starts", "user stops"]);
    assert_eq!(echo(&users, 1).await, Err(Fault::Unavailable));
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_child_is_passivated_and_activated_again() {
    let (system, diary, users, tree) = users(10, &StartPlan::default()).await;
    echo(&users, 1).await.unwrap();
    let gate = Arc::new(Notify::new());
    let (busy, opened) = (users.clone(), Arc::clone(&gate));
    let job = tokio::spawn(async move { busy.call(&2, 500 * SECOND, |reply| Ask::Job(opened, reply)).await });
    until("two are there", || children(&system) == 2).await;
    tokio::time::advance(80 * SECOND).await;
    until("the idle one is passivated", || children(&system) == 1).await;
    assert_eq!(diary.count("user stops"), 1, "the busy one has not");
    assert_eq!(echo(&users, 1).await, Ok(7));
    assert_eq!(diary.count("user starts"), 3);
    gate.notify_one();
    assert_eq!(job.await.unwrap(), Ok(2));
    tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn messages_during_a_passivation_are_kept_within_bounds_for_the_next_run() {
    let (plan, gate) = (StartPlan::default(), Arc::new(Notify::new()));
    *plan.stop_gate.lock().unwrap() = Some(Arc::clone(&gate));
    let (system, diary, users, tree) = users(10, &plan).await;
    echo(&users, 1).await.unwrap();
    let path = users.path_of(&1);
    system.stats().restart(&path).unwrap();
    until("it leaves", || report(&system, &path).status == ActorStatus::Draining).await;
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let users = users.clone();
            tokio::spawn(async move { echo(&users, 1).await })
        })
        .collect();
    until("four are kept", || report(&system, &path).mailbox.taken == 4).await;
    assert_eq!(echo(&users, 1).await, Err(Fault::overloaded()));
    gate.notify_one();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(7));
    }
    assert_eq!(diary.lines(), ["user starts", "user stops", "user starts"]);
    assert_eq!(report(&system, &path).supervision.restarts_by_operator, 1);
    gate.notify_one();
    tree.stop(10 * SECOND).await;
}

// Real threads, so that calls and passivations run at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_race_passivation_and_none_is_lost() {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let lines = diary.clone();
    let bounds = DirectoryBounds { children: 4, passivate_after: Duration::from_micros(400), mailbox: 64 };
    let users: Users = root.directory(Spec::escape("users"), bounds, move |_: &u64| TestService {
        name: "user",
        diary: lines.clone(),
        plan: StartPlan::default(),
    });
    let tree = root.start().await.unwrap();
    let callers = (0..8_u64).map(|caller| {
        let users = users.clone();
        tokio::spawn(async move {
            let mut round = 0;
            while round < 200 {
                match users.call(&((caller + round) % 12), 10 * SECOND, |reply| Ask::Echo(7, reply)).await {
                    Ok(7) => round += 1,
                    Err(Fault::Overloaded { .. }) => tokio::task::yield_now().await,
                    other => panic!("{other:?}"),
                }
            }
        })
    });
    for caller in futures::future::join_all(callers).await {
        caller.unwrap();
    }
    assert!(diary.count("user starts") > 12, "children were passivated and activated again");
    until("all are passivated", || children(&system) == 0).await;
    assert_eq!(diary.count("user starts"), diary.count("user stops"));
    tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_the_least_recently_used_idle_child_is_passivated_and_all_busy_is_overloaded() {
    let (system, diary, users, tree) = users(2, &StartPlan::default()).await;
    echo(&users, 1).await.unwrap();
    echo(&users, 2).await.unwrap();
    echo(&users, 1).await.unwrap();
    assert_eq!(echo(&users, 3).await, Ok(7));
    until("two are there", || children(&system) == 2).await;
    assert!(system.stats().report(&users.path_of(&1)).is_some(), "it was used after the other");
    assert!(system.stats().report(&users.path_of(&2)).is_none());
    assert_eq!(diary.count("user stops"), 1);

    let gate = Arc::new(Notify::new());
    let jobs: Vec<_> = [1, 3]
        .into_iter()
        .map(|key| {
            let (users, gate) = (users.clone(), Arc::clone(&gate));
            tokio::spawn(async move { users.call(&key, 60 * SECOND, |reply| Ask::Job(gate, reply)).await })
        })
        .collect();
    until("both are busy", || system.stats().snapshot(None).totals.jobs_running == 2).await;
    assert_eq!(echo(&users, 4).await, Err(Fault::overloaded()));
    assert_eq!(echo(&users, 1).await, Ok(7), "the busy ones are still there");
    gate.notify_waiters();
    for job in jobs {
        assert_eq!(job.await.unwrap(), Ok(2));
    }
    until("a place is free", || system.stats().snapshot(None).totals.jobs_running == 0).await;
    tokio::time::advance(SECOND).await;
    assert_eq!(echo(&users, 4).await, Ok(7));
    tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_crashes_waits_and_its_neighbours_do_not() {
    let (system, _, users, tree) = users(10, &StartPlan::default()).await;
    echo(&users, 2).await.unwrap();
    let crashed = users.call(&1, SECOND, Ask::Crash).await;
    assert!(matches!(crashed, Err(Fault::Bug { .. })), "{crashed:?}");
    let path = users.path_of(&1);
    until("it rests", || report(&system, &path).status == ActorStatus::Restarting).await;
    assert_eq!(echo(&users, 1).await, Err(Fault::Unavailable));
    assert_eq!(echo(&users, 2).await, Ok(7));
    tokio::time::advance(SECOND).await;
    assert_eq!(echo(&users, 1).await, Ok(7));
    assert_eq!(report(&system, &path).generation, 2);
    for _ in 0..20 {
        tokio::time::advance(11 * SECOND).await;
        let crashed = users.call(&1, SECOND, Ask::Crash).await;
        assert!(matches!(crashed, Err(Fault::Bug { .. } | Fault::Unavailable)), "{crashed:?}");
        if report(&system, &path).status == ActorStatus::Parked {
            break;
        }
        tokio::task::yield_now().await;
    }
    until("it is parked", || report(&system, &path).status == ActorStatus::Parked).await;
    assert_eq!(echo(&users, 2).await, Ok(7), "the other keys are served");
    tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_cannot_start_answers_its_callers_and_never_escapes() {
    let plan = StartPlan::default();
    plan.failing_starts.store(1, Ordering::SeqCst);
    let (system, _, users, tree) = users(10, &plan).await;
    assert_eq!(echo(&users, 1).await, Err(Fault::Unavailable));
    tokio::time::advance(SECOND).await;
    assert_eq!(echo(&users, 1).await, Ok(7));
    assert_eq!(report(&system, "users").status, ActorStatus::Running);
    tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_every_caller_and_releases_every_permit() {
    let (system, _, users, tree) = users(10, &StartPlan::default()).await;
    let never = Arc::new(Notify::new());
    let calls: Vec<_> = (0..6_u64)
        .map(|key| {
            let (users, never) = (users.clone(), Arc::clone(&never));
            tokio::spawn(async move { users.call(&(key % 3), 60 * SECOND, |reply| Ask::Block(never, reply)).await })
        })
        .collect();
    until("three run", || {
        let actors = system.stats().snapshot(None).actors;
        actors.iter().filter(|actor| actor.work.handling.is_some()).count() == 3
    })
    .await;
    tree.stop(60 * SECOND).await;
    for call in calls {
        assert_eq!(call.await.unwrap(), Err(Fault::Unavailable));
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
