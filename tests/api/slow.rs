//! What takes long is named in the log.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use majordomo::{
    config::{LogConfig, LogFormat},
    persistence::Write,
    supervision::ManualClock,
    telemetry::log,
    types::{CallContext, Work},
};
use serde_json::{Value, json};

use crate::test_app::TestApp;

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

#[tokio::test]
async fn a_slow_request_is_named_by_its_operation() {
    let app = TestApp::new().await;
    let (kept, _guard) = listening();
    app.anyone.get("/health").await;
    assert!(kept.lines("a slow request").is_empty());
    // While it is answered, time passes.
    app.anyone.post("/dev/clock/advance", json!({ "by": "PT2S" })).await;
    let lines = kept.lines("a slow request");
    assert_eq!((lines.len(), &lines[0]["operation"]), (1, &json!("advance_clock")), "{lines:?}");
    assert_eq!((&lines[0]["duration"], &lines[0]["level"]), (&json!("2000ms"), &json!("warn")));
}

/// Writes nothing, while the clock goes on by `by`.
async fn take(app: &TestApp, by: Duration) {
    let clock: Arc<ManualClock> = Arc::clone(&app.clock);
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(60));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "the-slow-one"));
    app.store
        .write(write, move |_tx| {
            clock.advance(by);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_slow_transaction_is_named_by_its_function() {
    let app = TestApp::new().await;
    let (kept, _guard) = listening();
    take(&app, Duration::from_millis(1)).await;
    assert!(kept.lines("a slow transaction").is_empty());
    take(&app, Duration::from_secs(1)).await;
    let lines = kept.lines("a slow transaction");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let name = lines[0]["transaction"].as_str().unwrap();
    assert!(name.ends_with("slow::take"), "{name}");
    assert_eq!(lines[0]["correlationId"], "the-slow-one");
}
