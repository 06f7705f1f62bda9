//! A start that takes long: the listeners report what it does, a stop ends it at once, and fifteen kills leave one
//! tree.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use majordomo::app::storage;
use majordomo::persistence::{
    Batch, Operation,
    base::{Base, Commit},
    engine::EngineKind,
    journal::frame::FrameTime,
    settings::{BootId, StoreSettings, Tuning},
};
use serde_json::{Value, json};

use crate::api::Api;
use crate::server::{Home, Server, until};

const SOON: Duration = Duration::from_secs(60);
/// A stop of an opening ends within this time on an idle machine.
const AT_ONCE: Duration = Duration::from_secs(1);
const PASSWORD: &str = "seven wise otters";
/// Keys of the journal from which the tree is rebuilt.
const GROUPS: usize = 100;
const KEYS_OF_A_GROUP: usize = 1_000;
/// The byte of a table that the program does not have.
const UNKNOWN_TABLE: u8 = 0xf0;

/// Two free ports. Another process could take one of them before the server does; then the test fails by its start.
fn ports(home: &mut Home) -> [SocketAddr; 2] {
    let held = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let addresses = held.map(|listener| listener.local_addr().unwrap());
    home.set("edge.listen", &addresses[0].to_string());
    home.set("edge.ops_listen", &addresses[1].to_string());
    addresses
}

/// Starts `serve` without waiting for anything.
fn begin(home: &Home, addresses: [SocketAddr; 2]) -> Server {
    Server::begin(home.command(&["serve"]), addresses)
}

/// A store that the program has created, whose journal is long, and whose tree cannot be trusted: the machine stopped.
async fn store_with_a_long_journal(home: &Home) {
    let server = home.start().await;
    server.api().register("ada@example.com", PASSWORD).await.unwrap().expect(201);
    server.ask_to_stop();
    server.ended(SOON).await;
    let dir = home.store();
    tokio::task::spawn_blocking(move || lengthen(&dir)).await.unwrap();
}

fn lengthen(dir: &Path) {
    let environment = storage::environment();
    let settings = StoreSettings {
        dir: dir.to_owned(),
        engine: EngineKind::Sled,
        boot: BootId("another run of the machine".to_owned()),
        lock_wait: Duration::ZERO,
        tuning: Tuning::default(),
    };
    let entropy = Arc::clone(&environment.entropy);
    let mut base = Base::open(&settings, environment, |format| Ok(format.unwrap().seal.clone())).unwrap();
    for _ in 0..GROUPS {
        let mut keys = vec![0; KEYS_OF_A_GROUP * 16];
        entropy.fill(&mut keys);
        let put = |key: &[u8]| Operation::Put { key: [&[UNKNOWN_TABLE], key].concat(), value: vec![7; 100] };
        // Many small commits, as those of a program.
        let commits = keys.chunks(160).map(|keys| Commit {
            time: base.last_time(),
            step: FrameTime::Onward,
            batch: Batch(keys.chunks(16).map(put).collect()),
        });
        let durable = base.commit(commits.collect()).unwrap();
        base.apply(durable).unwrap();
    }
    // Dropped without a clean close.
}

/// The first reason of `/health/ready` that fits.
async fn phase(api: &Api, fits: impl Fn(&str) -> bool) -> String {
    let asked = until(SOON, || async {
        let answer = api.get("/health/ready").await.ok()?;
        let reason = answer.body["reasons"][0].as_str()?.to_owned();
        assert_eq!((answer.status, &answer.body["ready"]), (503, &Value::Bool(false)));
        fits(&reason).then_some(reason)
    });
    asked.await.unwrap_or_else(|| panic!("the phase was not reported"))
}

async fn rebuilding(api: &Api) -> u8 {
    let percent = |reason: &str| reason.strip_prefix("rebuilding ")?.strip_suffix('%')?.parse().ok();
    let reason = phase(api, |reason| percent(reason).is_some_and(|percent: u8| percent > 0)).await;
    percent(&reason).unwrap()
}

fn trees(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.store()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.starts_with("tree-"));
    names.sort();
    names
}

async fn stops_at_once(server: Server) -> Duration {
    let asked = Instant::now();
    server.ask_to_stop();
    let (status, written) = server.ended(SOON).await;
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(0), "{written}");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_rebuilds_reports_it_stops_at_once_and_survives_fifteen_kills() {
    let mut home = Home::new();
    store_with_a_long_journal(&home).await;
    let addresses = ports(&mut home);
    let mut quickest = SOON;
    for _ in 0..3 {
        let server = begin(&home, addresses);
        for api in [server.api(), server.ops_api()] {
            rebuilding(&api).await;
            api.get("/health/live").await.unwrap().expect(200);
            let health = api.get("/health").await.unwrap().expect(503);
            assert_eq!(
                (&health.body["status"], &health.body["services"][0]["name"]),
                (&json!("down"), &json!("store"))
            );
            let refused = api.login("ada@example.com", PASSWORD).await.unwrap().expect(503);
            assert_eq!((&refused.body["code"], &refused.body["retryable"]), (&json!("unavailable"), &json!(true)));
            assert!(refused.body["detail"].as_str().unwrap().contains("rebuilding "), "{}", refused.text);
            let refused = reqwest::get(format!("http://{}/docs", api.address())).await.unwrap();
            assert_eq!(refused.headers()["retry-after"], "5");
        }
        quickest = quickest.min(stops_at_once(server).await);
        assert_eq!(trees(&home).len(), 2, "the old tree and the unfinished one");
    }
    // Three tries, since other work on the machine delays the end of a process.
    assert!(quickest < AT_ONCE, "the stop took {quickest:?}");

    for _ in 0..15 {
        let server = begin(&home, addresses);
        rebuilding(&server.api()).await;
        server.kill().await;
        assert!(trees(&home).len() <= 2, "{:?}", trees(&home));
    }
    let mut server = begin(&home, addresses);
    server.wait_until_ready().await;
    println!("ready after {:?}", server.ready_after);
    let code = server.api().code("ada@example.com", 10).await.unwrap().expect("the registration is lost");
    let id = server.ops_api().registration_of("ada@example.com").await;
    server.api().verify(&id, &code).await.unwrap().expect(200);
    let one = until(SOON, || async { (trees(&home).len() == 1).then_some(()) }).await;
    assert!(one.is_some(), "the next checkpoint left {:?}", trees(&home));
    let logged = server.written();
    assert!(logged.contains("rebuilding "), "the log has no progress:\n{logged}");
    stops_at_once(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_waits_for_the_directory_reports_the_process_and_stops_at_once() {
    let mut home = Home::new();
    let first = home.start().await;
    home.set("store.lock_wait", "600s");
    let addresses = ports(&mut home);
    let locked = format!("opening: locked by process {}", first.id());
    let mut quickest = SOON;
    for _ in 0..3 {
        let second = begin(&home, addresses);
        phase(&second.api(), |reason| reason == locked).await;
        second.ops_api().get("/health/live").await.unwrap().expect(200);
        quickest = quickest.min(stops_at_once(second).await);
    }
    assert!(quickest < AT_ONCE, "the stop took {quickest:?}");
    let mut second = begin(&home, addresses);
    phase(&second.api(), |reason| reason == locked).await;
    first.api().get("/health/ready").await.unwrap().expect(200);
    stops_at_once(first).await;
    second.wait_until_ready().await;
}

/// The tree's files are overwritten while the program does not run: the start replaces the tree, and the one after it
/// has no reason to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_destroyed_tree_rebuilds_it_and_the_next_start_trusts_it() {
    let home = Home::new();
    let server = home.start().await;
    server.api().register("ada@example.com", PASSWORD).await.unwrap().expect(201);
    stops_at_once(server).await;
    let tree = trees(&home).remove(0);
    let file = home.store().join(&tree).join("db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.chunks_mut(512).for_each(|chunk| chunk[0] ^= 0x55);
    std::fs::write(&file, bytes).unwrap();
    let server = home.start().await;
    assert!(server.written().contains("the tree is set aside and rebuilt"), "{}", server.written());
    server.api().code("ada@example.com", 10).await.unwrap().expect("the registration is lost");
    stops_at_once(server).await;
    assert_eq!(trees(&home).len(), 1, "{:?}", trees(&home));
    let server = home.start().await;
    assert!(!server.written().contains("rebuilt"), "{}", server.written());
    stops_at_once(server).await;
}
