//! What takes long is named in the log.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use majordomo::{
    config::{LogConfig, LogFormat},
    persistence::Write,
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

/// Writes nothing, and keeps the writer for `time`.
async fn take(app: &TestApp, time: Duration) {
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(60));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "the-slow-one"));
    app.store
        .write(write, move |_tx| {
            // The work itself takes that long: nothing is sent.
            let (_sender, receiver) = std::sync::mpsc::sync_channel::<()>(1);
            let _ = receiver.recv_timeout(time);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_slow_is_named() {
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
    assert!(name.ends_with("slow::take"), "{name}");
    let lines = kept.lines("a slow request");
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("warn")), "{lines:?}");
    assert!(lines[0]["operation"].as_str().unwrap().contains("register"), "{lines:?}");
}
