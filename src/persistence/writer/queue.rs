//! The bounded queue in front of the writer; waited on by a thread in production, by a task in tests.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::job::Job;
use crate::types::{Fault, limits};

/// A job with the place it takes in the queue.
type Waiting = (Box<dyn Job>, OwnedSemaphorePermit);

#[derive(Default)]
struct Line {
    jobs: VecDeque<Waiting>,
    closed: bool,
}

/// Jobs in the order they came.
pub(crate) struct Queue {
    line: Mutex<Line>,
    places: Arc<Semaphore>,
    thread: Condvar,
    task: Notify,
}

/// What the writer finds when it looks for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Jobs wait.
    Work,
    /// None came in the time it waited.
    Nothing,
    /// The queue is closed and empty.
    End,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            line: Mutex::default(),
            places: Arc::new(Semaphore::new(limits::WRITE_QUEUE_MAX)),
            thread: Condvar::new(),
            task: Notify::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // No step under this lock can panic half way.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the queue, as soon as there is one: `Overloaded` if there is none until `deadline`, `Unavailable`
    /// once it is closed.
    pub(crate) async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Fault> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Ok(place),
            Err(TryAcquireError::Closed) => Err(Fault::Unavailable),
            Err(TryAcquireError::NoPermits) => {
                let place = Arc::clone(&self.places).acquire_owned();
                match tokio::time::timeout_at(deadline.into(), place).await {
                    Ok(place) => place.map_err(|_| Fault::Unavailable),
                    Err(_) => Err(Fault::overloaded()),
                }
            }
        }
    }

    /// Adds a job; false if the queue is closed, and then the job is dropped.
    pub(crate) fn push(&self, job: Box<dyn Job>, place: OwnedSemaphorePermit) -> bool {
        let mut line = self.line();
        if line.closed {
            return false;
        }
        line.jobs.push_back((job, place));
        drop(line);
        self.thread.notify_one();
        self.task.notify_one();
        true
    }

    /// The next job, if one waits; its place is free again.
    pub(crate) fn take(&self) -> Option<Box<dyn Job>> {
        self.line().jobs.pop_front().map(|(job, _place)| job)
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.line().jobs.len()
    }

    /// Takes no more jobs; those that wait are still done.
    pub(crate) fn close(&self) {
        self.line().closed = true;
        self.places.close();
        self.thread.notify_all();
        self.task.notify_one();
    }

    fn look(line: &Line) -> Found {
        match (line.jobs.is_empty(), line.closed) {
            (false, _) => Found::Work,
            (true, true) => Found::End,
            (true, false) => Found::Nothing,
        }
    }

    /// Blocks the thread until there is work, the end, or `patience` is over.
    pub(crate) fn wait(&self, patience: Duration) -> Found {
        let line = self.line();
        match Self::look(&line) {
            Found::Nothing => {
                let waited = self.thread.wait_timeout(line, patience).unwrap_or_else(PoisonError::into_inner);
                Self::look(&waited.0)
            }
            found @ (Found::Work | Found::End) => found,
        }
    }

    /// Waits in a task until there is work or the end.
    pub(crate) async fn wait_in_task(&self) -> Found {
        loop {
            match Self::look(&self.line()) {
                Found::Nothing => {}
                found @ (Found::Work | Found::End) => return found,
            }
            self.task.notified().await;
        }
    }
}
