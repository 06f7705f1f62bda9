//! A recording: what the real program did to its data directory under load, and what its clients know.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::time::timeout;

use super::{disk::Disk, record::Record, shim};
use crate::{
    accounts::{Account, Story, Work},
    api::Api,
    server::{Home, Server},
};

const CLIENTS: u64 = 3;
/// Any advance of the clock wakes the worker that takes snapshots.
const ADVANCE: &str = "PT0.001S";
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By the shim, between two steps.
    Killed,
    /// By SIGTERM, while its clients work.
    Stopped,
}

/// One process: the run of the machine, its work, its end.
struct Act {
    boot: &'static str,
    work: Duration,
    end: End,
}

const fn act(boot: &'static str, work: u64, end: End) -> Act {
    Act { boot, work: Duration::from_millis(work), end }
}

/// A first start, a start after a kill, one after a clean stop, one after a stop of the machine.
const ACTS: [Act; 4] = [
    act("first", 1_800, End::Killed),
    act("first", 1_800, End::Stopped),
    act("first", 1_200, End::Killed),
    act("second", 1_200, End::Killed),
];

/// A recording in a directory of its own.
pub struct Recording {
    folder: PathBuf,
    pub engine: String,
    pub record: Record,
    pub stories: Vec<Story>,
}

/// A directory for the program with `engine`: small segments, which are removed as soon as two snapshots cover them.
pub fn home(engine: &str) -> Home {
    let mut home = Home::new();
    home.set("store.engine", engine);
    home.set("store.journal_segment_bytes", "64KiB");
    home.set("store.journal_retention", "0s");
    home.set("store.snapshot_every_bytes", "64KiB");
    home.set("edge.rate_limits.enabled", "false");
    // By default the issuer is the listener's address, whose port differs after each start here.
    home.set("auth.issuer", "http://majordomo.localhost");
    home.set("auth.token.lifetime", "1d");
    home.set("auth.code.lifetime", "1h");
    home.set("auth.session.reuse_grace", "5m");
    home.set("auth.hash.memory_kib", "64");
    home.set("auth.hash.iterations", "1");
    home
}

fn record_file(folder: &Path) -> PathBuf {
    folder.join("record")
}

fn stories_file(folder: &Path) -> PathBuf {
    folder.join("stories.json")
}

impl Recording {
    /// Runs the whole history, or the first `acts` processes of it.
    pub async fn make(engine: &str, acts: usize, folder: &Path) -> Self {
        let home = home(engine);
        let mut stories = Vec::new();
        for (number, act) in ACTS.iter().take(acts).enumerate() {
            stories.extend(perform(&home, act, number, &record_file(folder)).await);
            let record = Record::read(&std::fs::read(record_file(folder)).unwrap());
            let difference = Disk::after(record.upto(record.len())).difference(&home.store());
            assert!(difference.is_none(), "the record of process {number} is incomplete: {}", difference.unwrap());
        }
        std::fs::write(stories_file(folder), json!({ "engine": engine, "stories": stories }).to_string()).unwrap();
        Self::load(folder)
    }

    /// Reads a recording that was made before.
    pub fn load(folder: &Path) -> Self {
        let known = std::fs::read_to_string(stories_file(folder)).unwrap();
        let mut known: serde_json::Value = serde_json::from_str(&known).unwrap();
        Self {
            folder: folder.to_owned(),
            engine: known["engine"].as_str().unwrap().to_owned(),
            record: Record::read(&std::fs::read(record_file(folder)).unwrap()),
            stories: serde_json::from_value(known["stories"].take()).unwrap(),
        }
    }

    /// Copies the recording to `folder`, unless it was read there.
    pub fn keep(&self, folder: &Path) {
        if self.folder == folder {
            return;
        }
        std::fs::create_dir_all(folder).unwrap();
        for file in [record_file, stories_file] {
            std::fs::copy(file(&self.folder), file(folder)).unwrap();
        }
    }
}

/// The length of the record: a position between its steps.
fn position(record: &Path) -> u64 {
    std::fs::metadata(record).map_or(0, |file| file.len())
}

/// One client's accounts until the program ends.
async fn work(api: Api, record: PathBuf, name: String) -> Vec<Account> {
    let mut accounts = Vec::new();
    let now = move || position(&record);
    for n in 0.. {
        let mut account = Account::new(format!("{name}n{n}@example.com"));
        let work = Work { refreshes: 1 + n % 3, logs_out: n % 3 == 2, now: &now };
        let lived = account.live(&api, &work).await;
        accounts.push(account);
        if lived.is_err() {
            break;
        }
    }
    accounts
}

/// Lets `within` pass, and has snapshots taken meanwhile.
async fn pass_time(api: &Api, within: Duration) {
    const PARTS: u32 = 4;
    for part in 0..PARTS {
        // The load goes on by itself; nothing happens that could be waited for.
        assert!(timeout(within / PARTS, std::future::pending::<()>()).await.is_err());
        if part + 1 < PARTS {
            api.post("/dev/clock/advance", json!({ "by": ADVANCE })).await.unwrap().expect(200);
        }
    }
}

async fn perform(home: &Home, act: &Act, number: usize, record: &Path) -> Vec<Story> {
    let mut server = Server::launch(shim::recorded(home, &["serve"], act.boot, record)).await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(work(server.api(), record.to_owned(), format!("p{number}c{client}"))))
        .collect();
    server.wait_until_ready().await;
    pass_time(&server.api(), act.work).await;
    server.signal(if act.end == End::Killed { Signal::SIGUSR2 } else { Signal::SIGTERM });
    let (status, written) = server.ended(ENDS_WITHIN).await;
    assert_eq!(status.success(), act.end == End::Stopped, "{status}: {written}");
    let mut stories = Vec::new();
    for client in clients {
        stories.extend(client.await.unwrap().into_iter().map(Account::story));
    }
    stories
}
