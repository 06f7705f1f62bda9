//! What a user, a login and a refresh cost on disk: bytes of the journal, of the tree's files, and of live data, which
//! are those of a snapshot.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use serde_json::json;

use crate::{
    CHEAP, SignedIn,
    http_load::program::Program,
    http_load::{client::Connection, program},
    login_body, members, register, text,
};

const USERS: usize = 200;
const LOGINS: usize = 1_000;
const REFRESHES: usize = 2_000;

/// The sizes of a directory whose program has stopped.
#[derive(Clone, Copy)]
struct Sizes {
    journal: u64,
    tree: u64,
    live: u64,
}

/// Bytes of a segment up to its last byte that is not zero: the rest is reserved space.
fn used(path: &Path) -> u64 {
    let bytes = std::fs::read(path).expect("a segment");
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

fn allocated(path: &Path) -> u64 {
    let about = std::fs::metadata(path).expect("a file of the tree");
    if !about.is_dir() {
        return about.blocks() * 512;
    }
    std::fs::read_dir(path).expect("a directory").map(|entry| allocated(&entry.expect("an entry").path())).sum()
}

impl Sizes {
    fn of(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let snapshot = folder.join("live.snapshot");
        let file = snapshot.to_str().expect("a path");
        let taken = program::command(folder, &["snapshot", "create", file], settings).output().expect("a snapshot");
        assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
        let live = std::fs::metadata(&snapshot).expect("a snapshot").len();
        std::fs::remove_file(&snapshot).expect("a snapshot");
        let entries = |path: &Path| {
            let entries = std::fs::read_dir(path).expect("a directory");
            entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
        };
        let (root, journal) = (folder.join("data"), folder.join("data/journal"));
        let is_tree = |path: &&std::path::PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tree-"))
        };
        Self {
            journal: entries(&journal).iter().map(|path| used(path)).sum(),
            tree: entries(&root).iter().filter(is_tree).map(|path| allocated(path)).sum(),
            live,
        }
    }

    fn print(self, before: Self, what: &str, count: usize) {
        let each = |after: u64, before: u64| (after as f64 - before as f64) / count as f64;
        println!(
            "disk, {what} ({count}): journal {:.0} bytes, tree {:.0} bytes, live {:.0} bytes",
            each(self.journal, before.journal),
            each(self.tree, before.tree),
            each(self.live, before.live)
        );
    }
}

/// Measures both engines.
pub async fn measure(folder: &Path) {
    for engine in ["sled", "redb"] {
        let folder = folder.join(engine);
        std::fs::create_dir_all(&folder).expect("a directory");
        let settings = [("store.engine", engine), ("notify.inbox.rows", "50"), CHEAP[0], CHEAP[1]];
        let server = Program::serve(&folder, &settings).await;
        let mut member = members(&server, 20).await;
        server.stop();
        let mut before = Sizes::of(&folder, &settings);
        for (what, count) in [("a user", USERS), ("a login", LOGINS), ("a refresh", REFRESHES)] {
            let server = Program::serve(&folder, &settings).await;
            work(&server, what, count, &mut member).await;
            server.stop();
            let after = Sizes::of(&folder, &settings);
            after.print(before, &format!("{engine}, {what}"), count);
            before = after;
        }
        println!(
            "disk, {engine}, in the end: journal {} bytes, tree {} bytes, live {} bytes",
            before.journal, before.tree, before.live
        );
    }
}

async fn work(server: &Program, what: &str, count: usize, members: &mut [SignedIn]) {
    let mut connection = Connection::open(&server.address).await;
    for number in 0..count {
        let at = number % members.len();
        let member = &mut members[at];
        match what {
            "a user" => register(&mut connection, &format!("new{number}@example.com")).await,
            "a login" => {
                let email = format!("new{}@example.com", number % USERS);
                connection.post("/auth/login", &login_body(&email)).await.json(200);
            }
            _ => {
                let body = json!({ "refreshToken": member.refresh_token });
                let body = connection.post("/auth/refresh", &body).await.json(200);
                member.refresh_token = text(&body, "refreshToken");
            }
        }
    }
}
