//! Snapshots of the running server, requested at the ops listener.

use serde_json::json;

use crate::server::Home;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_refused_if_its_file_exists_or_its_directory_does_not() {
    let home = Home::new();
    let server = home.start().await;
    let token = std::fs::read_to_string(home.store().join("control.token")).unwrap();
    let ask = async |name: &str| {
        let file = home.path().join(name);
        server.ops_api().send_as(token.trim(), "/snapshots", json!({ "file": file })).await.unwrap()
    };
    assert!(ask("copy.snapshot").await.expect(200).body["bytes"].as_u64().unwrap() > 0);
    let long = "x".repeat(300);
    for (name, code, word) in [
        ("copy.snapshot", "is_there", "there already"),
        ("nowhere/copy.snapshot", "no_place", "directory is not there"),
        ("copy.snapshot/copy.snapshot", "no_place", "not a directory"),
        (long.as_str(), "no_place", "its name"),
    ] {
        let refused = ask(name).await.expect(422).body;
        assert_eq!((&refused["code"], &refused["retryable"]), (&json!("validation_failed"), &json!(false)), "{name}");
        let [error] = &refused["errors"].as_array().unwrap()[..] else { panic!("one error of {name}: {refused}") };
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/file"), &json!(code)), "{name}");
        assert!(error["detail"].as_str().unwrap().contains(word), "{name}: {refused}");
    }
}
