//! The duration of reads alone, and while 64 clients write.
//!
//! Reads are due 1,000 times per second, independent of earlier reads (open loop); each reads one of 100,000 records.
//! Two times are shown: of the read itself, which includes its wait for the writer, and from when it was due, which
//! also includes the delay of the reading thread by other work of the machine. Before that, the mean duration of reads
//! that follow each other at once is shown.
//!
//! The clients write as fast as they are answered, each time the commit of a login: a sealed record, its index, an
//! event with sealed personal fields and an audit entry.

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
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bench_store::BenchStore;
use futures::{FutureExt as _, future::join_all};
use majordomo::{
    persistence::{Reader as _, Store, Table, engine::EngineKind},
    types::{Fault, id::UserId},
};
use workload::{Entry, login};

const CLIENTS: u64 = 64;
const KEYS: u32 = 100_000;
const A_SECOND: u32 = 1_000;
const IN_A_ROW: u32 = 500_000;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(6);

static ENTRY_BY_NUMBER: Table<u32, Entry> = Table::new(0xf2, "entry_by_number", "");

/// Writes the records that are read later.
async fn fill(store: &Store, bench_store: &BenchStore) {
    const ONE: u32 = 500;
    for wave in (0..KEYS / ONE).collect::<Vec<_>>().chunks(32) {
        let writes = wave.iter().map(|part| {
            let first = part * ONE;
            store.write(bench_store.write(), move |tx| {
                for number in first..first + ONE {
                    tx.put(&ENTRY_BY_NUMBER, &number, &Entry(vec![7; 200]))?;
                }
                Ok(())
            })
        });
        for written in join_all(writes).await {
            written.expect("a disk with space");
        }
    }
}

/// The answer of a read, which the embedded store gives at once.
fn ready<T>(read: impl Future<Output = Result<T, Fault>>) -> T {
    read.now_or_never().expect("an answer at once").expect("a store that is read")
}

/// The mean duration of reads that follow each other at once, each of two records, as the check of a token reads.
fn in_a_row(store: &Store) -> Duration {
    let began = Instant::now();
    for turn in 0..IN_A_ROW {
        let number = turn.wrapping_mul(2_654_435_761) % KEYS;
        let found = ready(store.read(move |view| {
            let Some(first) = view.get(&ENTRY_BY_NUMBER, &number)? else { return Ok(None) };
            Ok(view.get(&ENTRY_BY_NUMBER, &(number / 2))?.map(|second| (first, second)))
        }));
        assert!(found.is_some());
    }
    began.elapsed() / IN_A_ROW
}

/// The times of the measured reads, in order.
#[derive(Default)]
struct Times {
    itself: Vec<Duration>,
    from_due: Vec<Duration>,
}

/// Reads for the measured time, on the calling thread.
fn read(store: &Store) -> Times {
    let (began, gap) = (Instant::now(), Duration::from_secs(1) / A_SECOND);
    let mut times = Times::default();
    for turn in 0.. {
        let due = began + gap * turn;
        if due.duration_since(began) >= WARM_UP + MEASURED {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let number = turn.wrapping_mul(2_654_435_761) % KEYS;
        let asked = Instant::now();
        let found = ready(store.read(move |view| view.get(&ENTRY_BY_NUMBER, &number)));
        let answered = Instant::now();
        assert!(found.is_some());
        if due.duration_since(began) >= WARM_UP {
            times.itself.push(answered - asked);
            times.from_due.push(answered - due);
        }
    }
    times.itself.sort();
    times.from_due.sort();
    times
}

/// Writes until it is stopped, and counts.
async fn client(store: Store, bench_store: BenchStore, number: u64, stop: Arc<AtomicBool>, commits: Arc<AtomicU64>) {
    let mut turn = number;
    while !stop.load(Ordering::Relaxed) {
        turn += CLIENTS;
        let user = UserId::from(uuid::Uuid::from_u128(u128::from(turn % 1_000)));
        store.write(bench_store.write(), move |tx| login(tx, user)).await.expect("a disk with space");
        commits.fetch_add(1, Ordering::Relaxed);
    }
}

fn show(what: &str, times: &Times) {
    println!("{what:<28} {:>7} {} {}", times.itself.len(), row(&times.itself), row(&times.from_due));
}

fn row(times: &[Duration]) -> String {
    let at = |part: usize| times[(times.len() * part / 10_000).min(times.len() - 1)].as_secs_f64() * 1e3;
    let (p50, p99, p999, most) = (at(5_000), at(9_900), at(9_990), at(10_000));
    format!("{p50:>9.3} {p99:>8.3} {p999:>8.3} {most:>8.3}")
}

fn measure(engine: EngineKind) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk that is measured");
    let bench_store = BenchStore::new();
    let (store, _) =
        Store::open(bench_store.options(&dir.path().join("data"), engine, "now")).expect("a store to measure");
    runtime.block_on(fill(&store, &bench_store));
    println!("{}: {:?} for each read in a row", engine.name(), in_a_row(&store));
    show(&format!("{}: alone", engine.name()), &read(&store));

    let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| runtime.spawn(client(store.clone(), bench_store.clone(), number, stop.clone(), commits.clone())))
        .collect();
    let times = read(&store);
    let rate = commits.load(Ordering::Relaxed) as f64 / (WARM_UP + MEASURED).as_secs_f64();
    show(&format!("{}: with {rate:.0} commits/s", engine.name()), &times);
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(join_all(clients));
    runtime.block_on(store.close());
}

fn main() {
    let titles = format!("{:>9} {:>8} {:>8} {:>8}", "p50", "p99", "p99.9", "most");
    println!("{:<28} {:>7} {titles} {titles}", "ms: itself, from when due", "reads");
    for engine in [EngineKind::Sled, EngineKind::Redb] {
        measure(engine);
    }
}
