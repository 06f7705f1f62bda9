//! The pool: places, jobs, and the loop of each thread.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use super::queue::{HasherQueue, Priority, QueueIsFull};
use crate::{
    crypto::password::{PasswordCheck, PasswordCost, PasswordFault, PasswordHasher, SALT_BYTES, Scratch},
    types::{Fault, Network, Secret, limits},
};

/// An idle thread frees its scratch memory after this time.
const IDLE: Duration = Duration::from_secs(1);

/// The bounds of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasherBounds {
    /// The total number of places.
    pub waiting: usize,
    /// The number of places of one network.
    pub waiting_by_network: usize,
}

impl Default for HasherBounds {
    fn default() -> Self {
        Self { waiting: limits::HASHER_QUEUE, waiting_by_network: limits::HASHER_QUEUE_PER_NETWORK }
    }
}

/// The counts of the pool since its creation, and its present load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HasherReport {
    /// Hashes made of new passwords.
    pub hashed: u64,
    /// Comparisons with a stored hash.
    pub verified: u64,
    /// Comparisons for an identifier without a user, which cost the same.
    pub verified_unknown: u64,
    /// KiB of memory times passes, of all hashes.
    pub work: u64,
    /// Jobs that were not started because their caller had stopped waiting.
    pub skipped: u64,
    /// Requests for a place that were refused.
    pub refused: u64,
    /// Jobs that panicked.
    pub panics: u64,
    /// Places taken now.
    pub waiting: u64,
    /// Jobs running now.
    pub running: u64,
}

impl HasherReport {
    /// The number of all hashes.
    pub fn hashes(&self) -> u64 {
        self.hashed + self.verified + self.verified_unknown
    }
}

#[derive(Default)]
struct Counts {
    hashed: AtomicU64,
    verified: AtomicU64,
    verified_unknown: AtomicU64,
    work: AtomicU64,
    skipped: AtomicU64,
    refused: AtomicU64,
    panics: AtomicU64,
    running: AtomicU64,
}

/// The work of a place, which a thread runs.
type Job = Box<dyn FnOnce(&Shared, &mut Scratch) -> Ran + Send>;

/// The end of a job.
enum Ran {
    /// The job ran and its caller got the answer.
    Answered,
    /// The caller had stopped waiting.
    Skipped,
    /// The job panicked, and its caller got a `Bug`.
    Panicked,
}

struct Shared {
    hasher: PasswordHasher,
    queue: Mutex<HasherQueue<Job>>,
    /// Wakes the threads: a job was put, or they shall end.
    wake: Condvar,
    counts: Counts,
}

impl Shared {
    /// Each statement leaves the queue consistent, so it is usable after a panic of another thread.
    fn queue(&self) -> MutexGuard<'_, HasherQueue<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle of the pool. Cheap to clone.
#[derive(Clone)]
pub struct HasherPool {
    shared: Arc<Shared>,
}

/// A reserved place of the queue. It is reserved before a login attempt is counted, so that an attempt without a place
/// is not counted. Its drop releases it.
pub struct HasherPlace {
    shared: Arc<Shared>,
    network: Network,
    priority: Priority,
    is_filled: bool,
}

impl HasherPool {
    /// A pool without threads.
    pub fn new(hasher: PasswordHasher, bounds: HasherBounds) -> Self {
        let queue = Mutex::new(HasherQueue::new(bounds.waiting, bounds.waiting_by_network));
        let shared = Shared { hasher, queue, wake: Condvar::new(), counts: Counts::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Reserves a place for a caller from `network`. Fails with `Overloaded` if none is free.
    pub fn reserve(&self, network: Network, priority: Priority) -> Result<HasherPlace, Fault> {
        let reserved = self.shared.queue().reserve(network);
        match reserved {
            Ok(()) => Ok(HasherPlace { shared: Arc::clone(&self.shared), network, priority, is_filled: false }),
            Err(QueueIsFull) => {
                self.shared.counts.refused.fetch_add(1, Ordering::Relaxed);
                Err(Fault::overloaded())
            }
        }
    }

    /// The loop of one thread, until `is_over` returns true; it is called between jobs and after `wake_all`. Blocks.
    /// The loop may run again after a panic of its own, which loses only the running job.
    pub fn run_until(&self, is_over: impl Fn() -> bool) {
        let mut scratch = Scratch::default();
        while let Some(job) = self.wait_for_job(&mut scratch, &is_over) {
            self.run_job(job, &mut scratch);
        }
    }

    /// Wakes every thread, which then calls its `is_over`.
    pub fn wake_all(&self) {
        // Under the lock, so that no thread is between its call of `is_over` and its wait.
        let queue = self.shared.queue();
        self.shared.wake.notify_all();
        drop(queue);
    }

    /// The counts and the present load.
    pub fn report(&self) -> HasherReport {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HasherReport {
            hashed: read(&counts.hashed),
            verified: read(&counts.verified),
            verified_unknown: read(&counts.verified_unknown),
            work: read(&counts.work),
            skipped: read(&counts.skipped),
            refused: read(&counts.refused),
            panics: read(&counts.panics),
            waiting: u64::try_from(self.shared.queue().taken()).unwrap_or(u64::MAX),
            running: read(&counts.running),
        }
    }

    /// The cost of new hashes.
    pub fn cost(&self) -> PasswordCost {
        self.shared.hasher.cost()
    }

    /// The cost of a stored hash; `None` if it cannot be read.
    pub fn cost_of(&self, stored: &str) -> Option<PasswordCost> {
        self.shared.hasher.cost_of(stored)
    }

    /// The id of the pepper of a stored hash, if it is not configured.
    pub fn missing_pepper(&self, stored: &str) -> Option<String> {
        self.shared.hasher.missing_pepper(stored)
    }

    fn wait_for_job(&self, scratch: &mut Scratch, is_over: &impl Fn() -> bool) -> Option<Job> {
        let mut queue = self.shared.queue();
        loop {
            if is_over() {
                // The wake-up may have been for a job: another thread takes it.
                self.shared.wake.notify_one();
                return None;
            }
            if let Some(job) = queue.take() {
                return Some(job);
            }
            if scratch.is_empty() {
                queue = self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, waited) = self.shared.wake.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if waited.timed_out() {
                *scratch = Scratch::default();
            }
        }
    }

    fn run_job(&self, job: Job, scratch: &mut Scratch) {
        let counts = &self.shared.counts;
        counts.running.fetch_add(1, Ordering::Relaxed);
        match job(&self.shared, scratch) {
            Ran::Answered => (),
            Ran::Skipped => {
                counts.skipped.fetch_add(1, Ordering::Relaxed);
            }
            Ran::Panicked => {
                counts.panics.fetch_add(1, Ordering::Relaxed);
                *scratch = Scratch::default();
            }
        }
        counts.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HasherPlace {
    /// Compares `password` with a stored PHC string. Fails with `Bug` if the string cannot be read.
    pub async fn verify(self, stored: String, password: Secret) -> Result<PasswordCheck, Fault> {
        self.submit(move |shared, scratch| {
            shared.counts.verified.fetch_add(1, Ordering::Relaxed);
            let work = shared.hasher.cost_of(&stored).map_or(0, PasswordCost::work);
            shared.counts.work.fetch_add(work, Ordering::Relaxed);
            shared.hasher.verify(scratch, &stored, &password)
        })
        .await
    }

    /// Does the work of `verify` for an identifier that no user has. Always `Wrong`.
    pub async fn verify_unknown(self, password: Secret, cost: PasswordCost) -> Result<PasswordCheck, Fault> {
        self.submit(move |shared, scratch| {
            shared.counts.verified_unknown.fetch_add(1, Ordering::Relaxed);
            shared.counts.work.fetch_add(cost.work(), Ordering::Relaxed);
            shared.hasher.verify_unknown(scratch, &password, cost)
        })
        .await
    }

    /// The PHC string of a new password with the caller's random salt.
    pub async fn hash(self, password: Secret, salt: [u8; SALT_BYTES]) -> Result<String, Fault> {
        self.submit(move |shared, scratch| {
            shared.counts.hashed.fetch_add(1, Ordering::Relaxed);
            shared.counts.work.fetch_add(shared.hasher.cost().work(), Ordering::Relaxed);
            shared.hasher.hash(scratch, &password, salt)
        })
        .await
    }

    async fn submit<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&Shared, &mut Scratch) -> Result<T, PasswordFault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel::<Result<T, Fault>>();
        let job: Job = Box::new(move |shared, scratch| {
            if reply.is_closed() {
                return Ran::Skipped;
            }
            // After a panic the scratch memory is discarded; no other state is shared.
            let (ran, result) = match catch_unwind(AssertUnwindSafe(|| work(shared, scratch))) {
                Ok(result) => (Ran::Answered, result.map_err(|fault| Fault::bug(fault.to_string()))),
                Err(panic) => (Ran::Panicked, Err(Fault::bug(format!("a hash panicked: {}", message(&*panic))))),
            };
            // The caller may have stopped waiting during the hash.
            let _abandoned = reply.send(result);
            ran
        });
        self.is_filled = true;
        self.shared.queue().put(self.network, self.priority, job);
        self.shared.wake.notify_one();
        answer.await.unwrap_or(Err(Fault::Unavailable))
    }
}

impl Drop for HasherPlace {
    fn drop(&mut self) {
        if !self.is_filled {
            self.shared.queue().release(self.network);
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
