//! The lane of batches: its share of a group, and that neither lane blocks the other.

use std::{future::Future, pin::Pin, time::Duration};

use futures::FutureExt as _;
use majordomo::{
    persistence::{Record, Table, Tx, TxFault},
    types::{Fault, limits},
};

use crate::tools::Bench;

static BLOB_BY_NUMBER: Table<u32, Blob> = Table::new(0xf1, "blob_by_number", "");

#[derive(serde::Serialize, serde::Deserialize)]
struct Blob(Vec<u8>);

impl Record for Blob {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "blob";
}

type Waiting = Pin<Box<dyn Future<Output = Result<(), Fault>>>>;

/// Pending writes, in the order of their requests.
#[derive(Default)]
struct Crowd(Vec<Waiting>);

impl Crowd {
    /// Adds a pending write.
    fn join(&mut self, write: impl Future<Output = Result<(), Fault>> + 'static) {
        let mut write: Waiting = Box::pin(write);
        assert!(write.as_mut().now_or_never().is_none(), "it is answered before a group was committed");
        self.0.push(write);
    }

    /// Removes the writes that are answered; returns their number.
    fn leave(&mut self) -> usize {
        let before = self.0.len();
        self.0.retain_mut(|write| match write.as_mut().now_or_never() {
            None => true,
            Some(answer) => {
                assert_eq!(answer, Ok(()));
                false
            }
        });
        before - self.0.len()
    }
}

fn blob(tx: &mut Tx<'_>, number: u32, bytes: usize) -> Result<(), TxFault> {
    tx.put(&BLOB_BY_NUMBER, &number, &Blob(vec![7; bytes]))?;
    Ok(())
}

fn small(number: u32) -> impl Fn(&mut Tx<'_>) -> Result<(), TxFault> + Send + 'static {
    move |tx| blob(tx, number, 8)
}

/// A little more than a quarter of a group.
fn large(number: u32) -> impl Fn(&mut Tx<'_>) -> Result<(), TxFault> + Send + 'static {
    const PIECE: usize = 60 << 10;
    let pieces = u32::try_from(limits::GROUP_BYTES_MAX / limits::BULK_PART / PIECE + 1).unwrap();
    move |tx| {
        for piece in 0..pieces {
            blob(tx, number * 100 + piece, PIECE)?;
        }
        Ok(())
    }
}

const QUARTER: usize = limits::GROUP_MAX / limits::BULK_PART;

#[test]
fn a_quarter_of_a_full_group_is_bulk_work_and_neither_lane_starves() {
    let mut bench = Bench::new();
    let (mut prompt, mut bulk) = (Crowd::default(), Crowd::default());
    // The batches are requested first, and are more than two groups can hold.
    for number in 0..250 {
        bulk.join(bench.store.write(bench.write().reclaim().bulk(), small(number)));
    }
    for number in 1_000..1_300 {
        prompt.join(bench.store.write(bench.write(), small(number)));
    }
    for _ in 0..3 {
        assert_eq!(bench.writer.step(), limits::GROUP_MAX);
        assert_eq!((prompt.leave(), bulk.leave()), (limits::GROUP_MAX - QUARTER, QUARTER));
    }
    // 12 batches and 154 prompt writes remain; the prompt writes fill the free places.
    assert_eq!(bench.writer.step(), limits::GROUP_MAX);
    assert_eq!((prompt.leave(), bulk.leave()), (12, limits::GROUP_MAX - 12));
    assert_eq!(bench.writer.step(), 38);
    assert_eq!((prompt.leave(), bulk.leave()), (0, 38));
    assert_eq!(bench.writer.step(), 0);
}

#[test]
fn a_prompt_write_during_a_flood_of_batches_is_in_the_next_group() {
    let mut bench = Bench::new();
    let (mut prompt, mut bulk) = (Crowd::default(), Crowd::default());
    for number in 0..u32::try_from(limits::BULK_QUEUE_MAX).unwrap() {
        bulk.join(bench.store.write(bench.write().bulk(), small(number)));
    }
    prompt.join(bench.store.write(bench.write(), small(9_999)));
    bench.writer.step();
    assert_eq!(prompt.leave(), 1);
}

#[test]
fn some_batches_are_in_the_first_group_of_a_flood_of_prompt_writes() {
    let mut bench = Bench::new();
    let (mut prompt, mut bulk) = (Crowd::default(), Crowd::default());
    for number in 0..1_000 {
        prompt.join(bench.store.write(bench.write(), small(number)));
    }
    for number in 2_000..2_010 {
        bulk.join(bench.store.write(bench.write().bulk(), small(number)));
    }
    assert_eq!(bench.writer.step(), limits::GROUP_MAX);
    assert_eq!((prompt.leave(), bulk.leave()), (limits::GROUP_MAX - 10, 10));
}

#[test]
fn batches_alone_fill_a_group_by_places_but_take_no_more_than_a_quarter_of_its_bytes() {
    let mut bench = Bench::new();
    let mut bulk = Crowd::default();
    for number in 0..u32::try_from(limits::GROUP_MAX).unwrap() {
        bulk.join(bench.store.write(bench.write().bulk(), small(number)));
    }
    assert_eq!(bench.writer.step(), limits::GROUP_MAX);
    assert_eq!(bulk.leave(), limits::GROUP_MAX);

    let mut prompt = Crowd::default();
    for number in 0..3 {
        bulk.join(bench.store.write(bench.write().bulk(), large(number)));
    }
    assert_eq!(bench.writer.step(), 1, "one of them is a quarter of a group's bytes");
    for number in 10_000..10_005 {
        prompt.join(bench.store.write(bench.write(), small(number)));
    }
    assert_eq!(bench.writer.step(), 6);
    assert_eq!((prompt.leave(), bulk.leave()), (5, 2));
    // That quarter does not apply to prompt writes.
    for number in 20..23 {
        prompt.join(bench.store.write(bench.write(), large(number)));
    }
    assert_eq!(bench.writer.step(), 4);
    assert_eq!((prompt.leave(), bulk.leave()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn the_bulk_lane_is_bounded_by_itself() {
    let bench = Bench::new();
    let (mut prompt, mut bulk) = (Crowd::default(), Crowd::default());
    for number in 0..u32::try_from(limits::BULK_QUEUE_MAX).unwrap() {
        bulk.join(bench.store.write(bench.write().bulk(), small(number)));
    }
    let report = bench.store.report().writer;
    assert_eq!((report.waiting, report.bulk_waiting), (0, limits::BULK_QUEUE_MAX));
    let one_too_many = bench.store.write(bench.write().bulk(), small(5_000));
    let waited = tokio::time::timeout(Duration::from_secs(60), one_too_many).await;
    assert!(matches!(waited, Ok(Err(Fault::Overloaded { .. }))), "{waited:?}");
    // All places of the prompt lane are free.
    for number in 0..u32::try_from(limits::WRITE_QUEUE_MAX).unwrap() {
        prompt.join(bench.store.write(bench.write(), small(10_000 + number)));
    }
}

#[test]
fn a_store_that_closes_finishes_the_jobs_of_both_lanes() {
    let mut bench = Bench::new();
    let (mut prompt, mut bulk) = (Crowd::default(), Crowd::default());
    bulk.join(bench.store.write(bench.write().bulk(), small(1)));
    prompt.join(bench.store.write(bench.write(), small(2)));
    assert!(bench.store.close().now_or_never().is_none());
    let late = bench.store.write(bench.write().bulk(), small(3)).now_or_never();
    assert_eq!(late, Some(Err(Fault::Unavailable)));
    assert_eq!(bench.writer.step(), 2);
    assert_eq!((prompt.leave(), bulk.leave()), (1, 1));
}
