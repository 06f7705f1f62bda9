//! A store that was restored from a snapshot sends nothing until an operator resumes sending.

use std::{path::Path, time::Duration};

use crate::{
    mail::{TIMEOUT, home_of, mail_becomes, register_all, wait_for_all},
    peers::post::PostOffice,
    server::{Home, Server},
};

/// Longer than the interval of a sender, which reads the queue every second.
const SILENCE: Duration = Duration::from_secs(3);

async fn majordomo(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

async fn stopped(server: Server) {
    server.ask_to_stop();
    let (status, written) = server.ended(TIMEOUT).await;
    assert!(status.success(), "{written}");
}

/// Whether `store.json` contains the mark that stops sending.
fn is_marked(store: &Path) -> bool {
    let text = std::fs::read_to_string(store.join("store.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["restored"].as_bool().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_sends_only_after_an_operator_resumes_sending() {
    let Some(office) = PostOffice::found() else { return };
    let port = office.open("takes").port;
    let mut home = home_of(&office, port);
    let server = home.start().await;
    let before = ["before@example.org".to_owned()];
    register_all(&server.api(), &before).await;
    stopped(server).await;
    majordomo(&home, &["snapshot", "create", "copy.snapshot"]).await;
    majordomo(&home, &["snapshot", "restore", "copy.snapshot", "online"]).await;
    majordomo(&home, &["snapshot", "restore", "copy.snapshot", "offline"]).await;
    home.set("secrets.key_ring_file", "data/keys/ring.json");

    home.set("store.path", "online");
    let server = home.start().await;
    let post = office.reopen("takes", port);
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("sending_paused"), "{reasons}");
    let after = ["after@example.org".to_owned()];
    register_all(&server.api(), &after).await;
    assert_eq!(post.next(SILENCE), None, "a restored store sent");
    let ops = format!("edge.ops_listen={}", server.ops.trim_start_matches("http://"));
    let resume = ["notify", "resume", "--set", &ops];
    assert_eq!(majordomo(&home, &resume).await, "sending goes on\n");
    wait_for_all(&post, &[before.clone(), after].concat(), "took");
    mail_becomes(&server, "up").await;
    assert_eq!(majordomo(&home, &resume).await, "nothing to do: sending is not held back\n");
    stopped(server).await;
    assert!(!is_marked(&home.path().join("online")));

    home.set("store.path", "offline");
    assert!(is_marked(&home.path().join("offline")));
    assert_eq!(majordomo(&home, &["notify", "resume"]).await, "sending goes on\n");
    assert!(!is_marked(&home.path().join("offline")));
    let server = home.start().await;
    wait_for_all(&post, &before, "took");
    mail_becomes(&server, "up").await;
    stopped(server).await;
}
