//! A process that is stopped (SIGSTOP) for longer than its writer may take for a step, and then goes on.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    api::Api,
    server::{Home, until},
};

const LIMIT: Duration = Duration::from_secs(3);
const PASSWORD: &str = "seven wise otters";

/// Registers addresses until `enough`; counts them.
async fn register(api: Api, client: u64, registered: &AtomicU64, enough: &AtomicBool) {
    let mut number = 0;
    while !enough.load(Ordering::Relaxed) {
        number += 1;
        let email = format!("person{client}-{number}@example.org");
        if api.register(&email, PASSWORD).await.is_ok_and(|answer| answer.status == 201) {
            registered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_goes_on() {
    let mut home = Home::new();
    home.set("store.writer_limit", &format!("{}s", LIMIT.as_secs()));
    home.set("edge.rate_limits.enabled", "false");
    let server = home.start().await;
    let (registered, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    let more = async |count: u64| {
        let wanted = registered.load(Ordering::Relaxed) + count;
        let there =
            until(Duration::from_secs(60), || async { (registered.load(Ordering::Relaxed) >= wanted).then_some(()) });
        there.await.unwrap_or_else(|| panic!("nothing is registered any more:\n{}", server.written()));
    };
    let pauses = async {
        for _ in 0..3 {
            more(3).await;
            server.signal(Signal::SIGSTOP);
            let stopped = Instant::now();
            let passed = until(LIMIT * 3, || async { (stopped.elapsed() > LIMIT + LIMIT / 2).then_some(()) });
            passed.await.unwrap();
            server.signal(Signal::SIGCONT);
        }
        more(3).await;
        enough.store(true, Ordering::Relaxed);
    };
    let clients = (0..3).map(|client| register(server.api(), client, &registered, &enough));
    tokio::join!(pauses, futures::future::join_all(clients));
    let written = server.written();
    assert!(!written.contains("hangs"), "{written}");
    assert_eq!(server.api().get("/health/ready").await.unwrap().status, 200);
    server.ask_to_stop();
    let (status, written) = server.ended(Duration::from_secs(30)).await;
    assert!(status.success(), "{written}");
}
