//! Children that are not actors: tasks, threads, workers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use majordomo::{
    supervision::{Next, Spec, Supervisor, TaskCx, Worker},
    telemetry::{actors::ActorStatus, health::HealthStatus},
    types::Fault,
};
use tokio::sync::Notify;

use crate::test_service::{Diary, SECOND, report, system, until, until_status};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_task_is_restarted_when_it_ends_fails_or_panics_and_stops_on_request() {
    let (system, diary) = (system(), Diary::default());
    let (run, steps) = (Arc::new(AtomicUsize::new(0)), diary.clone());
    let mut root = Supervisor::root(&system);
    root.task(Spec::park("listener").kind("listener"), move |cx| {
        let (run, steps) = (run.fetch_add(1, Ordering::SeqCst), steps.clone());
        async move {
            cx.ready();
            match run {
                0 => Ok(()),
                1 => Err(Fault::StorageFull),
                2 => panic!("the task fails"),
                _ => {
                    steps.write("serves");
                    cx.stopping().cancelled().await;
                    steps.write("closes");
                    Ok(())
                }
            }
        }
    });
    let tree = root.start().await.unwrap();
    until("the fourth run serves", || diary.count("serves") == 1).await;
    until_status(&system, "listener", ActorStatus::Running).await;
    let listener = report(&system, "listener");
    assert_eq!((listener.generation, listener.supervision.restarts, listener.work.panics), (4, 3, 1));
    assert_eq!(listener.kind, "listener");
    system.stats().restart("listener").unwrap();
    until("the fifth run serves", || diary.count("serves") == 2).await;
    tree.stop(SECOND).await;
    assert_eq!(diary.lines(), ["serves", "closes", "serves", "closes"]);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_survives_its_listener_and_is_aborted_past_the_stop_limit() {
    let (system, crash) = (system(), Arc::new(Notify::new()));
    let crashed = Arc::clone(&crash);
    let mut root = Supervisor::root(&system);
    root.task(Spec::park("listener"), move |cx| {
        let crashed = Arc::clone(&crashed);
        async move {
            cx.ready();
            cx.job("connection", std::future::pending());
            tokio::select! {
                () = cx.stopping().cancelled() => Ok(()),
                () = crashed.notified() => panic!("the task fails"),
            }
        }
    });
    let tree = root.start().await.unwrap();
    until("a connection is open", || report(&system, "listener").work.jobs_running == 1).await;
    crash.notify_one();
    until("the next run has one too", || report(&system, "listener").work.jobs_running == 2).await;
    tree.stop(MINUTE).await;
    assert_eq!(report(&system, "listener").work.jobs_running, 0);
}

// Under paused time a wait for a thread would let deadlines pass at once, so this test runs in real time.
#[tokio::test]
async fn a_thread_shows_in_the_tree_and_its_panic_restarts_it() {
    let (system, diary) = (system(), Diary::default());
    let (run, steps) = (Arc::new(AtomicUsize::new(0)), diary.clone());
    let mut root = Supervisor::root(&system);
    root.thread(Spec::escape("thread").backoff(Duration::from_millis(1)), move |cx: TaskCx| {
        cx.ready();
        if run.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("the thread fails");
        }
        while !cx.stopping().is_cancelled() {
            std::thread::yield_now();
        }
        steps.write("closed");
        Ok(())
    });
    let tree = root.start().await.unwrap();
    until("the second run has started", || {
        let thread = report(&system, "thread");
        thread.generation == 2 && thread.status == ActorStatus::Running
    })
    .await;
    let thread = report(&system, "thread");
    assert_eq!((thread.kind.as_str(), thread.work.panics), ("thread", 1));
    assert!(thread.last_failure.unwrap().reason.contains("the thread fails"));
    tree.stop(SECOND).await;
    assert_eq!(diary.lines(), ["closed"]);
}

struct Waiter {
    diary: Diary,
    granted: Arc<Notify>,
}

impl Worker for Waiter {
    const KIND: &'static str = "waiter";

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        self.diary.write("runs");
        cx.leased("waiter", (self.diary.count("runs") > 1).then_some(7));
        Ok(Next::Nudged)
    }

    async fn wake(&mut self) {
        self.granted.notified().await;
    }

    async fn stop(&mut self, _: &TaskCx) {
        self.diary.write("stops");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_on_standby_is_up_runs_when_its_wait_ends_and_has_a_last_word_when_it_is_stopped() {
    let (system, diary, granted) = (system(), Diary::default(), Arc::new(Notify::new()));
    let (lines, grant) = (diary.clone(), Arc::clone(&granted));
    let mut root = Supervisor::root(&system);
    root.worker(Spec::park("waiter"), move || Waiter { diary: lines.clone(), granted: Arc::clone(&grant) });
    let tree = root.start().await.unwrap();
    until("it waits", || report(&system, "waiter").lease.is_some()).await;
    let health = system.stats().health();
    assert_eq!(health.status, HealthStatus::Up);
    assert_eq!(health.services[0].reasons, ["waiter: standby for the lease waiter"]);
    granted.notify_one();
    until("it runs again", || diary.count("runs") == 2).await;
    until("it holds the lease", || report(&system, "waiter").lease.unwrap().epoch.as_deref() == Some("7")).await;
    assert!(system.stats().health().services[0].reasons.is_empty());
    tree.stop(SECOND).await;
    assert_eq!(diary.lines(), ["runs", "runs", "stops"]);
    assert_eq!(report(&system, "waiter").lease, None, "one that has stopped holds none");
}

struct Expirer {
    diary: Diary,
    fails: Arc<AtomicUsize>,
}

impl Worker for Expirer {
    const KIND: &'static str = "expirer";

    async fn run(&mut self, _: &TaskCx) -> Result<Next, Fault> {
        if self.fails.load(Ordering::SeqCst) > 0 {
            self.fails.fetch_sub(1, Ordering::SeqCst);
            self.diary.write("fails");
            return Err(Fault::Unavailable);
        }
        self.diary.write("runs");
        Ok(if self.diary.count("runs") == 1 { Next::Now } else { Next::Within(MINUTE) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_runs_at_once_when_nudged_when_woken_and_in_time_and_recovers_from_failures() {
    let (system, diary, fails) = (system(), Diary::default(), Arc::new(AtomicUsize::new(3)));
    let (lines, failing) = (diary.clone(), Arc::clone(&fails));
    let mut root = Supervisor::root(&system);
    let nudge =
        root.worker(Spec::park("expirer"), move || Expirer { diary: lines.clone(), fails: Arc::clone(&failing) });
    let tree = root.start().await.unwrap();
    until("it has run twice after its failures", || diary.count("runs") == 2).await;
    assert_eq!(diary.lines(), ["fails", "fails", "fails", "runs", "runs"]);
    nudge.nudge();
    until("the nudge made it run", || diary.count("runs") == 3).await;
    system.wake_workers();
    until("the wake made it run", || diary.count("runs") == 4).await;
    let before = system.clock().now();
    tokio::time::timeout(2 * MINUTE, async {
        while diary.count("runs") < 5 {
            tokio::time::advance(SECOND).await;
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(system.clock().now().since(before) >= MINUTE - SECOND);
    let expirer = report(&system, "expirer");
    assert_eq!((expirer.generation, expirer.work.failed, expirer.kind.as_str()), (1, 3, "expirer"));
    tree.stop(SECOND).await;
}
