//! The log contains the head of the audit chain: at the start, every hour, and as the last line of a shutdown.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Home, Server, until};

const HEAD_MESSAGE: &str = "the head of the audit chain";
const TIMEOUT: Duration = Duration::from_secs(20);

/// The logged heads, oldest first, in the shape of `head` of `GET /audit/verify`.
fn logged_heads(written: &str) -> Vec<Value> {
    let lines = written.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ends = lines.filter(|line| line["message"] == HEAD_MESSAGE);
    ends.map(|line| json!({ "number": line["entries"], "hash": line["hash"] })).collect()
}

/// A home whose log is JSON.
fn home() -> Home {
    let mut home = Home::new();
    home.set("log.format", "json");
    home
}

/// The head of the chain, as the verification returns it.
async fn head(home: &Home, server: &Server) -> Value {
    let token = std::fs::read_to_string(home.store().join("control.token")).unwrap();
    let verified = server.ops_api().get_as(token.trim(), "/audit/verify").await.unwrap().expect(200).body;
    assert_eq!((&verified["intact"], &verified["complete"]), (&json!(true), &json!(true)), "{verified}");
    verified["head"].clone()
}

async fn register(server: &Server, email: &str) {
    server.api().register(email, "seven wise otters").await.unwrap().expect(201);
}

/// Moves the clock forward and waits until the actor has read it.
async fn advance(server: &Server, by: &str) {
    let rounds = async || {
        let actor = server.ops_api().get("/actors/upkeep/audit_head").await.unwrap().expect(200);
        actor.body["work"]["handled"].as_u64().unwrap_or_else(|| panic!("{}", actor.text))
    };
    let before = rounds().await;
    server.api().post("/dev/clock/advance", json!({ "by": by })).await.unwrap().expect(200);
    let read = until(TIMEOUT, || async { (rounds().await > before).then_some(()) }).await;
    read.expect("the actor reads the clock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_line_of_a_shutdown_is_the_head_of_the_audit_chain() {
    let home = home();
    let server = home.start().await;
    register(&server, "ada@example.com").await;
    let head = head(&home, &server).await;
    assert!(head["number"].as_u64().unwrap() > 0, "{head}");
    server.ask_to_stop();
    let (status, written) = server.ended(TIMEOUT).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert_eq!(logged_heads(written.lines().last().unwrap()), std::slice::from_ref(&head), "{written}");

    // No entry follows it: the next start finds the same head.
    let server = home.start().await;
    assert_eq!(self::head(&home, &server).await, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_the_audit_chain_is_logged_every_hour() {
    let home = home();
    let server = home.start().await;
    let heads_logged = async |times: usize| {
        let heads = until(TIMEOUT, || async {
            let heads = logged_heads(&server.written());
            (heads.len() >= times).then_some(heads)
        });
        heads.await.unwrap_or_else(|| panic!("not logged {times} times:\n{}", server.written()))
    };
    let first = heads_logged(1).await;
    register(&server, "ada@example.com").await;
    advance(&server, "PT59M").await;
    // A head that was logged a minute early would not be of this entry.
    register(&server, "grace@example.com").await;
    let second = head(&home, &server).await;
    advance(&server, "PT1M").await;
    assert_eq!(heads_logged(2).await, [first[0].clone(), second.clone()]);
    register(&server, "alan@example.com").await;
    let third = head(&home, &server).await;
    advance(&server, "PT1H").await;
    assert_eq!(heads_logged(3).await, [first[0].clone(), second, third]);
}
