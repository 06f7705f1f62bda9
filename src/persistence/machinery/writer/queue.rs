//! The bounded queue of the writer, in two lanes; awaited by a thread in production, by a task in tests.
//!
//! A flood in the bulk lane fills only that lane: the places of the prompt lane stay free.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::job::{Job, WriteLane};
use crate::types::{Fault, limits};

/// A job with its place in the queue.
type Waiting = (Box<dyn Job>, OwnedSemaphorePermit);

/// The jobs of each lane, first in first out.
#[derive(Default)]
struct Line {
    prompt: VecDeque<Waiting>,
    bulk: VecDeque<Waiting>,
    closed: bool,
}

impl Line {
    fn lane(&mut self, lane: WriteLane) -> &mut VecDeque<Waiting> {
        match lane {
            WriteLane::Prompt => &mut self.prompt,
            WriteLane::Bulk => &mut self.bulk,
        }
    }

    fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.bulk.is_empty()
    }
}

/// The lane from which a group takes its next closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The bulk lane if a job waits there, else the prompt lane.
    Bulk,
    /// The prompt lane if a job waits there, else the bulk lane.
    Prompt,
    /// The prompt lane only: bulk work has used its share of this group.
    PromptOnly,
}

/// The jobs that wait for the writer.
pub(crate) struct WriterQueue {
    line: Mutex<Line>,
    prompt_places: Arc<Semaphore>,
    bulk_places: Arc<Semaphore>,
    thread: Condvar,
    task: Notify,
}

/// The state of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkFound {
    Work,
    /// No job came before the timeout.
    Nothing,
    /// The queue is closed and empty.
    End,
}

impl WriterQueue {
    pub(crate) fn new() -> Self {
        Self {
            line: Mutex::default(),
            prompt_places: Arc::new(Semaphore::new(limits::WRITE_QUEUE_MAX)),
            bulk_places: Arc::new(Semaphore::new(limits::BULK_QUEUE_MAX)),
            thread: Condvar::new(),
            task: Notify::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // No step under this lock can panic half way.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, lane: WriteLane) -> Arc<Semaphore> {
        Arc::clone(match lane {
            WriteLane::Prompt => &self.prompt_places,
            WriteLane::Bulk => &self.bulk_places,
        })
    }

    /// Takes a place in a lane: `Overloaded` if none is free until `deadline`, `Unavailable` if the queue is closed.
    pub(crate) async fn place(&self, lane: WriteLane, deadline: Instant) -> Result<OwnedSemaphorePermit, Fault> {
        match self.places(lane).try_acquire_owned() {
            Ok(place) => Ok(place),
            Err(TryAcquireError::Closed) => Err(Fault::Unavailable),
            Err(TryAcquireError::NoPermits) => {
                let place = self.places(lane).acquire_owned();
                match tokio::time::timeout_at(deadline.into(), place).await {
                    Ok(place) => place.map_err(|_| Fault::Unavailable),
                    Err(_) => Err(Fault::overloaded()),
                }
            }
        }
    }

    /// Adds a job to its lane; returns the job if the queue is closed.
    pub(crate) fn push(&self, job: Box<dyn Job>, place: OwnedSemaphorePermit) -> Result<(), Box<dyn Job>> {
        let mut line = self.line();
        if line.closed {
            return Err(job);
        }
        line.lane(job.write().lane).push_back((job, place));
        drop(line);
        self.thread.notify_one();
        self.task.notify_one();
        Ok(())
    }

    /// The next job by `turn`, if one waits; its place is free again.
    pub(crate) fn take(&self, turn: Turn) -> Option<Box<dyn Job>> {
        let mut line = self.line();
        let Line { prompt, bulk, .. } = &mut *line;
        let taken = match turn {
            Turn::Bulk => bulk.pop_front().or_else(|| prompt.pop_front()),
            Turn::Prompt => prompt.pop_front().or_else(|| bulk.pop_front()),
            Turn::PromptOnly => prompt.pop_front(),
        };
        taken.map(|(job, _place)| job)
    }

    /// The number of jobs that wait in a lane.
    pub(crate) fn len(&self, lane: WriteLane) -> usize {
        self.line().lane(lane).len()
    }

    /// Accepts no more jobs; the waiting ones are still run.
    pub(crate) fn close(&self) {
        self.line().closed = true;
        self.prompt_places.close();
        self.bulk_places.close();
        self.thread.notify_all();
        self.task.notify_one();
    }

    fn look(line: &Line) -> WorkFound {
        match (line.is_empty(), line.closed) {
            (false, _) => WorkFound::Work,
            (true, true) => WorkFound::End,
            (true, false) => WorkFound::Nothing,
        }
    }

    /// Blocks the thread until there is work, the queue has ended, or `timeout` has passed.
    pub(crate) fn wait(&self, timeout: Duration) -> WorkFound {
        let line = self.line();
        match Self::look(&line) {
            WorkFound::Nothing => {
                let waited = self.thread.wait_timeout(line, timeout).unwrap_or_else(PoisonError::into_inner);
                Self::look(&waited.0)
            }
            found @ (WorkFound::Work | WorkFound::End) => found,
        }
    }

    /// Waits in a task until there is work or the queue has ended.
    pub(crate) async fn wait_in_task(&self) -> WorkFound {
        loop {
            match Self::look(&self.line()) {
                WorkFound::Nothing => {}
                found @ (WorkFound::Work | WorkFound::End) => return found,
            }
            self.task.notified().await;
        }
    }
}
