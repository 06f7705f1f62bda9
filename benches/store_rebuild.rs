//! The time to rebuild the tree after a stop of the machine: from the journal alone, and from a snapshot.
//!
//! The argument is the number of records, by default 250,000: `cargo bench --bench store_rebuild -- 1000000`.
//!
//! Two loads: records of which half of the keys are ids, nearly in order, and half an index, in no order; and users who
//! sign in, with the program's own tables: a user's record with its indexes, then logins, each with a sealed session,
//! its indexes, an event and an audit entry. The directory is copied while the store is open, and the copy is opened as
//! in the machine's next run.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, for people to run"
)]

mod bench_store;
mod users;

use std::{path::Path, time::Instant};

use bench_store::BenchStore;
use futures::future::join_all;
use majordomo::{
    persistence::{
        Record, Store, Table,
        engine::{ByteScan, EngineKind},
        reader::ByteReader as _,
        tables,
        trust::TreeState,
    },
    types::{id::UserId, limits},
};

const RECORDS: u32 = 250_000;
const A_WRITE: u32 = 100;
/// Logins of each user.
const LOGINS: u32 = 4;
/// Records of the first load for one user of the second, so that both have about as many keys.
const USER_RECORDS: u32 = 12;

#[derive(serde::Serialize, serde::Deserialize)]
struct Entry(Vec<u8>);

impl Record for Entry {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "entry";
}

static ENTRY_BY_ID: Table<UserId, Entry> = Table::new(0xf0, "entry_by_id", "");
static ENTRY_BY_WORD: Table<[u8; 16], Entry> = Table::new(0xf1, "entry_by_word", "");

/// Writes the records and their index; returns the number of keys.
async fn fill(store: &Store, bench_store: &BenchStore, records: u32) -> u64 {
    let writes: Vec<u32> = (0..records / A_WRITE).collect();
    for wave in writes.chunks(64) {
        let writes = wave.iter().map(|_| {
            store.write(bench_store.write(), |tx| {
                for _ in 0..A_WRITE {
                    let (id, word): (UserId, [u8; 16]) = (tx.id(), tx.random());
                    tx.put(&ENTRY_BY_ID, &id, &Entry(vec![7; 200]))?;
                    tx.put(&ENTRY_BY_WORD, &word, &Entry(id.as_bytes().to_vec()))?;
                }
                Ok(())
            })
        });
        for written in join_all(writes).await {
            written.expect("a disk with space");
        }
    }
    u64::from(records / A_WRITE * A_WRITE) * 2
}

/// Writes users, each with `LOGINS` logins in transactions of their own; returns the number of keys.
async fn fill_with_users(store: &Store, bench_store: &BenchStore, users: u32) -> u64 {
    let numbers: Vec<u32> = (0..users).collect();
    for wave in numbers.chunks(256) {
        let added = wave.iter().map(|number| {
            let number = *number;
            store.decide(bench_store.write(), move |tx| {
                let user = users::user(tx.id(), number, tx.now());
                tables::user::insert(tx, &user)?;
                Ok(user.id)
            })
        });
        let mut ids = Vec::new();
        for added in join_all(added).await {
            ids.push(added.unwrap_or_else(|_| panic!("a user is not added")));
        }
        for _ in 0..LOGINS {
            let logins = ids.iter().map(|id| {
                let id = *id;
                store.write(bench_store.write(), move |tx| users::sign_in(tx, id))
            });
            for login in join_all(logins).await {
                login.expect("a disk with space");
            }
        }
    }
    count(store).await
}

/// The number of keys of all tables.
async fn count(store: &Store) -> u64 {
    let (mut count, mut scan) = (0, ByteScan::all(limits::SCAN_MAX));
    loop {
        let next = scan.clone();
        let page = store.read(move |view| Ok(view.scan_bytes(&next)?)).await.expect("a store to read");
        count += page.len() as u64;
        match page.into_iter().next_back() {
            Some((last, _)) => scan = scan.after(last),
            None => return count,
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory for the copy");
    for entry in std::fs::read_dir(from).expect("a directory").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("space for the copy");
        }
    }
}

/// Opens the copy of `data` as after a stop of the machine.
fn reopen(bench_store: &BenchStore, data: &Path, engine: EngineKind, keys: u64) {
    let stopped = data.with_file_name("stopped");
    copy(data, &stopped);
    let began = Instant::now();
    let opened = Store::open_in_hand(bench_store.options(&stopped, engine, "after"));
    let took = began.elapsed();
    let (_store, _writer, opening) = opened.expect("a store that opens");
    let built = match opening.tree {
        TreeState::Trusted => "trusted: this engine survives that by itself".to_owned(),
        TreeState::Rebuilt { snapshot: None, .. } => format!("rebuilt from the journal, {} commits", opening.replayed),
        TreeState::Rebuilt { keys, .. } => format!("rebuilt from a snapshot of {keys} keys"),
    };
    let rate = keys as f64 / took.as_secs_f64();
    println!("{:<6} {:>8} keys {:>7.2} s {rate:>9.0} keys/s   {built}", engine.name(), keys, took.as_secs_f64());
    drop((_store, _writer));
    std::fs::remove_dir_all(&stopped).expect("the copy to be removed");
}

/// What the store holds.
#[derive(Clone, Copy)]
enum Load {
    Records,
    Users,
}

fn measure(engine: EngineKind, load: Load, records: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk that is measured");
    let (bench_store, data) = (BenchStore::new(), dir.path().join("data"));
    let (store, _) = Store::open(bench_store.options(&data, engine, "before")).expect("a store to fill");
    let keys = match load {
        Load::Records => runtime.block_on(fill(&store, &bench_store, records)),
        Load::Users => runtime.block_on(fill_with_users(&store, &bench_store, records / USER_RECORDS)),
    };
    reopen(&bench_store, &data, engine, keys);
    store.upkeep().expect("a store on disk").take().expect("a snapshot");
    reopen(&bench_store, &data, engine, keys);
    runtime.block_on(store.close());
}

fn main() {
    // `cargo bench` itself adds a flag.
    let records = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(RECORDS);
    for (title, load) in [("records and an index", Load::Records), ("users who sign in", Load::Users)] {
        println!("{title}");
        for engine in [EngineKind::Sled, EngineKind::Redb] {
            measure(engine, load, records);
        }
    }
}
