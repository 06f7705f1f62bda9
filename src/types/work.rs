//! What one call carries from the mailbox through its job into the store's writer.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

/// Kept alive for as long as work is queued or running: a mailbox permit, counted until the work is really over.
pub type Hold = Arc<dyn Any + Send + Sync>;

const QUEUED: u8 = 0;
const BEGUN: u8 = 1;
const WRITING: u8 = 2;
const ABANDONED: u8 = 3;

/// A call's deadline, its permit, and how far it has come. Clones speak of the same call.
///
/// ```text
/// queued --begin--> begun --start_writing--> writing
///    \__________________\____abandon__> abandoned      (the caller left, or its deadline passed)
/// ```
#[derive(Clone)]
pub struct Work {
    /// After this instant nothing new is started for the call.
    pub deadline: Instant,
    progress: Arc<AtomicU8>,
    hold: Option<Hold>,
}

impl Work {
    /// Work that nobody queued: no permit to hold.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, progress: Arc::new(AtomicU8::new(QUEUED)), hold: None }
    }

    /// Work that holds `hold` until the last clone is dropped.
    pub fn holding(deadline: Instant, hold: Hold) -> Self {
        Self { hold: Some(hold), ..Self::until(deadline) }
    }

    /// The same call without its permit, for one who watches over it and must not keep the place taken.
    pub fn observer(&self) -> Self {
        Self { deadline: self.deadline, progress: Arc::clone(&self.progress), hold: None }
    }

    /// The handler begins. False if the caller has gone: then drop the work.
    pub fn begin(&self) -> bool {
        self.advance(BEGUN)
    }

    /// The writer starts a transaction for this call. False if the caller has gone: then do not run it.
    pub fn start_writing(&self) -> bool {
        self.advance(WRITING)
    }

    fn advance(&self, to: u8) -> bool {
        self.progress
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |from| (from != ABANDONED).then_some(from.max(to)))
            .is_ok()
    }

    /// The caller leaves. True if no transaction was started, so that none will be.
    pub fn abandon(&self) -> bool {
        self.progress
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |from| (from != WRITING).then_some(ABANDONED))
            .is_ok()
    }

    /// Whether the handler has begun.
    pub fn has_begun(&self) -> bool {
        matches!(self.progress.load(Ordering::Acquire), BEGUN | WRITING)
    }

    /// Whether a transaction was started, so that a crash leaves the outcome unknown.
    pub fn has_started_writing(&self) -> bool {
        self.progress.load(Ordering::Acquire) == WRITING
    }

    /// Whether the caller has gone.
    pub fn is_abandoned(&self) -> bool {
        self.progress.load(Ordering::Acquire) == ABANDONED
    }

    /// Whether a permit rides along.
    pub fn holds_permit(&self) -> bool {
        self.hold.is_some()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("deadline", &self.deadline)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
