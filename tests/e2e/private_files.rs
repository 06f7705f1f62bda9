//! The files of a running store: for its user alone, whatever the umask. A symbolic link in place of one is refused.

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::server::{Home, Server};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Every file and directory below `dir`, and `dir` itself.
fn all(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn demand_private(dir: &Path, when: &str) {
    let found = all(dir);
    for path in &found {
        let about = std::fs::symlink_metadata(path).unwrap();
        let expected = if about.is_dir() { 0o700 } else { 0o600 };
        let mode = about.permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{when}: {} has mode {mode:03o}", path.display());
    }
    for name in ["journal", "snapshots", "checkpoint", "store.json", "lock"] {
        assert!(found.contains(&dir.join(name)), "{when}: {name} is looked at");
    }
    let is_of_tree = |path: &PathBuf| path.to_string_lossy().contains("/tree-") && path.is_file();
    assert!(found.iter().any(is_of_tree), "{when}: the files of the tree are looked at");
}

async fn stopped(server: Server) {
    server.ask_to_stop();
    let (status, written) = server.ended(TIMEOUT).await;
    assert!(status.success(), "{written}");
}

/// The server with a umask that takes nothing.
async fn started_openly(home: &Home) -> Server {
    let before = rustix::process::umask(rustix::fs::Mode::empty());
    let server = home.start().await;
    rustix::process::umask(before);
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_in_the_directory_of_a_running_store_is_for_its_user_alone() {
    for engine in ["sled", "redb"] {
        let mut home = Home::new();
        home.set("store.engine", engine);
        std::fs::create_dir_all(home.store()).unwrap();
        std::fs::set_permissions(home.store(), Permissions::from_mode(0o755)).unwrap();
        let server = started_openly(&home).await;
        demand_private(&home.store(), engine);
        let output = home.run_beside(&server, &["snapshot", "create", "copy.snapshot"]).await;
        assert!(output.status.success(), "{output:?}");
        let mode = std::fs::metadata(home.path().join("copy.snapshot")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        server.kill().await;
        let server = started_openly(&home).await;
        demand_private(&home.store(), &format!("{engine} after a kill"));
        stopped(server).await;
        demand_private(&home.store(), &format!("{engine} after a stop"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_symbolic_link_in_the_place_of_a_file_is_refused_in_words() {
    let home = Home::new();
    stopped(home.start().await).await;
    let store = home.store();
    let segment = std::fs::read_dir(store.join("journal")).unwrap().next().unwrap().unwrap().path();
    for file in [store.join("store.json"), store.join("checkpoint"), store.join("lock"), segment] {
        let moved = home.path().join("moved");
        std::fs::rename(&file, &moved).unwrap();
        symlink(&moved, &file).unwrap();
        let output = home.run(&["serve"]).await;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success(), "{}: {said}", file.display());
        assert!(said.contains("is a symbolic link, which is not followed"), "{}: {said}", file.display());
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&moved, &file).unwrap();
    }
    // What a write would replace: the target of the link is not written to.
    let target = home.path().join("target");
    std::fs::write(&target, "of another").unwrap();
    symlink(&target, store.join("checkpoint.new")).unwrap();
    stopped(home.start().await).await;
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "of another");
    symlink(&target, home.path().join("copy.snapshot")).unwrap();
    let output = home.run(&["snapshot", "create", "copy.snapshot"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is there already"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "of another");
}
