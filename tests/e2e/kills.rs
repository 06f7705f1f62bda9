//! `kill -9` at random instants: under load, while a snapshot is taken, while the store is opened, while its tree is
//! rebuilt. An acknowledged change is stored, and any other is stored whole or not at all.
//!
//! `MAJORDOMO_TEST_CRASHES` is the number of kills for each engine (`just crash 200`).

use std::{process::Output, time::Duration};

use serde_json::json;
use tokio::time::timeout;

use crate::{
    accounts::{Account, Gone, PASSWORD, Work, acknowledged},
    api::Api,
    repeat::{Dice, count, seed},
    server::{Home, Server},
};

/// Kills for each engine, unless `MAJORDOMO_TEST_CRASHES` says otherwise.
const KILLS: usize = 8;
/// Kills of one data directory.
const OF_ONE_DIRECTORY: usize = 25;
const CLIENTS: usize = 4;
/// The time limit from a start to the first answer, whatever state the kill left.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// Any advance of the clock wakes the worker that takes snapshots.
const ADVANCE: &str = "PT0.001S";

/// What the program does when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum During {
    Load,
    Snapshot,
    Opening,
    /// An opening without a tree.
    Rebuild,
}

const MOMENTS: [During; 6] =
    [During::Load, During::Snapshot, During::Opening, During::Load, During::Rebuild, During::Load];

/// The kills so far, and what was found after them.
#[derive(Debug, Default)]
struct Figures {
    under_load: usize,
    in_snapshots: usize,
    in_openings: usize,
    in_rebuilds: usize,
    accounts: usize,
    /// The longest start after a kill whose tree was there.
    slowest_start: Duration,
    slowest_rebuild: Duration,
    /// Starts over a tree that took longer than promised.
    late: usize,
}

/// One client's work until the program ends.
async fn work(api: Api, round: usize, client: usize) -> Vec<Account> {
    let mut accounts = Vec::new();
    for n in 0.. {
        let mut account = Account::new(format!("r{round}c{client}n{n}@example.com"));
        let work = Work { refreshes: 1, logs_out: n % 3 == 2, now: &|| 0 };
        let lived = account.live(&api, &work).await;
        accounts.push(account);
        if lived.is_err() {
            break;
        }
    }
    accounts
}

async fn check_all(accounts: Vec<Account>, api: &Api) -> Vec<Account> {
    let mut shares: Vec<Vec<Account>> = (0..CLIENTS).map(|_| Vec::new()).collect();
    for (at, account) in accounts.into_iter().enumerate() {
        shares[at % CLIENTS].push(account);
    }
    let checks: Vec<_> = shares
        .into_iter()
        .map(|mut share| {
            let api = api.clone();
            tokio::spawn(async move {
                for account in &mut share {
                    account.check(&api).await.unwrap_or_else(|fault| panic!("{fault}"));
                }
                share
            })
        })
        .collect();
    let mut checked = Vec::new();
    for check in checks {
        checked.extend(check.await.unwrap());
    }
    checked
}

/// Time passes; nothing happens that could be waited for.
async fn pass(time: Duration) {
    assert!(timeout(time, std::future::pending::<()>()).await.is_err());
}

fn assert_good(check: &Output, what: &str) {
    assert!(check.status.success(), "{what}: {}", String::from_utf8_lossy(&check.stderr));
}

fn remove_trees(home: &Home) {
    for entry in std::fs::read_dir(home.store()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("tree-") {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

/// A data directory that is used and killed again and again.
struct Victim {
    home: Home,
    server: Server,
    verified: Vec<Account>,
    dice: Dice,
    /// The time of the last start.
    start: Duration,
}

impl Victim {
    async fn new(engine: &str, seed: u64) -> Self {
        let mut home = Home::new();
        home.set("store.engine", engine);
        home.set("store.journal_segment_bytes", "256KiB");
        home.set("store.journal_retention", "0s");
        home.set("store.snapshot_every_bytes", "64KiB");
        home.set("edge.rate_limits.enabled", "false");
        // Cheap hashes: more changes between two kills.
        home.set("auth.hash.memory_kib", "64");
        home.set("auth.hash.iterations", "1");
        // By default the issuer is the listener's address, whose port differs after each start here.
        home.set("auth.issuer", "http://majordomo.localhost");
        let server = home.start().await;
        let start = server.ready_after;
        Self { home, server, verified: Vec::new(), dice: Dice(seed), start }
    }

    fn below(&mut self, limit: Duration) -> Duration {
        Duration::from_millis(self.dice.below(limit.as_millis() as usize + 1) as u64)
    }

    /// Kills the program, and starts it again; checks what its clients know.
    async fn kill(mut self, round: usize, during: During, figures: &mut Figures) -> Self {
        let api = self.server.api();
        let clients: Vec<_> = (0..CLIENTS).map(|client| tokio::spawn(work(api.clone(), round, client))).collect();
        pass(Duration::from_millis(200) + self.below(Duration::from_millis(1_800))).await;
        if during == During::Snapshot {
            api.post("/dev/clock/advance", json!({ "by": ADVANCE })).await.unwrap().expect(200);
            pass(self.below(Duration::from_millis(80))).await;
        }
        self.server.kill().await;
        let mut accounts = Vec::new();
        for client in clients {
            accounts.extend(client.await.unwrap());
        }
        if during == During::Rebuild {
            remove_trees(&self.home);
        }
        if matches!(during, During::Opening | During::Rebuild) {
            let instant = Duration::from_millis(self.dice.below(self.start.as_millis() as usize * 5 / 4) as u64);
            let mut opening = self.home.command(&["serve"]).spawn().unwrap();
            pass(instant).await;
            opening.start_kill().unwrap();
            opening.wait().await.unwrap();
        }
        if during != During::Rebuild {
            assert_good(&self.home.run(&["store", "check"]).await, &format!("round {round}, {during:?}"));
        }
        self.server = self.home.start().await;
        let ready_after = self.server.ready_after;
        println!("round {round}, {during:?}: {} accounts, ready after {ready_after:?}", accounts.len());
        figures.accounts += accounts.len();
        self.verified.extend(check_all(accounts, &self.server.api()).await);
        match during {
            During::Load => figures.under_load += 1,
            During::Snapshot => figures.in_snapshots += 1,
            During::Opening => figures.in_openings += 1,
            During::Rebuild => figures.in_rebuilds += 1,
        }
        if during == During::Rebuild {
            figures.slowest_rebuild = figures.slowest_rebuild.max(ready_after);
        } else {
            self.start = ready_after;
            figures.slowest_start = figures.slowest_start.max(ready_after);
            figures.late += usize::from(ready_after > READY_WITHIN);
        }
        self
    }

    /// Every verified user signs in, and the directory is good after a stop in order.
    async fn finish(self) {
        let api = self.server.api();
        for account in self.verified.iter().filter(|account| account.is_known()) {
            let login = acknowledged(|| api.login(account.email(), PASSWORD)).await;
            login.unwrap_or_else(|Gone| panic!("the program ended")).expect(200);
        }
        self.server.ask_to_stop();
        assert_eq!(self.server.ended(Duration::from_secs(8)).await.0.code(), Some(0));
        assert_good(&self.home.run(&["store", "check"]).await, "at the end");
    }
}

async fn survives(engine: &str) {
    let (seed, kills) = (seed(), count("MAJORDOMO_TEST_CRASHES", KILLS));
    println!("MAJORDOMO_TEST_SEED={seed}");
    let mut figures = Figures::default();
    for first in (0..kills).step_by(OF_ONE_DIRECTORY) {
        let mut victim = Victim::new(engine, seed + first as u64).await;
        for round in first..kills.min(first + OF_ONE_DIRECTORY) {
            victim = victim.kill(round, MOMENTS[round % MOMENTS.len()], &mut figures).await;
        }
        victim.finish().await;
    }
    println!("{engine}, {kills} kills, seed {seed}: {figures:?}");
    assert_eq!(figures.late, 0, "starts that took longer than {READY_WITHIN:?}: {figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_are_stored_and_no_change_is_stored_in_part_on_sled() {
    survives("sled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_are_stored_and_no_change_is_stored_in_part_on_redb() {
    survives("redb").await;
}
