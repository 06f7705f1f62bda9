//! Reads are futures: the time and the thread of their work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use futures::FutureExt as _;
use majordomo::{
    persistence::{Store, engine::EngineKind},
    types::Fault,
};

use crate::{test_store::TestStore, tools::Bench};

/// Requires that a future may be sent to another thread and may outlive its store.
fn movable<T>(read: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> + Send + 'static {
    read
}

fn thread_of_a_read(store: &Store) -> impl Future<Output = Result<thread::ThreadId, Fault>> + Send + 'static {
    movable(store.read(|_| Ok(thread::current().id())))
}

#[test]
fn a_read_is_ready_at_its_first_poll_and_runs_on_the_thread_that_polls() {
    let here = Some(Ok(thread::current().id()));
    // No runtime is needed.
    assert_eq!(thread_of_a_read(&Bench::new().store).now_or_never(), here);
    for engine in [EngineKind::Sled, EngineKind::Redb] {
        let test_store = TestStore::real(engine);
        let opened = test_store.open();
        assert_eq!(thread_of_a_read(&opened.store).now_or_never(), here, "{}", engine.name());
        opened.close();
    }
}

#[test]
fn a_read_can_be_polled_by_another_thread_after_its_handle_is_dropped() {
    let Bench { store, writer: _open, .. } = Bench::new();
    let read = thread_of_a_read(&store);
    drop(store);
    let polled = thread::Builder::new().spawn(move || (read.now_or_never(), thread::current().id())).unwrap();
    let (found, there) = polled.join().unwrap();
    assert_eq!(found, Some(Ok(there)));
}

#[test]
fn a_read_that_is_not_polled_does_not_run() {
    let bench = Bench::new();
    let runs = Arc::new(AtomicU32::new(0));
    let read = || {
        let runs = Arc::clone(&runs);
        bench.store.read(move |_| Ok(runs.fetch_add(1, Ordering::SeqCst)))
    };
    drop(read());
    assert_eq!(read().now_or_never(), Some(Ok(0)));
}
