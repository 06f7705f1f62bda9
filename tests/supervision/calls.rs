//! One call and its possible outcomes.

use std::{sync::Arc, time::Duration};

use majordomo::{
    supervision::{Spec, Supervisor, System, Tree},
    telemetry::actors::{ActorStatus, DeadLetterReason},
    types::Fault,
};
use tokio::sync::Notify;

use crate::test_service::{Ask, Diary, SECOND, echo, report, system, test_service, until, until_status};

type Addr = majordomo::supervision::Addr<Ask>;

async fn one_service(permits: usize) -> (System, Diary, Addr, Tree) {
    let (system, diary) = (system(), Diary::default());
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("probe").mailbox(permits), test_service("probe", &diary));
    let tree = root.start().await.unwrap();
    (system, diary, addr, tree)
}

fn dead_letters(system: &System, reason: DeadLetterReason) -> u64 {
    let counts = system.stats().dead_letters().counts;
    counts.into_iter().find(|count| count.reason == reason).map_or(0, |count| count.count)
}

async fn until_all_permits_are_back(system: &System) {
    until("all permits are back", || {
        let test_service = report(system, "probe");
        test_service.mailbox.taken == 0 && test_service.mailbox.depth == 0 && test_service.work.jobs_running == 0
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_and_counted() {
    let (system, _, addr, tree) = one_service(4).await;
    assert_eq!(echo(&addr, 5).await, Ok(5));
    until_all_permits_are_back(&system).await;
    let test_service = report(&system, "probe");
    assert_eq!((test_service.work.accepted, test_service.work.handled, test_service.work.failed), (1, 1, 0));
    assert_eq!((test_service.kind.as_str(), test_service.parent.as_deref()), ("probe", Some("root")));
    tree.stop(SECOND).await;
    assert_eq!(echo(&addr, 5).await, Err(Fault::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn without_a_permit_a_call_is_overloaded_and_queued_and_running_work_count_alike() {
    let (system, _, addr, tree) = one_service(2).await;
    let gate = Arc::new(Notify::new());
    let (first, second) = (addr.clone(), addr.clone());
    let (at_first, at_second) = (Arc::clone(&gate), Arc::clone(&gate));
    let running = tokio::spawn(async move { first.call(SECOND, |reply| Ask::Job(at_first, reply)).await });
    let queued = tokio::spawn(async move { second.call(SECOND, |reply| Ask::Job(at_second, reply)).await });
    until("both are taken", || report(&system, "probe").mailbox.taken == 2).await;
    assert_eq!(echo(&addr, 1).await, Err(Fault::overloaded()));
    assert_eq!(addr.cast(Ask::Note("no")), Err(Fault::overloaded()));
    assert_eq!(report(&system, "probe").work.refused, 2);
    gate.notify_waiters();
    assert_eq!((running.await.unwrap(), queued.await.unwrap()), (Ok(2), Ok(2)));
    until_all_permits_are_back(&system).await;
    assert_eq!(echo(&addr, 1).await, Ok(1));
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_before_a_transaction_is_expired_and_after_it_unknown() {
    let (system, _, addr, tree) = one_service(8).await;
    let gate = Arc::new(Notify::new());
    let job = Arc::clone(&gate);
    assert_eq!(addr.call(SECOND, |reply| Ask::Job(job, reply)).await, Err(Fault::Expired));
    let job = Arc::clone(&gate);
    let late = addr.call(SECOND, |reply| Ask::WriteSlowly(job, reply)).await;
    assert!(matches!(late, Err(Fault::Unknown { .. })), "{late:?}");
    assert_eq!(report(&system, "probe").work.expired, 1);
    assert_eq!(report(&system, "probe").mailbox.taken, 2, "work that no caller awaits is still counted");
    gate.notify_waiters();
    until_all_permits_are_back(&system).await;
    tree.stop(SECOND).await;
}

/// How long a call with this deadline waits if it gets no answer.
async fn wait_of(addr: &Addr, deadline: Duration) -> Duration {
    let (began, job) = (tokio::time::Instant::now(), Arc::new(Notify::new()));
    assert_eq!(addr.call(deadline, |reply| Ask::Job(job, reply)).await, Err(Fault::Expired));
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn each_call_has_its_own_deadline_whatever_the_calls_before_it_had() {
    let (_, _, addr, tree) = one_service(16).await;
    // Answered calls leave their timers, set to 2 s and to 9 s, for later calls.
    for seconds in [2, 9] {
        for waits in [1, 3, 4, 20] {
            let gate = Arc::new(Notify::new());
            gate.notify_one();
            assert_eq!(addr.call(seconds * SECOND, |reply| Ask::Job(gate, reply)).await, Ok(2));
            let waited = wait_of(&addr, waits * SECOND).await;
            let late = waited.checked_sub(waits * SECOND);
            assert!(late.is_some_and(|late| late <= Duration::from_millis(2)), "{waits} s were {waited:?}");
        }
    }
    let (short, long) = tokio::join!(wait_of(&addr, SECOND), wait_of(&addr, 5 * SECOND));
    assert!(short < 2 * SECOND && long >= 5 * SECOND, "{short:?} and {long:?}");
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_expires_or_is_abandoned_in_the_mailbox_is_never_begun() {
    let (system, diary, addr, tree) = one_service(8).await;
    let gate = Arc::new(Notify::new());
    let (blocker, opened) = (addr.clone(), Arc::clone(&gate));
    let blocked = tokio::spawn(async move { blocker.call(10 * SECOND, |reply| Ask::Block(opened, reply)).await });
    until("the handler is blocked", || report(&system, "probe").work.handling.is_some()).await;

    let job = Arc::new(Notify::new());
    job.notify_one();
    let waits = Arc::clone(&job);
    assert_eq!(addr.call(SECOND, |reply| Ask::Job(waits, reply)).await, Err(Fault::Expired));
    let leaver = addr.clone();
    let waits = Arc::clone(&job);
    let leaving = tokio::spawn(async move { leaver.call(9 * SECOND, |reply| Ask::Job(waits, reply)).await });
    until("both wait", || report(&system, "probe").mailbox.depth == 2).await;
    leaving.abort();
    until("the second is abandoned", || report(&system, "probe").work.abandoned == 1).await;

    gate.notify_one();
    assert_eq!(blocked.await.unwrap(), Ok(1));
    until_all_permits_are_back(&system).await;
    assert_eq!(diary.count("job done"), 0);
    assert_eq!(report(&system, "probe").work.expired, 1);
    assert_eq!(dead_letters(&system, DeadLetterReason::Expired), 1);
    assert_eq!(dead_letters(&system, DeadLetterReason::Abandoned), 1);
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_job_is_a_bug_before_a_transaction_and_unknown_after_it_and_the_actor_runs_on() {
    let (system, _, addr, tree) = one_service(8).await;
    let crashed = addr.call(SECOND, Ask::JobCrash).await;
    assert!(matches!(crashed, Err(Fault::Bug { .. })), "{crashed:?}");
    let crashed = addr.call(SECOND, Ask::WriteCrash).await;
    assert!(matches!(crashed, Err(Fault::Unknown { .. })), "{crashed:?}");
    until_all_permits_are_back(&system).await;
    let test_service = report(&system, "probe");
    assert_eq!((test_service.work.panics, test_service.work.failed, test_service.generation), (2, 2, 1));
    assert!(test_service.last_failure.unwrap().reason.contains("the write fails"));
    assert_eq!(echo(&addr, 1).await, Ok(1));
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_answers_every_caller_and_running_jobs_finish() {
    let (system, diary, addr, tree) = one_service(8).await;
    let gate = Arc::new(Notify::new());
    let (worker, opened) = (addr.clone(), Arc::clone(&gate));
    let job = tokio::spawn(async move { worker.call(10 * SECOND, |reply| Ask::Job(opened, reply)).await });
    until("the job runs", || report(&system, "probe").work.jobs_running == 1).await;

    let (crash, behind) = tokio::join!(addr.call(SECOND, Ask::Crash), addr.call(SECOND, |reply| Ask::Echo(1, reply)));
    assert!(matches!(crash, Err(Fault::Bug { .. })), "{crash:?}");
    assert_eq!(behind, Err(Fault::Unavailable), "it was queued behind the crash");
    assert_eq!(dead_letters(&system, DeadLetterReason::Crashed), 1);

    until_status(&system, "probe", ActorStatus::Running).await;
    assert_eq!(report(&system, "probe").generation, 2);
    assert_eq!(report(&system, "probe").work.jobs_running, 1, "the job survived");
    gate.notify_one();
    assert_eq!(job.await.unwrap(), Ok(2));
    assert_eq!(diary.count("job done"), 1);
    until_all_permits_are_back(&system).await;
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn nudges_coalesce_and_wait_for_a_restart() {
    let (system, diary, addr, tree) = one_service(8).await;
    let gate = Arc::new(Notify::new());
    let (blocker, opened) = (addr.clone(), Arc::clone(&gate));
    let blocked = tokio::spawn(async move { blocker.call(SECOND, |reply| Ask::Block(opened, reply)).await });
    until("the handler is blocked", || report(&system, "probe").work.handling.is_some()).await;
    for _ in 0..10 {
        addr.nudge(|| Ask::Nudged);
    }
    gate.notify_one();
    blocked.await.unwrap().unwrap();
    until("the nudge is handled", || diary.count("nudged") == 1).await;

    assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    until_status(&system, "probe", ActorStatus::Restarting).await;
    addr.nudge(|| Ask::Nudged);
    until("the nudge reached the next run", || diary.count("nudged") == 2).await;
    assert_eq!(diary.lines().last().map(String::as_str), Some("nudged"));
    tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_belongs_to_one_run() {
    let (system, diary, addr, tree) = one_service(8).await;
    addr.call(SECOND, |reply| Ask::ArmTimer(2 * SECOND, reply)).await.unwrap();
    until("it fires", || diary.count("timed") == 1).await;
    addr.call(SECOND, |reply| Ask::ArmTimer(2 * SECOND, reply)).await.unwrap();
    assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    until_status(&system, "probe", ActorStatus::Running).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(echo(&addr, 1).await, Ok(1));
    assert_eq!(diary.count("timed"), 1);
    tree.stop(SECOND).await;
}
