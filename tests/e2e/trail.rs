//! The log says where the audit trail ends: at the start, every hour, and as the last thing of a shutdown.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Home, Server, until};

const TOLD: &str = "the end of the audit trail";
const TIMEOUT: Duration = Duration::from_secs(20);

/// The ends that were told, oldest first, in the shape of `head` of `GET /audit/verify`.
fn told(written: &str) -> Vec<Value> {
    let lines = written.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ends = lines.filter(|line| line["message"] == TOLD);
    ends.map(|line| json!({ "number": line["entries"], "hash": line["hash"] })).collect()
}

/// A home whose log is JSON.
fn home() -> Home {
    let mut home = Home::new();
    home.set("log.format", "json");
    home
}

/// Where the trail ends by the account of whoever walked it.
async fn head(home: &Home, server: &Server) -> Value {
    let token = std::fs::read_to_string(home.store().join("control.token")).unwrap();
    let walked = server.ops_api().get_as(token.trim(), "/audit/verify").await.unwrap().expect(200).body;
    assert_eq!((&walked["intact"], &walked["complete"]), (&json!(true), &json!(true)), "{walked}");
    walked["head"].clone()
}

async fn register(server: &Server, email: &str) {
    server.api().register(email, "seven wise otters").await.unwrap().expect(201);
}

/// Sets the clock forward and waits until the teller has looked at it.
async fn advance(server: &Server, by: &str) {
    let rounds = async || {
        let teller = server.ops_api().get("/actors/upkeep/audit_end").await.unwrap().expect(200);
        teller.body["work"]["handled"].as_u64().unwrap_or_else(|| panic!("{}", teller.text))
    };
    let before = rounds().await;
    server.api().post("/dev/clock/advance", json!({ "by": by })).await.unwrap().expect(200);
    let looked = until(TIMEOUT, || async { (rounds().await > before).then_some(()) }).await;
    looked.expect("the teller looks at the clock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_line_of_a_shutdown_tells_the_end_of_the_trail() {
    let home = home();
    let server = home.start().await;
    register(&server, "ada@example.com").await;
    let head = head(&home, &server).await;
    assert!(head["number"].as_u64().unwrap() > 0, "{head}");
    server.ask_to_stop();
    let (status, written) = server.ended(TIMEOUT).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert_eq!(told(written.lines().last().unwrap()), std::slice::from_ref(&head), "{written}");

    // Nothing follows it: the next start finds the trail where it was left.
    let server = home.start().await;
    assert_eq!(self::head(&home, &server).await, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hour_tells_the_end_of_the_trail() {
    let home = home();
    let server = home.start().await;
    let told_times = async |times: usize| {
        let told = until(TIMEOUT, || async { Some(told(&server.written())).filter(|told| told.len() >= times) }).await;
        told.unwrap_or_else(|| panic!("not told {times} times:\n{}", server.written()))
    };
    let first = told_times(1).await;
    register(&server, "ada@example.com").await;
    advance(&server, "PT59M").await;
    // Had it been told a minute early, it would not be of this entry.
    register(&server, "grace@example.com").await;
    let second = head(&home, &server).await;
    advance(&server, "PT1M").await;
    assert_eq!(told_times(2).await, [first[0].clone(), second.clone()]);
    register(&server, "alan@example.com").await;
    let third = head(&home, &server).await;
    advance(&server, "PT1H").await;
    assert_eq!(told_times(3).await, [first[0].clone(), second, third]);
}
