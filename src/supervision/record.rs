//! The figures of one child of the tree. They are written where things happen and read without asking the actor, so
//! they can be read while it is stuck.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{control::Control, policy::RestartPolicy, sync::lock};
use crate::{
    telemetry::actors::{ActorStatus, Failure},
    types::{Timestamp, limits},
};

/// A count since the start.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn take_back(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one actor has done. The fields are those of `telemetry::actors::WorkReport`.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) accepted: Count,
    pub(super) refused: Count,
    pub(super) expired: Count,
    pub(super) abandoned: Count,
    pub(super) handled: Count,
    pub(super) failed: Count,
    pub(super) panics: Count,
}

/// The status and since when it holds.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) status: ActorStatus,
    pub(super) until: Option<Timestamp>,
    pub(super) since: Instant,
}

/// Restarts as the supervisor counts them.
#[derive(Clone, Copy)]
pub(super) struct Restarts {
    pub(super) total: u64,
    pub(super) in_window: u64,
    pub(super) by_operator: u64,
}

/// The figures of one child of the tree.
pub(super) struct Record {
    pub(super) path: Arc<str>,
    pub(super) kind: &'static str,
    pub(super) parent: Option<Arc<str>>,
    pub(super) capacity: usize,
    pub(super) policy: RestartPolicy,
    /// Its place in the order of the start among its siblings.
    pub(super) order: usize,
    pub(super) counts: Counts,
    pub(super) backlog: Backlog,
    /// Permits taken; the semaphore itself is in the slot.
    pub(super) permits_taken: AtomicUsize,
    pub(super) jobs_running: AtomicUsize,
    pub(super) generation: AtomicU64,
    pub(super) restarts: Mutex<Restarts>,
    standing: Mutex<Standing>,
    handling: Mutex<Option<(&'static str, Instant)>>,
    last_failure: Mutex<Option<Failure>>,
    control: Mutex<Option<Control>>,
}

/// What a record is made of.
pub(super) struct Identity {
    pub(super) path: Arc<str>,
    pub(super) kind: &'static str,
    pub(super) parent: Option<Arc<str>>,
    pub(super) capacity: usize,
    pub(super) policy: RestartPolicy,
    pub(super) order: usize,
}

impl Record {
    pub(super) fn new(identity: Identity, now: Instant) -> Self {
        let Identity { path, kind, parent, capacity, policy, order } = identity;
        Self {
            path,
            kind,
            parent,
            capacity,
            policy,
            order,
            counts: Counts::default(),
            backlog: Backlog::new(capacity),
            permits_taken: AtomicUsize::new(0),
            jobs_running: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            restarts: Mutex::new(Restarts { total: 0, in_window: 0, by_operator: 0 }),
            standing: Mutex::new(Standing { status: ActorStatus::Waiting, until: None, since: now }),
            handling: Mutex::new(None),
            last_failure: Mutex::new(None),
            control: Mutex::new(None),
        }
    }

    pub(super) fn stand(&self, status: ActorStatus, now: Instant) {
        *lock(&self.standing) = Standing { status, until: None, since: now };
    }

    pub(super) fn stand_until(&self, status: ActorStatus, until: Timestamp, now: Instant) {
        *lock(&self.standing) = Standing { status, until: Some(until), since: now };
    }

    pub(super) fn standing(&self) -> Standing {
        *lock(&self.standing)
    }

    /// Whether it is on its way out, so that dropped work is no defect.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.standing().status, ActorStatus::Draining | ActorStatus::Stopped)
    }

    pub(super) fn failed(&self, at: Timestamp, reason: &str) {
        let reason = reason.chars().take(limits::FAILURE_TEXT_MAX).collect();
        *lock(&self.last_failure) = Some(Failure { at, reason });
    }

    pub(super) fn last_failure(&self) -> Option<Failure> {
        lock(&self.last_failure).clone()
    }

    /// Says what is being handled, until the guard is dropped.
    pub(super) fn handle(&self, kind: &'static str, now: Instant) -> HandlingGuard<'_> {
        *lock(&self.handling) = Some((kind, now));
        HandlingGuard(self)
    }

    pub(super) fn handling(&self) -> Option<(&'static str, Instant)> {
        *lock(&self.handling)
    }

    pub(super) fn set_control(&self, control: Control) {
        *lock(&self.control) = Some(control);
    }

    pub(super) fn control(&self) -> Option<Control> {
        lock(&self.control).clone()
    }

    /// Whether one message has been handled, or has been waiting, for longer than is good.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        let handling = self.handling().map(|(_, since)| now.saturating_duration_since(since));
        handling.into_iter().chain(self.backlog.oldest(now)).any(|age| age >= limits::STUCK_AFTER)
    }
}

/// Clears what is being handled, also when the handler panics or is killed.
pub(super) struct HandlingGuard<'a>(&'a Record);

impl Drop for HandlingGuard<'_> {
    fn drop(&mut self) {
        *lock(&self.0.handling) = None;
    }
}

/// When each waiting message came, in the order of the mailbox.
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    high_water: AtomicUsize,
}

struct Waiting {
    since: VecDeque<Instant>,
    /// Messages beyond those whose arrival is kept.
    more: usize,
    kept: usize,
}

impl Backlog {
    fn new(capacity: usize) -> Self {
        // Timers and nudges come without a permit: a few places more than there are permits.
        let waiting = Waiting { since: VecDeque::new(), more: 0, kept: capacity + 64 };
        Self { waiting: Mutex::new(waiting), high_water: AtomicUsize::new(0) }
    }

    pub(super) fn enter(&self, now: Instant) {
        let mut waiting = lock(&self.waiting);
        if waiting.since.len() < waiting.kept {
            waiting.since.push_back(now);
        } else {
            waiting.more += 1;
        }
        let depth = waiting.since.len() + waiting.more;
        drop(waiting);
        self.high_water.fetch_max(depth, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        let mut waiting = lock(&self.waiting);
        if waiting.more > 0 {
            waiting.more -= 1;
        } else {
            waiting.since.pop_front();
        }
    }

    pub(super) fn depth(&self) -> usize {
        let waiting = lock(&self.waiting);
        waiting.since.len() + waiting.more
    }

    pub(super) fn high_water(&self) -> usize {
        self.high_water.load(Ordering::Relaxed)
    }

    pub(super) fn oldest(&self, now: Instant) -> Option<Duration> {
        lock(&self.waiting).since.front().map(|since| now.saturating_duration_since(*since))
    }
}
