//! The sessions of a restored store: ended by its first start, unless they are kept.

use std::{path::Path, time::Duration};

use serde_json::Value;

use crate::server::{Home, Server};

const TIMEOUT: Duration = Duration::from_secs(20);
const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery staple";

async fn majordomo(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

async fn stopped(server: Server) -> String {
    server.ask_to_stop();
    let (status, written) = server.ended(TIMEOUT).await;
    assert!(status.success(), "{written}");
    written
}

fn sessions_after(store: &Path) -> Value {
    let text = std::fs::read_to_string(store.join("store.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["sessions_after"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_ends_every_session_unless_they_are_kept() {
    let mut home = Home::new();
    // Without it the issuer has the port, which is another one at each start, and every token of before is refused.
    home.set("auth.issuer", "http://majordomo.test");
    let server = home.start().await;
    let api = server.api();
    let id = api.register(EMAIL, PASSWORD).await.unwrap().expect(201).text_of("id");
    let code = api.code(EMAIL, 20).await.unwrap().unwrap();
    api.verify(&id, &code).await.unwrap().expect(200);
    let login = api.login(EMAIL, PASSWORD).await.unwrap().expect(200);
    let (token, refresh_token) = (login.text_of("token"), login.text_of("refreshToken"));
    api.get_as(&token, "/auth/profile").await.unwrap().expect(200);
    stopped(server).await;
    majordomo(&home, &["snapshot", "create", "copy.snapshot"]).await;
    majordomo(&home, &["snapshot", "restore", "copy.snapshot", "ended"]).await;
    majordomo(&home, &["snapshot", "restore", "copy.snapshot", "kept", "--keep-sessions"]).await;
    home.set("secrets.key_ring_file", "data/keys/ring.json");

    home.set("store.path", "ended");
    assert!(!sessions_after(&home.path().join("ended")).is_null());
    let server = home.start().await;
    let api = server.api();
    let refused = api.get_as(&token, "/auth/profile").await.unwrap().expect(401);
    assert_eq!(refused.body["code"], "session_ended", "{:?}", refused.body);
    api.refresh(&refresh_token).await.unwrap().expect(401);
    let control = std::fs::read_to_string(home.path().join("ended/control.token")).unwrap();
    let audit =
        server.ops_api().get_as(control.trim(), "/audit?action=restore.end_sessions").await.unwrap().expect(200);
    assert_eq!(audit.body["data"][0]["detail"], "sessions=1", "{:?}", audit.body);
    let login = api.login(EMAIL, PASSWORD).await.unwrap().expect(200);
    assert!(sessions_after(&home.path().join("ended")).is_null(), "a later start ends nothing");
    stopped(server).await;
    let server = home.start().await;
    server.api().get_as(&login.text_of("token"), "/auth/profile").await.unwrap().expect(200);
    stopped(server).await;

    home.set("store.path", "kept");
    let server = home.start().await;
    server.api().get_as(&token, "/auth/profile").await.unwrap().expect(200);
    server.api().refresh(&refresh_token).await.unwrap().expect(200);
    stopped(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_names_the_key_ring_that_is_missing_or_another_and_a_plain_snapshot_warns() {
    let home = Home::new();
    stopped(home.start().await).await;
    majordomo(&home, &["snapshot", "create", "copy.snapshot"]).await;
    let refused = async |arguments: &[&str]| {
        let output = home.run(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let absent = ["snapshot", "restore", "copy.snapshot", "new", "--set", "secrets.key_ring_file=absent.json"];
    let said = refused(&absent).await;
    assert!(said.contains("the key ring is missing") && said.contains("absent.json"), "{said}");
    majordomo(&home, &["keys", "init", "other.json", "--set", "store.path=nowhere"]).await;
    let other = ["snapshot", "restore", "copy.snapshot", "new", "--set", "secrets.key_ring_file=other.json"];
    let said = refused(&other).await;
    assert!(said.contains("has no such key") && said.contains("other.json"), "{said}");
    assert!(!home.path().join("new").exists());

    let output = home.run(&["snapshot", "create", "--plain", "plain.snapshot"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("warning: ") && said.contains("is not sealed"), "{said}");
    let output = home.run(&["snapshot", "restore", "plain.snapshot", "new"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("was not sealed"), "{said}");

    std::os::unix::fs::symlink("copy.snapshot", home.path().join("link.snapshot")).unwrap();
    let said = refused(&["snapshot", "restore", "link.snapshot", "linked"]).await;
    assert!(said.contains("is a symbolic link"), "{said}");
}
