//! What a call carries from the mailbox through its job into the store's writer.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

/// A source of permits, such as a mailbox, that counts the permits in use.
pub trait Places: Send + Sync {
    /// Releases one permit: its work is over.
    fn give_back(&self);
}

const QUEUED: u8 = 0;
const BEGUN: u8 = 1;
const WRITING: u8 = 2;
const ABANDONED: u8 = 3;

/// A call's deadline, its permit, and its progress. Clones belong to the same call.
///
/// ```text
/// queued --begin--> begun --start_writing--> writing
///    \__________________\____abandon__> abandoned      (the caller left, or its deadline passed)
/// ```
#[derive(Clone)]
pub struct Work {
    /// After this instant no new work starts for the call.
    pub deadline: Instant,
    ticket: Arc<Ticket>,
}

/// One allocation per call: its progress, and its permit, which is released with the last clone of its work.
struct Ticket {
    progress: AtomicU8,
    places: Option<Arc<dyn Places>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(places) = &self.places {
            places.give_back();
        }
    }
}

impl Ticket {
    fn advance(&self, to: u8) -> bool {
        self.progress
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |from| (from != ABANDONED).then_some(from.max(to)))
            .is_ok()
    }

    fn abandon(&self) -> bool {
        self.progress
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |from| (from != WRITING).then_some(ABANDONED))
            .is_ok()
    }
}

impl Work {
    /// Work without a permit.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, ticket: Arc::new(Ticket { progress: AtomicU8::new(QUEUED), places: None }) }
    }

    /// Work with a permit, which is released to `places` when the last clone is dropped.
    pub fn placed(deadline: Instant, places: Arc<dyn Places>) -> Self {
        Self { deadline, ticket: Arc::new(Ticket { progress: AtomicU8::new(QUEUED), places: Some(places) }) }
    }

    /// An observer of the call, which does not hold its permit.
    pub fn observer(&self) -> Observer {
        Observer(Arc::downgrade(&self.ticket))
    }

    /// The handler begins. False if the caller has left: then drop the work.
    pub fn begin(&self) -> bool {
        self.ticket.advance(BEGUN)
    }

    /// The writer starts a transaction for this call. False if the caller has left: then do not run it.
    pub fn start_writing(&self) -> bool {
        self.ticket.advance(WRITING)
    }

    /// The caller leaves. True if no transaction was started; then none will be.
    pub fn abandon(&self) -> bool {
        self.ticket.abandon()
    }

    /// Whether the handler has begun.
    pub fn has_begun(&self) -> bool {
        matches!(self.progress(), BEGUN | WRITING)
    }

    /// Whether a transaction was started, so that a crash leaves the outcome unknown.
    pub fn has_started_writing(&self) -> bool {
        self.progress() == WRITING
    }

    /// Whether the caller has left.
    pub fn is_abandoned(&self) -> bool {
        self.progress() == ABANDONED
    }

    fn progress(&self) -> u8 {
        self.ticket.progress.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("deadline", &self.deadline)
            .field("progress", &self.ticket.progress)
            .finish_non_exhaustive()
    }
}

/// Observes a call without being part of its work.
pub struct Observer(Weak<Ticket>);

/// The state of the work when the caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// No transaction was started, and none will be.
    Undone,
    /// A transaction was started: its outcome is unknown.
    Writing,
    /// The work is over: it was answered before the caller left.
    Answered,
}

impl Observer {
    /// The caller leaves.
    pub fn abandon(&self) -> Left {
        match self.0.upgrade() {
            None => Left::Answered,
            Some(ticket) if ticket.abandon() => Left::Undone,
            Some(_) => Left::Writing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Given(AtomicUsize);

    impl Places for Given {
        fn give_back(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn work() -> (Arc<Given>, Work) {
        #[expect(clippy::disallowed_methods, reason = "some instant; no test waits for it")]
        let deadline = Instant::now();
        let given = Arc::new(Given::default());
        (Arc::clone(&given), Work::placed(deadline, given))
    }

    #[test]
    fn a_permit_is_released_once_with_the_last_clone() {
        let (given, work) = work();
        let (clone, observer) = (work.clone(), work.observer());
        drop(work);
        assert_eq!(given.0.load(Ordering::Relaxed), 0);
        drop(clone);
        assert_eq!(given.0.load(Ordering::Relaxed), 1);
        assert_eq!(observer.abandon(), Left::Answered);
        assert_eq!(given.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_caller_that_stops_waiting_learns_whether_a_transaction_was_started() {
        let (_, left_early) = work();
        assert!(left_early.begin());
        assert_eq!(left_early.observer().abandon(), Left::Undone);
        assert!(left_early.is_abandoned() && !left_early.start_writing());
        let (_, left_late) = work();
        assert!(left_late.begin() && left_late.start_writing());
        assert_eq!(left_late.observer().abandon(), Left::Writing);
        assert!(left_late.has_started_writing());
    }
}
