//! An older store is migrated: the listeners report it, a kill or a stop in the middle loses nothing, and the state
//! before it can be restored. No version has a migration yet. Therefore the program is this test binary, started again
//! with a migration of its own, each step of which waits for a byte on the standard input.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use majordomo::app::App;
use majordomo::config::{Config, Sources};
use majordomo::domain::{
    audit::{AuditRecord, AuditResult},
    operations::OperationsAction,
};
use majordomo::persistence::{
    Tx, TxFault,
    migrations::{Migration, MigrationStep},
};
use majordomo::telemetry::log;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::signal::unix::{SignalKind, signal};

use crate::api::{Answer, Api};
use crate::server::{Home, Server, until};

const NAME: &str = "0001_write_rows";
const ROWS: u8 = 10;
const SOON: Duration = Duration::from_secs(30);

static MIGRATIONS: &[Migration] = &[Migration { name: NAME, step: write_row }];

/// Writes one row into the audit log, once the step may run.
fn write_row(tx: &mut Tx<'_>, place: Option<&[u8]>) -> Result<MigrationStep, TxFault> {
    std::io::stdin().read_exact(&mut [0]).expect("the step may not run");
    let row = place.map_or(0, |place| place[0]);
    tx.audit(AuditRecord {
        action: OperationsAction::RestartActor.into(),
        result: AuditResult::Done,
        subject: None,
        detail: format!("row={row}"),
    })?;
    let done = row + 1;
    Ok(if done == ROWS {
        MigrationStep::Finished
    } else {
        MigrationStep::Further { place: vec![done], percent: 100 / ROWS * done }
    })
}

/// The name of the test that runs as the program.
const RUN_AS_PROGRAM: &str = "MAJORDOMO_TEST_RUN_AS_PROGRAM";
const PROGRAM_TEST: &str = "migrating::during_a_migration_both_listeners_only_report_it";

async fn process() {
    let config = Config::load(&Sources::of_process(None, Vec::new())).unwrap().config;
    let log = log::install(&config.log).unwrap();
    let mut asked_to_stop = signal(SignalKind::terminate()).unwrap();
    let stop = async { asked_to_stop.recv().await.unwrap_or_default() };
    let app = App::bind(config, log, MIGRATIONS).unwrap();
    println!("public listener on http://{}", app.public());
    println!("ops listener on http://{}", app.ops());
    app.run(|_| println!("all is served"), stop, std::future::pending()).await.unwrap();
}

/// A store that the real program has created and used.
async fn older() -> Home {
    let home = Home::new();
    let server = home.start().await;
    server.api().register("ada@example.com", "seven wise otters").await.unwrap().expect(201);
    stop(server).await;
    home
}

async fn stop(server: Server) {
    server.ask_to_stop();
    let (status, written) = server.ended(Duration::from_secs(8)).await;
    assert_eq!(status.code(), Some(0), "{written}");
}

/// Starts the program of this file on `home`; no step of its migration has run.
async fn launch(home: &Home) -> (Server, ChildStdin) {
    let mut command = home.command_of(&std::env::current_exe().unwrap(), &["--exact", PROGRAM_TEST, "--nocapture"]);
    command.env(RUN_AS_PROGRAM, "1").stdin(Stdio::piped());
    let mut server = Server::launch(command).await;
    let input = server.input();
    (server, input)
}

async fn let_through(input: &mut ChildStdin, steps: usize) {
    input.write_all(&vec![b'.'; steps]).await.unwrap();
    input.flush().await.unwrap();
}

/// The answer of `/health/ready` with the reason `reason`.
async fn not_ready(api: &Api, reason: &str) -> Answer {
    let asked = until(SOON, || async {
        let answer = api.get("/health/ready").await.ok()?;
        (answer.body["reasons"] == json!([reason])).then_some(answer)
    });
    asked.await.unwrap_or_else(|| panic!("the reason {reason} was not reported"))
}

/// The rows of the migration in the audit log.
async fn rows(ops: &Api) -> Vec<String> {
    let entries = ops.get("/audit?limit=100").await.unwrap().expect(200).body;
    let details = entries["data"].as_array().unwrap().iter().filter_map(|entry| entry["detail"].as_str());
    let mut rows: Vec<String> = details.filter_map(|detail| detail.strip_prefix("row=")).map(str::to_owned).collect();
    rows.sort();
    rows
}

fn every_row() -> Vec<String> {
    (0..ROWS).map(|row| row.to_string()).collect()
}

fn snapshots(home: &Home) -> usize {
    std::fs::read_dir(home.store().join("snapshots")).unwrap().count()
}

fn is_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.body["code"], "unavailable", "{}", answer.text);
    assert_eq!(answer.body["retryable"], true);
    assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("migrating 0%")), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_a_migration_both_listeners_only_report_it() {
    if std::env::var_os(RUN_AS_PROGRAM).is_some() {
        return process().await;
    }
    let home = older().await;
    let (mut server, mut input) = launch(&home).await;
    for api in [server.api(), server.ops_api()] {
        let ready = not_ready(&api, "migrating 0%").await;
        assert_eq!((ready.status, &ready.body["ready"]), (503, &Value::Bool(false)));
        api.get("/health/live").await.unwrap().expect(200);
        let health = api.get("/health").await.unwrap().expect(503);
        assert_eq!((&health.body["status"], &health.body["services"][0]["name"]), (&json!("down"), &json!("store")));
        is_unavailable(&api.login("ada@example.com", "seven wise otters").await.unwrap());
        is_unavailable(&api.get("/auth/profile").await.unwrap());
        is_unavailable(&api.get("/nowhere").await.unwrap());
        is_unavailable(&api.post("/health/live", json!({})).await.unwrap());
        let refused = reqwest::get(format!("http://{}/docs", api.address())).await.unwrap();
        assert_eq!(refused.headers()["retry-after"], "5");
        assert!(refused.headers().contains_key("x-request-id"));
    }
    let api = server.api();
    let_through(&mut input, 4).await;
    not_ready(&api, "migrating 40%").await;
    let health = api.get("/health").await.unwrap().expect(503);
    assert_eq!(health.body["services"][0]["reasons"], json!([format!("migrating 40%: {NAME}")]));

    let asked = home.run_beside(&server, &["health"]).await;
    let text = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && text.contains("is not ready: migrating 40% (503)"), "{text}");

    let_through(&mut input, 6).await;
    server.wait_until_ready().await;
    assert_eq!(rows(&server.ops_api()).await, every_row());
    let code = api.code("ada@example.com", 10).await.unwrap().expect("the registration is lost");
    let id = server.ops_api().registration_of("ada@example.com").await;
    api.verify(&id, &code).await.unwrap().expect(200);
    stop(server).await;

    // A finished migration is not repeated: no step may run now.
    let (mut server, _input) = launch(&home).await;
    server.wait_until_ready().await;
    assert_eq!(rows(&server.ops_api()).await, every_row());
    stop(server).await;

    let refused = home.run(&["serve"]).await;
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains(NAME) && text.contains("newer version"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_migration_loses_no_step_and_repeats_none() {
    let home = older().await;
    let before = snapshots(&home);
    let (server, mut input) = launch(&home).await;
    let_through(&mut input, 3).await;
    not_ready(&server.api(), "migrating 30%").await;
    assert_eq!(snapshots(&home), before + 1, "there is no snapshot from before the migration");
    server.kill().await;

    let (server, mut input) = launch(&home).await;
    let_through(&mut input, 1).await;
    // The migration continues: the first step of a migration from its beginning would be 10%.
    not_ready(&server.api(), "migrating 40%").await;
    assert_eq!(snapshots(&home), before + 1, "a snapshot of a half migrated store replaces the one from before");
    server.kill().await;

    let (mut server, mut input) = launch(&home).await;
    let_through(&mut input, 6).await;
    server.wait_until_ready().await;
    assert_eq!(rows(&server.ops_api()).await, every_row());
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_of_a_migration_closes_the_store_and_the_next_start_continues() {
    let home = older().await;
    let (server, mut input) = launch(&home).await;
    let_through(&mut input, 2).await;
    not_ready(&server.api(), "migrating 20%").await;
    server.ask_to_stop();
    let logged =
        until(SOON, || async { server.written().contains("asked to stop before the store is ready").then_some(()) });
    logged.await.unwrap_or_else(|| panic!("the stop was not logged:\n{}", server.written()));
    // The step that waits ends without a change.
    drop(input);
    let (status, written) = server.ended(Duration::from_secs(8)).await;
    assert_eq!(status.code(), Some(0), "{written}");

    let (mut server, mut input) = launch(&home).await;
    let_through(&mut input, 8).await;
    server.wait_until_ready().await;
    assert_eq!(rows(&server.ops_api()).await, every_row());
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_fails_ends_the_process_and_can_be_continued() {
    let home = older().await;
    let (server, mut input) = launch(&home).await;
    let_through(&mut input, 2).await;
    not_ready(&server.api(), "migrating 20%").await;
    drop(input);
    let (status, written) = server.ended(Duration::from_secs(8)).await;
    assert_eq!(status.code(), Some(101), "{written}");
    assert!(written.contains("migrating the store"), "{written}");

    let (mut server, mut input) = launch(&home).await;
    let_through(&mut input, 8).await;
    server.wait_until_ready().await;
    assert_eq!(rows(&server.ops_api()).await, every_row());
    stop(server).await;
}
