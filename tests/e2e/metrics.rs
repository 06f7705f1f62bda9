//! A real Prometheus scrapes the program.

use std::{cell::RefCell, fs, path::Path, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    api::Api,
    peers,
    server::{Home, until},
};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A Prometheus that scrapes one target every second; dropped, it is killed.
struct Prometheus {
    child: Child,
    api: Api,
    _folder: TempDir,
}

impl Prometheus {
    async fn start(program: &str, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("prometheus.yml");
        let scraped = json!([{ "job_name": "majordomo", "static_configs": [{ "targets": [target] }] }]);
        let every = json!({ "scrape_interval": "1s", "scrape_timeout": "1s" });
        // YAML contains JSON.
        fs::write(&settings, json!({ "global": every, "scrape_configs": scraped }).to_string()).unwrap();
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let mut child = Command::new(program)
            .arg(flag("config.file", &settings))
            .arg(flag("storage.tsdb.path", &folder.path().join("data")))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("msg=\"Listening on\" address=") {
                    return Some(address.trim().to_owned());
                }
                said.push(line);
            }
            None
        };
        let address = timeout(TIMEOUT, listening).await.ok().flatten();
        let address = address.unwrap_or_else(|| panic!("it does not listen: {said:#?}"));
        // Read on, so that it never waits for its reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, api: Api::new(&format!("http://{address}")), _folder: folder }
    }

    /// The value of the only series that `query` finds, as soon as it is `wanted`.
    async fn wait_for(&self, query: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        let last = RefCell::new(Value::Null);
        let found = until(TIMEOUT, || async {
            let answer = self.api.get(&format!("/api/v1/query?query={query}")).await.ok()?;
            let value = answer.body["data"]["result"][0]["value"][1].as_str().and_then(|text| text.parse().ok());
            last.replace(answer.body);
            value.filter(|value| wanted(*value))
        });
        found.await.unwrap_or_else(|| panic!("{query} is {}", last.borrow()))
    }

    async fn end(mut self) {
        let id = self.child.id().unwrap();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), Signal::SIGTERM).unwrap();
        assert!(timeout(TIMEOUT, self.child.wait()).await.unwrap().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_of_debian_scrapes_the_program() {
    let Some(program) = peers::prometheus() else { return };
    let home = Home::new();
    let server = home.start().await;
    let prometheus = Prometheus::start(program, server.ops_api().address()).await;
    prometheus.wait_for("up", |up| up == 1.0).await;
    let registered = "majordomo_events_total%7Btype%3D%22user.registered%22,service%3D%22auth%22%7D";
    prometheus.wait_for(registered, |count| count == 0.0).await;
    server.api().register("ada@example.com", "an unguessable sentence of mine").await.unwrap().expect(201);
    prometheus.wait_for(registered, |count| count == 1.0).await;
    let route = "http_requests_total%7Broute%3D%22/auth/register%22,status%3D%22201%22%7D";
    prometheus.wait_for(route, |count| count == 1.0).await;
    // On a disk, each group is synced.
    prometheus.wait_for("majordomo_store_sync_seconds_count", |count| count >= 1.0).await;
    prometheus.wait_for("majordomo_store_free_bytes", |bytes| bytes > 0.0).await;

    // The first snapshot of the day says how much is alive.
    server.api().post("/dev/clock/advance", json!({ "by": "PT7H" })).await.unwrap().expect(200);
    prometheus.wait_for("majordomo_store_live_bytes", |bytes| bytes > 0.0).await;
    prometheus.end().await;
}
