//! The access log, and the log of slow requests and transactions.

use std::{
    cell::RefCell,
    io,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use axum::body::Body;
use majordomo::{
    config::{Config, LogConfig, LogFormat},
    http::route::Listener,
    persistence::Write,
    telemetry::log,
    types::{CallContext, Work},
};
use serde_json::{Value, json};

use super::guarded::{on, production, public};
use crate::test_app::TestApp;

thread_local! {
    /// The log of this test's thread; each test has its own thread and runtime.
    pub static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of its thread.
struct Logged;

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on the log of each test is kept for that test.
pub fn log_by_thread() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing_subscriber::fmt().with_writer(|| Logged).with_ansi(false).init());
}

#[tokio::test]
async fn the_log_has_the_route_and_the_id_but_no_query_path_or_token() {
    log_by_thread();
    let client = public().signed_in("hunter2").with("x-request-id", "id-1");
    client.get("/open?token=hunter2").await;
    client.get("/hunter2").await;
    let log = String::from_utf8(LOGGED.take()).unwrap();
    assert!(log.contains("route=\"/open\"") && log.contains("route=\"(none)\""), "{log}");
    assert!(log.contains("id-1") && log.contains("status=200") && log.contains("status=404"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn the_access_log_has_the_caller_and_the_address() {
    log_by_thread();
    let mut config = Config::default();
    config.edge.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let behind = on(Listener::Public, &config).at("10.0.0.1").with("x-forwarded-for", "198.51.100.7");
    let user = "principal=user:00000000-0000-0000-0000-000000000007";
    let operator = on(Listener::Ops, &production()).signed_in("control-token");
    behind.get("/open?token=hunter2").await;
    behind.signed_in("user").get("/own?token=hunter2").await;
    behind.signed_in("support").send("DELETE", "/open?token=hunter2", Body::empty()).await;
    behind.signed_in("made-up").get("/own").await;
    behind.signed_in("user").get("/crash?hunter2").await;
    operator.at("192.0.2.9").send("POST", "/restart?hunter2", Body::empty()).await;
    on(Listener::Ops, &production()).signed_in("user").get("/stats").await;
    let log = String::from_utf8(LOGGED.take()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("answered")).collect();
    for (line, words) in lines.iter().zip([
        &["status=200", "client=198.51.100.7", "principal=anonymous"][..],
        &["status=200", "client=198.51.100.7", user],
        // Without a route there is no `Gate`, so no caller was identified.
        &["status=405", "client=198.51.100.7", "principal=anonymous"],
        &["status=401", "client=198.51.100.7", "principal=anonymous"],
        &["status=500", "client=198.51.100.7", user],
        &["status=200", "client=192.0.2.9", "principal=cli"],
        &["status=403", "client=127.0.0.1", user],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line}");
    }
    assert_eq!(lines.len(), 7, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    /// The lines with this message.
    fn lines(&self, message: &str) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == message).collect()
    }
}

fn listening() -> (Kept, tracing::subscriber::DefaultGuard) {
    let kept = Kept::default();
    let writer = kept.clone();
    let log = LogConfig { format: LogFormat::Json, ..LogConfig::default() };
    let guard = tracing::subscriber::set_default(log::subscriber(&log, move || writer.clone()));
    (kept, guard)
}

/// Writes nothing, and keeps the writer for `time`.
async fn take(app: &TestApp, time: Duration) {
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(60));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "the-slow-one"));
    app.store
        .write(write, move |_tx| {
            // The work itself takes that long: nothing is sent.
            let (_sender, receiver) = std::sync::mpsc::sync_channel::<()>(1);
            assert_eq!(receiver.recv_timeout(time), Err(std::sync::mpsc::RecvTimeoutError::Timeout));
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn slow_requests_and_transactions_are_logged() {
    let app = TestApp::new().await;
    let (kept, _guard) = listening();
    take(&app, Duration::from_millis(1)).await;
    app.anyone.get("/health").await;
    assert!(kept.lines("a slow transaction").is_empty() && kept.lines("a slow request").is_empty());

    // The registration waits for the writer.
    tokio::join!(take(&app, Duration::from_millis(1_100)), app.register("ada@example.com"));
    let lines = kept.lines("a slow transaction");
    let slow = lines.iter().find(|line| line["correlationId"] == "the-slow-one");
    let slow = slow.unwrap_or_else(|| panic!("{lines:?}"));
    let name = slow["transaction"].as_str().unwrap();
    assert!(name.ends_with("log::take"), "{name}");
    let lines = kept.lines("a slow request");
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("warn")), "{lines:?}");
    assert!(lines[0]["operation"].as_str().unwrap().contains("register"), "{lines:?}");
}
