//! Groups stop by themselves, whatever their children hold.

use std::{sync::Arc, time::Duration};

use majordomo::{
    supervision::{Cx, ManualClock, Message, Next, SeededEntropy, Service, Spec, Supervisor, System, TaskCx, Worker},
    types::{Fault, Timestamp, Work},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const LIMIT: Duration = Duration::from_secs(30);

struct Idle;

impl Worker for Idle {
    const KIND: &'static str = "idle";

    async fn run(&mut self, _: &TaskCx) -> Result<Next, Fault> {
        Ok(Next::Within(Duration::from_secs(60)))
    }
}

struct Nothing;

impl Message for Nothing {
    fn kind(&self) -> &'static str {
        "nothing"
    }
}

/// Has a job that runs until its state is dropped.
struct Watcher;

impl Service for Watcher {
    type Message = Nothing;
    type State = DropGuard;
    const KIND: &'static str = "watcher";

    async fn start(&self, cx: &Cx<Nothing>) -> Result<DropGuard, Fault> {
        let over = CancellationToken::new();
        let ended = over.clone();
        cx.job(Work::until(cx.system().clock().instant()), "watch", async move { ended.cancelled().await });
        Ok(over.drop_guard())
    }

    async fn handle(&self, _: &Cx<Nothing>, _: &mut DropGuard, _: Nothing, _: Work) {}
}

#[tokio::test(start_paused = true)]
async fn a_group_stops_at_once_though_its_workers_wait_and_its_services_have_jobs_as_long_as_their_state() {
    let clock = Arc::new(ManualClock::starting_at(Timestamp::ZERO));
    let system = System::new(clock, Arc::new(SeededEntropy::new(1)));
    let mut root = Supervisor::root(&system);
    root.group("probe", |group| {
        group.worker(Spec::park("worker"), || Idle);
        group.service(Spec::park("watcher"), || Watcher);
    });
    let tree = root.start().await.unwrap();
    let began = tokio::time::Instant::now();
    system.stats().stop("probe", LIMIT).await.unwrap();
    tree.stop(LIMIT).await;
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
}
