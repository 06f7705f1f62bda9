//! Tests of the hasher's pool.

use std::{future::Future, sync::atomic::AtomicBool};

use futures::FutureExt;

use super::*;

const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1, lanes: 1 };

fn pool() -> HasherPool {
    HasherPool::new(PasswordHasher::new(CHEAP, vec![]).unwrap(), HasherBounds::default())
}

fn network(number: u8) -> Network {
    Network::V4([10, 0, number])
}

/// Runs a future on a runtime of its own while `threads` threads hash; then ends the threads.
fn with_threads<F: Future>(pool: &HasherPool, threads: usize, future: F) -> F::Output {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| pool.run_until(|| is_over.load(Ordering::SeqCst)));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let output = runtime.block_on(future);
        is_over.store(true, Ordering::SeqCst);
        pool.wake_all();
        output
    })
}

/// Runs one waiting job; false if none waits.
fn step(pool: &HasherPool) -> bool {
    let job = pool.shared.queue().take();
    job.map(|job| pool.run_job(job, &mut Scratch::default())).is_some()
}

#[test]
fn a_password_is_hashed_and_verified_and_counted() {
    let pool = pool();
    with_threads(&pool, 2, async {
        let place = || pool.reserve(network(1), Priority::Login).unwrap();
        let hash = place().hash(Secret::new("a long password"), [1; SALT_BYTES]).await.unwrap();
        let right = place().verify(hash.clone(), Secret::new("a long password")).await.unwrap();
        let wrong = place().verify(hash, Secret::new("another")).await.unwrap();
        let nobody = place().verify_unknown(Secret::new("a long password"), CHEAP).await.unwrap();
        assert_eq!((right, wrong, nobody), (PasswordCheck::Right, PasswordCheck::Wrong, PasswordCheck::Wrong));
    });
    let report = pool.report();
    assert_eq!((report.hashed, report.verified, report.verified_unknown, report.hashes()), (1, 2, 1, 4));
    assert_eq!((report.waiting, report.running, report.panics), (0, 0, 0));
}

#[test]
fn a_panic_is_answered_as_a_bug_and_the_thread_goes_on() {
    let pool = pool();
    with_threads(&pool, 1, async {
        let place = pool.reserve(network(1), Priority::Login).unwrap();
        let answer = place.submit::<()>(|_, _| panic!("planted")).await;
        assert_eq!(answer, Err(Fault::bug("a hash panicked: planted")));
        let place = pool.reserve(network(1), Priority::Login).unwrap();
        assert!(place.hash(Secret::new("a long password"), [1; SALT_BYTES]).await.is_ok());
    });
    assert_eq!(pool.report().panics, 1);
}

#[test]
fn a_stored_hash_that_cannot_be_read_is_a_bug() {
    let pool = pool();
    with_threads(&pool, 1, async {
        let place = pool.reserve(network(1), Priority::Login).unwrap();
        let answer = place.verify("nonsense".into(), Secret::new("x")).await;
        assert_eq!(answer, Err(Fault::bug("a stored password hash cannot be read")));
    });
}

#[test]
fn places_are_refused_when_all_are_taken_and_free_when_dropped() {
    let pool = pool();
    let of_one: Vec<_> = (0..4).map(|_| pool.reserve(network(0), Priority::Login).unwrap()).collect();
    assert_eq!(pool.reserve(network(0), Priority::Login).err(), Some(Fault::overloaded()));
    let others: Vec<_> = (1..=60).map(|n| pool.reserve(network(n), Priority::Login).unwrap()).collect();
    assert_eq!(pool.reserve(network(99), Priority::Login).err(), Some(Fault::overloaded()));
    assert_eq!((pool.report().waiting, pool.report().refused), (64, 2));
    drop(of_one);
    assert!(pool.reserve(network(0), Priority::Login).is_ok());
    drop(others);
    assert_eq!(pool.report().waiting, 0);
}

#[tokio::test]
async fn logins_are_run_before_registrations() {
    let pool = pool();
    let order = Arc::new(Mutex::new(Vec::new()));
    let submit = |priority, name: &'static str| {
        let order = Arc::clone(&order);
        pool.reserve(network(1), priority).unwrap().submit(move |_, _| {
            order.lock().unwrap().push(name);
            Ok(())
        })
    };
    let line = (
        submit(Priority::Registration, "r1"),
        submit(Priority::Registration, "r2"),
        submit(Priority::Login, "l1"),
        submit(Priority::Login, "l2"),
    );
    let waiting = async {
        let (a, b, c, d) = tokio::join!(line.0, line.1, line.2, line.3);
        assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    };
    // The first poll of `waiting` queues all four jobs.
    tokio::join!(waiting, async { while step(&pool) {} });
    assert_eq!(*order.lock().unwrap(), ["l1", "l2", "r1", "r2"]);
}

#[tokio::test]
async fn a_job_whose_caller_has_stopped_waiting_is_not_started() {
    let pool = pool();
    let place = pool.reserve(network(1), Priority::Login).unwrap();
    let hash = place.hash(Secret::new("a long password"), [1; SALT_BYTES]);
    // One poll queues the job; then its caller stops waiting.
    assert!(hash.now_or_never().is_none());
    assert!(step(&pool));
    let report = pool.report();
    assert_eq!((report.hashed, report.skipped, report.waiting, report.running), (0, 1, 0, 0));
}

#[tokio::test]
async fn a_caller_whose_job_is_dropped_is_answered_with_unavailable() {
    let pool = pool();
    let place = pool.reserve(network(1), Priority::Login).unwrap();
    let waiting = place.verify_unknown(Secret::new("x"), CHEAP);
    let (answer, ()) = tokio::join!(waiting, async { drop(pool.shared.queue().take().unwrap()) });
    assert_eq!(answer, Err(Fault::Unavailable));
    assert_eq!(pool.report().waiting, 0);
}

#[test]
fn a_hundred_at_once_from_many_networks_are_all_answered_or_refused() {
    let pool = pool();
    let (answered, refused) = with_threads(&pool, 4, async {
        let attempts = (0..100_u8).map(|n| {
            let pool = pool.clone();
            async move {
                match pool.reserve(network(n), Priority::Login) {
                    Ok(place) => place.verify_unknown(Secret::new("x"), CHEAP).await.map(|_| true),
                    Err(_) => Ok(false),
                }
            }
        });
        let answers = futures::future::join_all(attempts).await;
        let tried = answers.iter().filter(|answer| **answer == Ok(true)).count();
        let refused = answers.iter().filter(|answer| **answer == Ok(false)).count();
        (tried, refused)
    });
    assert_eq!(answered + refused, 100);
    assert!(answered >= 64);
    assert_eq!(usize::try_from(pool.report().verified_unknown).unwrap(), answered);
}
