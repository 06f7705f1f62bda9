//! Which writes of their group closures see, and when they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::join_all};
use majordomo::{
    persistence::{Decision, Reader as _, Scan, Store, Table, TxFault, refuse},
    types::{Failure, Fault, limits},
};

use crate::tools::{Bench, Hand, Seeded, failed_login, ready, user, write};

static COUNT_BY_NAME: Table<u32, Count> = Table::new(0xf0, "count_by_name", "");

#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq, Eq)]
struct Count(u32);

impl majordomo::persistence::Record for Count {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "count";
}

/// Adds one to a counter and answers its previous value.
fn add(tx: &mut majordomo::persistence::Tx<'_>, name: u32) -> Result<u32, TxFault> {
    let before = tx.get(&COUNT_BY_NAME, &name)?.map_or(0, |count| count.0);
    tx.put(&COUNT_BY_NAME, &name, &Count(before + 1))?;
    Ok(before)
}

fn count(store: &Store, name: u32) -> Option<u32> {
    ready(store.read(move |view| view.get(&COUNT_BY_NAME, &name))).unwrap().map(|count| count.0)
}

#[test]
fn closures_of_a_group_see_what_those_before_them_wrote() {
    let mut bench = Bench::new();
    let writes: Vec<_> = (0..5).map(|_| bench.store.write(bench.write(), |tx| add(tx, 1))).collect();
    let mut all = Box::pin(join_all(writes));
    assert!(all.as_mut().now_or_never().is_none(), "no caller is answered before the group is durable");
    assert_eq!(bench.writer.step(), 5);
    let answers: Vec<u32> = all.now_or_never().unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [0, 1, 2, 3, 4]);
    assert_eq!(count(&bench.store, 1), Some(5));
}

#[test]
fn a_closure_that_is_discarded_or_fails_or_panics_has_no_effect_on_others() {
    let mut bench = Bench::new();
    let committed = bench.store.write(bench.write(), |tx| add(tx, 1));
    let discarded = bench.store.decide(bench.write(), |tx| -> Decision<(), u32> { refuse(add(tx, 1)?) });
    let panicked = bench.store.write(bench.write(), |tx| -> Result<(), TxFault> {
        add(tx, 1)?;
        panic!("on purpose")
    });
    let too_large = bench.store.write(bench.write(), |tx| {
        for name in 0..=u32::try_from(limits::TX_OPERATIONS_MAX).unwrap() {
            add(tx, name + 100)?;
        }
        Ok(())
    });
    let last = bench.store.write(bench.write(), |tx| add(tx, 1));
    let mut all = Box::pin(async { futures::join!(committed, discarded, panicked, too_large, last) });
    assert!(all.as_mut().now_or_never().is_none());
    assert_eq!(bench.writer.step(), 5);
    let (committed, discarded, panicked, too_large, last) = all.now_or_never().unwrap();
    assert_eq!((committed, discarded, last), (Ok(0), Err(Failure::Refused(1)), Ok(1)));
    assert_eq!(panicked, Err(Fault::bug("a transaction panicked: on purpose")));
    assert!(matches!(too_large, Err(Fault::Bug { .. })));
    assert_eq!(count(&bench.store, 1), Some(2));
    assert_eq!(count(&bench.store, 100), None);
}

#[test]
fn a_closure_that_is_not_pure_is_detected() {
    let mut bench = Bench::new();
    let calls = Arc::new(AtomicU32::new(0));
    let impure = bench.store.write(bench.write(), move |tx| {
        let calls = calls.fetch_add(1, Ordering::SeqCst);
        tx.put(&COUNT_BY_NAME, &1, &Count(calls))?;
        Ok(())
    });
    let mut impure = Box::pin(impure);
    assert!(impure.as_mut().now_or_never().is_none());
    bench.writer.step();
    assert!(matches!(impure.now_or_never().unwrap(), Err(Fault::Bug { .. })));
    assert_eq!(count(&bench.store, 1), None);
}

#[test]
fn a_transaction_past_its_deadline_or_without_its_caller_is_never_begun() {
    let mut bench = Bench::new();
    let (late, left) = (bench.write(), bench.write());
    let caller = left.work.clone();
    let mut late = Box::pin(bench.store.write(late, |tx| add(tx, 1)));
    let mut left = Box::pin(bench.store.write(left, |tx| add(tx, 1)));
    assert!(late.as_mut().now_or_never().is_none() && left.as_mut().now_or_never().is_none());
    assert!(caller.abandon());
    bench.clock.advance(Duration::from_secs(4));
    let mut fresh = Box::pin(bench.store.write(bench.write(), |tx| add(tx, 1)));
    assert!(fresh.as_mut().now_or_never().is_none());
    bench.clock.advance(Duration::from_secs(2));
    bench.writer.step();
    assert_eq!(late.now_or_never().unwrap(), Err(Fault::Expired));
    assert_eq!(left.now_or_never().unwrap(), Err(Fault::Expired));
    assert_eq!(fresh.now_or_never().unwrap(), Ok(0));
}

#[test]
fn a_group_stays_within_its_bounds() {
    let mut bench = Bench::new();
    let writes =
        (0..limits::GROUP_MAX + 3).map(|_| bench.store.write(bench.write(), |tx| add(tx, 1))).collect::<Vec<_>>();
    let mut all = Box::pin(join_all(writes));
    assert!(all.as_mut().now_or_never().is_none());
    assert_eq!(bench.writer.step(), limits::GROUP_MAX);
    assert_eq!(bench.writer.step(), 3);
    assert_eq!(bench.writer.step(), 0);
    assert!(all.now_or_never().is_some());
}

#[test]
fn two_transactions_with_one_stamp_draw_different_ids() {
    let mut bench = Bench::new();
    let stamp = bench.write();
    let draw = |_: u8| {
        let drawn = bench.store.write(stamp.clone(), |tx| Ok(tx.id::<majordomo::types::id::UserId>()));
        Box::pin(drawn)
    };
    let (mut first, mut second) = (draw(1), draw(2));
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    bench.writer.step();
    assert_ne!(first.now_or_never().unwrap().unwrap(), second.now_or_never().unwrap().unwrap());
}

#[test]
fn a_scan_sees_own_writes_those_of_the_group_and_the_tree() {
    let mut bench = Bench::new();
    let seed = bench.store.write(bench.write(), |tx| {
        (0..6).try_for_each(|name| add(tx, name).map(|_| ()))?;
        Ok(())
    });
    let mut seed = Box::pin(seed);
    assert!(seed.as_mut().now_or_never().is_none());
    bench.writer.step();
    let group = bench.store.write(bench.write(), |tx| tx.delete(&COUNT_BY_NAME, &1));
    let own = bench.store.decide(bench.write(), |tx| -> Decision<(), Vec<u32>> {
        tx.delete(&COUNT_BY_NAME, &2)?;
        tx.put(&COUNT_BY_NAME, &9, &Count(9))?;
        refuse(tx.keys(&COUNT_BY_NAME, Scan::all().backward().limit(5))?)
    });
    let mut all = Box::pin(async { futures::join!(group, own) });
    assert!(all.as_mut().now_or_never().is_none());
    bench.writer.step();
    assert_eq!(all.now_or_never().unwrap().1, Err(Failure::Refused(vec![9, 5, 4, 3, 0])));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_waited_for_until_the_deadline() {
    let bench = Bench::new();
    let writes =
        (0..limits::WRITE_QUEUE_MAX).map(|_| bench.store.write(bench.write(), |tx| add(tx, 1))).collect::<Vec<_>>();
    let mut all = Box::pin(join_all(writes));
    assert!(all.as_mut().now_or_never().is_none());
    let one_more = bench.store.write(bench.write(), |tx| add(tx, 1)).await;
    assert_eq!(one_more, Err(Fault::overloaded()));
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_serves_under_paused_time_and_closes() {
    let (clock, entropy) = (Hand::new(), Seeded::default());
    let store = Store::in_memory(clock.clone(), &entropy);
    let changed = store.events_changed();
    let answer = store.write(write(clock.as_ref(), &entropy), |tx| {
        tx.emit(failed_login(user(1), "a@example.com"))?;
        add(tx, 1)
    });
    assert_eq!(answer.await, Ok(0));
    assert_eq!((store.head(), changed.borrow().number), (1, 1));
    store.close().await;
    assert_eq!(store.write(write(clock.as_ref(), &entropy), |tx| add(tx, 1)).await, Err(Fault::Unavailable));
    assert_eq!(store.read(|view| view.get(&COUNT_BY_NAME, &1)).await, Err(Fault::Unavailable));
}
