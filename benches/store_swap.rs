//! The size of the tree's file before and after a compaction, and commits and reads beside one.
//!
//! The argument is the number of logins that fill the store, by default 100,000: `cargo bench --bench store_swap`.
//!
//! 64 clients commit logins, each as fast as it is answered; reads are due 1,000 times a second. Both are measured for
//! a few seconds without a compaction, and then while the tree is replaced.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, for people to run"
)]

mod bench_store;
mod workload;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bench_store::BenchStore;
use futures::{FutureExt as _, future::join_all};
use majordomo::{
    persistence::{Reader as _, Store, engine::EngineKind, swap::SwapReason},
    types::id::UserId,
};
use workload::{ENTRY_BY_OWNER, login};

const LOGINS: u64 = 100_000;
const CLIENTS: u64 = 64;
const QUIET: Duration = Duration::from_secs(5);
const GAP: Duration = Duration::from_millis(1);

fn user(turn: u64) -> UserId {
    UserId::from(uuid::Uuid::from_u128(u128::from(turn % 1_000)))
}

/// Durations of commits and of reads.
#[derive(Default)]
struct Times {
    commits: Mutex<Vec<Duration>>,
    reads: Mutex<Vec<Duration>>,
}

async fn client(store: Store, bench_store: BenchStore, number: u64, (stop, times): (Arc<AtomicBool>, Arc<Times>)) {
    let (mut turn, mut own) = (number, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        turn += CLIENTS;
        let (of, began) = (user(turn), Instant::now());
        store.write(bench_store.write(), move |tx| login(tx, of)).await.expect("a disk with space");
        own.push(began.elapsed());
    }
    times.commits.lock().expect("a lock").extend(own);
}

fn read(store: &Store, (stop, times): (&AtomicBool, &Times)) {
    let (began, mut own) = (Instant::now(), Vec::new());
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let due = began + GAP * turn;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let found = store.read(|view| view.first(&ENTRY_BY_OWNER, majordomo::persistence::Scan::all()));
        found.now_or_never().expect("an answer at once").expect("a store that is read");
        own.push(asked.elapsed());
    }
    times.reads.lock().expect("a lock").extend(own);
}

fn show(what: &str, times: &Mutex<Vec<Duration>>, over: Duration) {
    let mut times = times.lock().expect("a lock");
    times.sort();
    let at = |part: usize| times[(times.len() * part / 1_000).min(times.len() - 1)].as_secs_f64() * 1e3;
    let rate = times.len() as f64 / over.as_secs_f64();
    println!("{what:<40} {rate:>8.0}/s {:>9.3} {:>9.3} {:>9.3} ms", at(500), at(990), at(999));
}

/// Commits and reads while `work` runs.
fn beside<T>(
    runtime: &tokio::runtime::Runtime,
    (store, bench_store): (&Store, &BenchStore),
    what: &str,
    work: impl FnOnce() -> T,
) -> T {
    let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(Times::default()));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| runtime.spawn(client(store.clone(), bench_store.clone(), number, (stop.clone(), times.clone()))))
        .collect();
    let done = std::thread::scope(|scope| {
        scope.spawn(|| read(store, (&stop, &times)));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    });
    let over = began.elapsed();
    for ended in runtime.block_on(join_all(clients)) {
        ended.expect("a client that ends");
    }
    show(&format!("{what}: commits"), &times.commits, over);
    show(&format!("{what}: reads"), &times.reads, over);
    done
}

fn measure(engine: EngineKind, logins: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk that is measured");
    let bench_store = BenchStore::new();
    let (store, _) =
        Store::open(bench_store.options(&dir.path().join("data"), engine, "now")).expect("a store to measure");
    for first in (0..logins).step_by(64) {
        let writes = (first..first + 64).map(|turn| store.write(bench_store.write(), move |tx| login(tx, user(turn))));
        for written in runtime.block_on(join_all(writes)) {
            written.expect("a disk with space");
        }
    }
    let upkeep = store.upkeep().expect("a store on disk").clone();
    let live = upkeep.count_live_bytes(&|| false).expect("a tree that is read");
    upkeep.take().expect("a snapshot");
    let name = engine.name();
    println!("{name}: {logins} logins, {live} bytes live, {} bytes in the tree's file", upkeep.tree_bytes());
    beside(&runtime, (&store, &bench_store), &format!("{name}, alone"), || std::thread::sleep(QUIET));
    let swapped = beside(&runtime, (&store, &bench_store), &format!("{name}, beside a compaction"), || {
        upkeep.swap_tree(SwapReason::Compaction, &|| false)
    });
    println!("{name}: {swapped:?}");
    let live = upkeep.count_live_bytes(&|| false).expect("a tree that is read");
    let quiet = upkeep.swap_tree(SwapReason::Compaction, &|| false);
    println!("{name}: {live} bytes live, without commits {quiet:?}");
    runtime.block_on(store.close());
}

fn main() {
    // `cargo bench` itself adds a flag.
    let logins = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(LOGINS);
    for engine in [EngineKind::Sled, EngineKind::Redb] {
        measure(engine, logins);
    }
}
