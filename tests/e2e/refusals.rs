//! Refused starts: one clear line, an exit code that is not 0, nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use majordomo::crypto::identifier::IdentifierKey;

use crate::server::{Home, Server};

/// Every file below a folder with its bytes; the lock's content (its last holder) is not part of the state.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| !name.to_string_lossy().contains("lock")) {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The same of a store that was opened and closed: without the tree, which is built from the journal and may be rebuilt
/// with the same rows, and without the checkpoint, which describes the tree.
fn truth(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    let store = home.store();
    let is_derived = |path: &Path| {
        let name = path.strip_prefix(&store).unwrap().to_string_lossy();
        name.starts_with("tree-") || name == "checkpoint"
    };
    let mut found = contents(&store);
    found.retain(|path, _| !is_derived(path));
    assert!(found.keys().any(|path| path.starts_with(store.join("journal"))), "no journal");
    found
}

/// Starts `serve` and expects the refusal to be one line, beside those of the log, that contains each of `words`.
async fn refused(home: &Home, words: &[&str]) {
    let output = home.run(&["serve"]).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the program started: {text}");
    assert!(output.status.code().is_some(), "the program was killed: {:?}", output.status);
    // The lines of the log begin with their time.
    let is_logged = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !is_logged(line)).collect();
    assert_eq!(lines.len(), 1, "not one line: {text}");
    assert!(lines[0].starts_with("error: "), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// A directory with a user's registration in it, closed in order.
async fn filled() -> Home {
    let home = Home::new();
    let server = home.start().await;
    server.api().register("ada@example.com", "seven wise otters").await.unwrap().expect(201);
    server.api().code("ada@example.com", 10).await.unwrap().expect("no code came");
    stop(server).await;
    home
}

async fn stop(server: Server) {
    server.ask_to_stop();
    assert_eq!(server.ended(Duration::from_secs(8)).await.0.code(), Some(0));
}

/// The registration still exists and its code works.
async fn is_unharmed(home: &Home) {
    let server = home.start().await;
    let code = server.api().code("ada@example.com", 10).await.unwrap().expect("the code is lost");
    let id = server.ops_api().registration_of("ada@example.com").await;
    server.api().verify(&id, &code).await.unwrap().expect(200);
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_on_the_directory_is_refused_and_the_first_continues() {
    let home = Home::new();
    let mut first = home.start().await;
    refused(&home, &["data", "in use"]).await;
    assert!(first.runs());
    first.api().register("ada@example.com", "seven wise otters").await.unwrap().expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named_and_no_directory_is_created() {
    for key in ["edge.listen", "edge.ops_listen"] {
        let mut home = Home::new();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        home.set(key, &address);
        refused(&home, &[&address]).await;
        assert!(!home.store().exists(), "{key}: a refused start left a directory");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_where_the_directory_should_be_is_refused() {
    let home = Home::new();
    fs::write(home.store(), "mine").unwrap();
    refused(&home, &["data"]).await;
    assert_eq!(fs::read(home.store()).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_cannot_be_written_is_refused() {
    let mut home = Home::new();
    fs::create_dir(home.store()).unwrap();
    fs::set_permissions(home.store(), fs::Permissions::from_mode(0o500)).unwrap();
    let mut words = vec!["data"];
    if fs::write(home.store().join("probe"), "").is_ok() {
        // Root may write where modes forbid it, but no user may write here.
        fs::remove_file(home.store().join("probe")).unwrap();
        home.set("store.path", "/proc/majordomo");
        words = vec!["/proc/majordomo"];
    }
    refused(&home, &words).await;
    fs::set_permissions(home.store(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(contents(&home.store()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_format_is_refused_and_named() {
    let home = filled().await;
    let path = home.store().join("store.json");
    let original = fs::read_to_string(&path).unwrap();
    let mut format: serde_json::Value = serde_json::from_str(&original).unwrap();
    format["format"] = (format["format"].as_u64().unwrap() + 1).into();
    format["version"] = "99.1.0".into();
    fs::write(&path, serde_json::to_string_pretty(&format).unwrap()).unwrap();
    let before = contents(&home.store());
    refused(&home, &["99.1.0"]).await;
    assert!(contents(&home.store()) == before, "the refused start changed something");
    fs::write(&path, original).unwrap();
    is_unharmed(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_journal_is_refused_by_segment_and_place() {
    let home = filled().await;
    let journal = home.store().join("journal");
    let segments = fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.min().expect("no segment");
    let original = fs::read(&segment).unwrap();
    let mut bytes = original.clone();
    let written = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[written / 2] ^= 0x40;
    fs::write(&segment, &bytes).unwrap();
    let before = contents(&home.store());
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    refused(&home, &[&name, "at byte"]).await;
    assert!(contents(&home.store()) == before, "the refused start changed something");

    let check = home.run(&["store", "check"]).await;
    assert!(!check.status.success(), "`store check` did not notice");
    let text = format!("{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert!(text.contains(&name), "{text}");

    fs::write(&segment, original).unwrap();
    is_unharmed(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_its_key_is_refused() {
    let home = filled().await;
    let keys = home.store().join("keys");
    let away = home.path().join("keys-away");
    fs::rename(&keys, &away).unwrap();
    let before = contents(&home.store());
    refused(&home, &["key"]).await;
    assert!(contents(&home.store()) == before, "the refused start changed something");
    assert!(!keys.exists(), "the refused start created new keys");
    fs::rename(&away, &keys).unwrap();
    is_unharmed(&home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_pepper_of_stored_passwords_is_refused() {
    let right = "the pepper of this store";
    let mut home = Home::new();
    home.set("secrets.pepper_file", "pepper");
    fs::write(home.path().join("pepper"), right).unwrap();
    let server = home.start().await;
    server.api().register("ada@example.com", "seven wise otters").await.unwrap().expect(201);
    let code = server.api().code("ada@example.com", 10).await.unwrap().expect("no code came");
    let id = server.ops_api().registration_of("ada@example.com").await;
    server.api().verify(&id, &code).await.unwrap().expect(200);
    stop(server).await;

    let before = truth(&home);
    let id = IdentifierKey::new([0; 32]).short(right.as_bytes());
    let words = ["secrets.pepper_file", id.as_str(), "reset-password"];
    fs::write(home.path().join("pepper"), "the pepper of another").unwrap();
    refused(&home, &words).await;
    home.set("secrets.pepper_file", "");
    refused(&home, &words).await;
    assert!(truth(&home) == before, "the refused start changed something");

    // The right pepper, or no password that needs it.
    home.set("secrets.pepper_file", "pepper");
    fs::write(home.path().join("pepper"), right).unwrap();
    let server = home.start().await;
    server.api().login("ada@example.com", "seven wise otters").await.unwrap().expect(200);
    stop(server).await;
    home.set("secrets.pepper_file", "");
    fs::write(home.path().join("password"), "eight wise otters").unwrap();
    let reset = ["user", "reset-password", "--email", "ada@example.com", "--password-file", "password"];
    assert!(home.run(&reset).await.status.success());
    let server = home.start().await;
    server.api().login("ada@example.com", "eight wise otters").await.unwrap().expect(200);
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_holds_no_pepper_is_named_with_its_key_and_no_directory_is_created() {
    let mut home = Home::new();
    home.set("secrets.pepper_file", "pepper");
    refused(&home, &["secrets.pepper_file", "pepper: No such file"]).await;
    fs::write(home.path().join("pepper"), "short\n").unwrap();
    refused(&home, &["secrets.pepper_file", "a pepper has at least 16 bytes"]).await;
    assert!(!home.store().exists(), "a refused start left a directory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_in_the_configuration_is_reported_at_once() {
    let mut home = Home::new();
    home.set("edge.nonsense", "1");
    home.set("store.engine", "paper");
    home.set("edge.max_connections", "many");
    let output = home.run(&["serve"]).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the program started");
    for word in ["edge.nonsense", "store.engine", "paper", "edge.max_connections", "MAJORDOMO__STORE__ENGINE"] {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!home.store().exists(), "a refused start left a directory");
}
