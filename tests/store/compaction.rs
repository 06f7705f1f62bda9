//! A tree's file that grows with its use is compacted; and what commits and reads see while a tree is replaced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use majordomo::persistence::{
    KeyLoss, Reader as _, Record, Store, Table, Tx,
    check::check,
    engine::EngineKind,
    swap::{SwapError, SwapReason},
    upkeep::Upkeep,
};

use crate::{
    check::scope,
    test_store::{OpenStore, TestStore},
    tools::{Seeded, ready, write},
};

#[derive(serde::Serialize, serde::Deserialize)]
struct Counted(u64, Vec<u8>);

impl Record for Counted {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "counted";
}

static FIRST_BY_NUMBER: Table<u64, Counted> = Table::new(0xf0, "first_by_number", "");
static SECOND_BY_NUMBER: Table<u64, Counted> = Table::new(0xf1, "second_by_number", "");

/// Runs `work` beside the writer.
fn beside<T: Send>(opened: &mut OpenStore<'_>, work: impl FnOnce(Upkeep) -> T + Send) -> T {
    let upkeep = opened.store.upkeep().unwrap().clone();
    thread::scope(|scope| {
        let working = scope.spawn(move || work(upkeep));
        while !working.is_finished() {
            opened.tend();
            thread::yield_now();
        }
        working.join().unwrap()
    })
}

#[test]
fn a_file_of_more_than_three_times_its_content_is_compacted_once() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let mut test_store = TestStore::real(kind);
        test_store.disk.settings.tuning.segment_bytes = 1 << 20;
        test_store.disk.settings.tuning.compaction.above_bytes = 2 << 20;
        let mut opened = test_store.open();
        let compact = |upkeep: Upkeep| upkeep.compact_if_due(&|| false);
        assert_eq!(beside(&mut opened, compact).unwrap(), None, "the store is new");
        let upkeep = opened.store.upkeep().unwrap().clone();
        // The walk of a later snapshot would find rows of no table.
        upkeep.take().unwrap();
        let put = |tx: &mut Tx<'_>, number: u64| tx.put(&FIRST_BY_NUMBER, &number, &Counted(number, vec![7; 3_000]));
        for first in (0..2_000).step_by(20) {
            opened.commit(move |tx| (first..first + 20).try_for_each(|number| put(tx, number))).unwrap();
        }
        for first in (100..2_000).step_by(20) {
            let delete = |tx: &mut Tx<'_>, number: u64| tx.delete(&FIRST_BY_NUMBER, &number);
            opened.commit(move |tx| (first..first + 20).try_for_each(|number| delete(tx, number))).unwrap();
        }
        let live = upkeep.count_live_bytes(&|| false).unwrap();
        assert!(upkeep.tree_bytes() > (4 * live).max(2 << 20), "{}: {live}", kind.name());
        opened.tend();
        let state = opened.contents();
        let done = beside(&mut opened, compact).unwrap().expect("a compaction");
        assert!(done.bytes_after < done.bytes_before / 2, "{}: {done:?} for {live}", kind.name());
        assert_eq!(done.bytes_after, upkeep.tree_bytes());
        assert!(opened.contents() == state);
        assert_eq!(beside(&mut opened, compact).unwrap(), None, "the next one is not due");
    }
}

#[test]
fn a_compaction_of_a_store_that_makes_none_by_itself_is_made_by_request_alone() {
    let mut test_store = TestStore::real(EngineKind::Sled);
    test_store.disk.settings.tuning.compaction.every = None;
    test_store.disk.settings.tuning.compaction.above_bytes = 0;
    let mut opened = test_store.open();
    opened.act(1, 3).unwrap();
    assert_eq!(beside(&mut opened, |upkeep| upkeep.compact_if_due(&|| false)).unwrap(), None);
    assert!(beside(&mut opened, |upkeep| upkeep.swap_tree(SwapReason::Compaction, &|| false)).is_ok());
    let stopped = beside(&mut opened, |upkeep| upkeep.swap_tree(SwapReason::Compaction, &|| true));
    assert!(matches!(stopped, Err(SwapError::Stopped)));
}

const WRITERS: u64 = 64;

/// The acknowledged counts, and whether they go on.
struct Acknowledged {
    counts: Vec<AtomicU64>,
    stop: AtomicBool,
}

/// Counts in two tables at once, until it is stopped.
async fn count(store: Store, test_store: Arc<TestStore>, seen: Arc<Acknowledged>, number: u64) {
    let entropy = Seeded::default();
    while !seen.stop.load(Ordering::Relaxed) {
        let write = write(test_store.disk.clock.as_ref(), &entropy);
        let counted = store.write(write, move |tx| {
            let next = tx.get(&FIRST_BY_NUMBER, &number)?.map_or(1, |row| row.0 + 1);
            tx.put(&FIRST_BY_NUMBER, &number, &Counted(next, vec![1; 100]))?;
            tx.put(&SECOND_BY_NUMBER, &number, &Counted(next, vec![2; 100]))?;
            Ok(next)
        });
        let next = counted.await.unwrap();
        assert_eq!(seen.counts[number as usize].swap(next, Ordering::SeqCst) + 1, next, "no commit was lost");
    }
}

/// Reads until it is stopped: never less than what was acknowledged or read before, never half a commit.
fn read(store: &Store, seen: &Acknowledged, mut number: u64) -> u64 {
    let (mut last, mut reads) = (vec![0; WRITERS as usize], 0);
    while !seen.stop.load(Ordering::Relaxed) {
        number = (number + 7) % WRITERS;
        let acknowledged = seen.counts[number as usize].load(Ordering::SeqCst);
        let (first, second) = ready(store.read(move |view| {
            let first = view.get(&FIRST_BY_NUMBER, &number)?.map_or(0, |row| row.0);
            Ok((first, view.get(&SECOND_BY_NUMBER, &number)?.map_or(0, |row| row.0)))
        }))
        .unwrap();
        assert_eq!(first, second, "a read sees whole commits");
        assert!(first >= acknowledged && first >= last[number as usize], "a read sees no earlier state");
        last[number as usize] = first;
        reads += 1;
    }
    reads
}

#[test]
fn sixty_four_writers_and_their_readers_notice_nothing_of_a_swap() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let mut test_store = TestStore::real(kind);
        test_store.disk.settings.tuning.segment_bytes = 256 << 10;
        // The clock of this test stands still.
        test_store.disk.settings.tuning.checkpoint_bytes = 64 << 10;
        let test_store = Arc::new(test_store);
        let (store, _) = Store::open(test_store.options(KeyLoss::Refuse)).unwrap();
        // The walk of a later snapshot would find rows of no table.
        store.upkeep().unwrap().take().unwrap();
        let counts = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
        let seen = Arc::new(Acknowledged { counts, stop: AtomicBool::new(false) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| runtime.spawn(count(store.clone(), test_store.clone(), seen.clone(), number)))
            .collect();
        let swapped = thread::scope(|scope| {
            let readers: Vec<_> = (0..4)
                .map(|first| {
                    scope.spawn({
                        let (store, seen) = (&store, &seen);
                        move || read(store, seen, first)
                    })
                })
                .collect();
            let upkeep = store.upkeep().unwrap();
            let swapped: Vec<_> = (0..3).map(|_| upkeep.swap_tree(SwapReason::Compaction, &|| false)).collect();
            seen.stop.store(true, Ordering::Relaxed);
            readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() > 0));
            swapped
        });
        for swap in swapped {
            swap.unwrap();
        }
        for writer in writers {
            runtime.block_on(writer).unwrap();
        }
        runtime.block_on(store.close());
        drop(store);
        check(&test_store.disk.settings, &test_store.disk.environment, scope(|_, _| Ok(()))).unwrap();
        let opened = test_store.open();
        for (number, acknowledged) in (0..).zip(&seen.counts) {
            let found = ready(opened.store.read(move |view| view.get(&SECOND_BY_NUMBER, &number))).unwrap();
            assert_eq!(found.map_or(0, |row| row.0), acknowledged.load(Ordering::SeqCst), "{}", kind.name());
        }
    }
}
