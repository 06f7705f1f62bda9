//! Durable commits per second, in groups, compared with `fdatasync` of the same number of bytes in the same number of
//! calls.
//!
//! Two kinds of commit: two plain records; and the commit of a login, which has a sealed record, its index, an event
//! with sealed personal fields and an audit entry. The bare loop writes the same number of bytes as the journal for
//! each kind, so that both load the disk equally.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, for people to run"
)]

mod bench_store;
mod workload;

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

use bench_store::BenchStore;
use futures::{FutureExt as _, future::join_all};
use majordomo::{
    persistence::{Store, Tx, TxFault, engine::EngineKind, writer::step::StoreWriter},
    types::id::UserId,
};
use workload::{ENTRY_BY_OWNER, Entry, login};

const GROUPS: [usize; 4] = [1, 16, 64, 128];
const MEASURED: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(300);

/// A kind of commit.
type Kind = fn(&mut Tx<'_>, UserId) -> Result<(), TxFault>;

const KINDS: [(&str, Kind); 2] = [("two records", records), ("a login", login)];

fn records(tx: &mut Tx<'_>, user: UserId) -> Result<(), TxFault> {
    let id: UserId = tx.id();
    tx.put(&ENTRY_BY_OWNER, &(*user.as_bytes(), id), &Entry(vec![7; 150]))?;
    tx.put(&ENTRY_BY_OWNER, &([0xff; 16], id), &Entry(vec![7; 20]))?;
    Ok(())
}

struct Bench {
    store: Store,
    writer: StoreWriter,
    bench_store: BenchStore,
    next: u128,
}

impl Bench {
    fn open(dir: &Path, engine: EngineKind) -> Self {
        let bench_store = BenchStore::new();
        let options = bench_store.options(&dir.join(engine.name()), engine, "now");
        let (store, writer, _) = Store::open_in_hand(options).expect("a store to measure");
        Self { store, writer, bench_store, next: 0 }
    }

    fn group(&mut self, kind: Kind, size: usize) {
        let writes = (0..size).map(|_| {
            self.next += 1;
            // A thousand persons in turn.
            let user = UserId::from(uuid::Uuid::from_u128(self.next % 1_000));
            self.store.write(self.bench_store.write(), move |tx| kind(tx, user))
        });
        let mut all = Box::pin(join_all(writes.collect::<Vec<_>>()));
        assert!(all.as_mut().now_or_never().is_none());
        self.writer.step();
        self.writer.checkpoint();
        assert!(all.now_or_never().expect("answers after the step").iter().all(Result::is_ok));
    }
}

/// Runs `group` for the measured time; returns the number per second.
fn per_second(mut group: impl FnMut()) -> f64 {
    let run = |until: Duration, group: &mut dyn FnMut()| {
        let (began, mut groups) = (Instant::now(), 0_u32);
        while began.elapsed() < until {
            group();
            groups += 1;
        }
        f64::from(groups) / began.elapsed().as_secs_f64()
    };
    run(WARM_UP, &mut group);
    run(MEASURED, &mut group)
}

/// Bytes of a commit in the journal, from the bytes of the newest segment that are not zero.
fn journal_bytes(dir: &Path) -> u64 {
    let segments = std::fs::read_dir(dir.join("journal")).expect("a journal").flatten();
    let content = segments.map(|entry| std::fs::read(entry.path()).expect("a segment"));
    content.map(|bytes| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)).sum()
}

fn bare(file: &File, bytes: &[u8], at: &mut u64) {
    const ROOM: u64 = 64 << 20;
    if *at + bytes.len() as u64 > ROOM {
        *at = 0;
    }
    file.write_all_at(bytes, *at).expect("space on the disk");
    file.sync_data().expect("a disk that syncs");
    *at += bytes.len() as u64;
}

/// Commits per second for each size of group, and the bytes of one in the journal.
fn measure(dir: &Path, engine: EngineKind, kind: Kind) -> ([f64; GROUPS.len()], u64) {
    let mut bench = Bench::open(dir, engine);
    let journal = dir.join(engine.name());
    bench.group(kind, 1);
    let before = journal_bytes(&journal);
    (0..100).for_each(|_| bench.group(kind, 1));
    let bytes = (journal_bytes(&journal) - before) / 100;
    let rates = GROUPS.map(|size| per_second(|| bench.group(kind, size)) * size as f64);
    bench.writer.finish();
    (rates, bytes)
}

fn main() {
    for (name, kind) in KINDS {
        let dir = tempfile::tempdir_in(".").expect("a directory on the disk that is measured");
        let (sled, bytes) = measure(dir.path(), EngineKind::Sled, kind);
        let (redb, _) = measure(dir.path(), EngineKind::Redb, kind);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(dir.path().join("bare"));
        let file = file.expect("a file to write to");
        file.write_all_at(&vec![1; 64 << 20], 0).and_then(|()| file.sync_all()).expect("space on the disk");
        let mut at = 0;
        println!("{name}: {bytes} bytes per commit; durable commits per second (share of the bare loop)");
        println!("{:>6} {:>12} {:>20} {:>20}", "group", "fdatasync", "sled", "redb");
        for (index, size) in GROUPS.into_iter().enumerate() {
            let content = vec![7; usize::try_from(bytes).unwrap_or(0) * size];
            let base = per_second(|| bare(&file, &content, &mut at)) * size as f64;
            let shown = |rate: f64| format!("{rate:.0} ({:.2})", rate / base);
            println!("{size:>6} {base:>12.0} {:>20} {:>20}", shown(sled[index]), shown(redb[index]));
        }
    }
}
