//! Compaction of the running server, requested at the ops listener, and processes that end during one.

use std::time::Duration;

use serde_json::json;

use crate::server::{Home, until};

const WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_of_a_running_server_is_compacted_and_a_kill_in_the_middle_leaves_a_good_store() {
    let home = Home::new();
    let server = home.start().await;
    let token = std::fs::read_to_string(home.store().join("control.token")).unwrap();
    let done = server.ops_api().send_as(token.trim(), "/store/compact", json!({})).await.unwrap().expect(200).body;
    assert!(done["bytesAfter"].as_u64().unwrap() > 0, "{done}");
    assert_eq!(trees(&home), 1);
    server.kill().await;
    for _ in 0..4 {
        let server = home.start().await;
        let token = std::fs::read_to_string(home.store().join("control.token")).unwrap();
        let api = server.ops_api();
        // The server is killed before it answers, or after that: the answer does not matter.
        let asking = tokio::spawn(async move { drop(api.send_as(token.trim(), "/store/compact", json!({})).await) });
        until(WITHIN, async || (trees(&home) == 2 || asking.is_finished()).then_some(())).await.unwrap();
        server.kill().await;
        asking.await.unwrap();
    }
    let server = home.start().await;
    server.ask_to_stop();
    let (status, log) = server.ended(WITHIN).await;
    assert!(status.success(), "{log}");
    assert_eq!(trees(&home), 1, "unfinished and replaced trees are removed");
}

fn trees(home: &Home) -> usize {
    let names = std::fs::read_dir(home.store()).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("tree-")).count()
}
