//! The statistics of one child of the tree. They are written where events occur and read without a message to the
//! actor, so they can be read while it is stuck.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{control::ChildControl, policy::RestartPolicy, sync::lock};
use crate::{
    telemetry::actors::{ActorFailure, ActorStatus, LeaseReport},
    types::{Places, Timestamp, limits},
};

/// A count since the start.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_many(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of one actor. The fields are those of `telemetry::actors::WorkReport` and `ActorWork`; `accepted`
/// counts messages that entered the backlog and were not turned back.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) turned_back: Count,
    pub(super) refused: Count,
    pub(super) expired: Count,
    pub(super) abandoned: Count,
    pub(super) handled: Count,
    pub(super) failed: Count,
    pub(super) panics: Count,
    /// Microseconds that messages waited until they were taken out of the mailbox.
    pub(super) waited_us: Count,
}

/// The status, and since when it holds.
#[derive(Clone, Copy)]
pub(super) struct StatusSince {
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

/// The statistics of one child of the tree.
pub(super) struct ActorRecord {
    pub(super) path: Arc<str>,
    pub(super) kind: &'static str,
    pub(super) parent: Option<Arc<str>>,
    pub(super) capacity: usize,
    pub(super) policy: RestartPolicy,
    /// Its place in the order of the start among its siblings.
    pub(super) order: usize,
    /// It is a group, which has no work of its own.
    pub(super) is_group: bool,
    pub(super) counts: Counts,
    pub(super) backlog: Backlog,
    /// Permits in use: messages queued and work running.
    taken: AtomicUsize,
    pub(super) jobs_running: AtomicUsize,
    pub(super) generation: AtomicU64,
    pub(super) restarts: Mutex<Restarts>,
    standing: Mutex<StatusSince>,
    pub(super) handling: CurrentHandling,
    wakes_at: Mutex<Option<Timestamp>>,
    lease: Mutex<Option<LeaseReport>>,
    last_failure: Mutex<Option<ActorFailure>>,
    control: Mutex<Option<ChildControl>>,
}

/// The fixed parts of a record.
pub(super) struct Identity {
    pub(super) path: Arc<str>,
    pub(super) kind: &'static str,
    pub(super) parent: Option<Arc<str>>,
    pub(super) capacity: usize,
    pub(super) policy: RestartPolicy,
    pub(super) order: usize,
    pub(super) is_group: bool,
}

impl ActorRecord {
    pub(super) fn new(identity: Identity, now: Instant) -> Self {
        let Identity { path, kind, parent, capacity, policy, order, is_group } = identity;
        Self {
            path,
            kind,
            parent,
            capacity,
            policy,
            order,
            is_group,
            counts: Counts::default(),
            backlog: Backlog::new(capacity, now),
            taken: AtomicUsize::new(0),
            jobs_running: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            restarts: Mutex::new(Restarts { total: 0, in_window: 0, by_operator: 0 }),
            standing: Mutex::new(StatusSince { status: ActorStatus::Waiting, until: None, since: now }),
            handling: CurrentHandling::new(now),
            wakes_at: Mutex::new(None),
            lease: Mutex::new(None),
            last_failure: Mutex::new(None),
            control: Mutex::new(None),
        }
    }

    pub(super) fn stand(&self, status: ActorStatus, now: Instant) {
        *lock(&self.standing) = StatusSince { status, until: None, since: now };
    }

    pub(super) fn stand_until(&self, status: ActorStatus, until: Timestamp, now: Instant) {
        *lock(&self.standing) = StatusSince { status, until: Some(until), since: now };
    }

    pub(super) fn standing(&self) -> StatusSince {
        *lock(&self.standing)
    }

    /// Whether the actor is stopping, so that dropped work is not a bug.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.standing().status, ActorStatus::Draining | ActorStatus::Stopped)
    }

    pub(super) fn failed(&self, at: Timestamp, reason: &str) {
        let reason = reason.chars().take(limits::FAILURE_TEXT_MAX).collect();
        *lock(&self.last_failure) = Some(ActorFailure { at, reason });
    }

    /// When this run of the actor wakes by a timer; `None`: by messages only.
    pub(super) fn set_wakes_at(&self, at: Option<Timestamp>) {
        *lock(&self.wakes_at) = at;
    }

    /// When the actor wakes by a timer. Timers end with the run that set them, so only a running actor has one.
    pub(super) fn wakes_at(&self) -> Option<Timestamp> {
        match self.standing().status {
            ActorStatus::Running => *lock(&self.wakes_at),
            ActorStatus::Waiting
            | ActorStatus::Starting
            | ActorStatus::Restarting
            | ActorStatus::Parked
            | ActorStatus::Draining
            | ActorStatus::Stopped => None,
        }
    }

    /// The lease without which the actor does not work, and whether it holds it.
    pub(super) fn set_lease(&self, lease: LeaseReport) {
        *lock(&self.lease) = Some(lease);
    }

    /// The lease of a running actor that needs one.
    pub(super) fn lease(&self) -> Option<LeaseReport> {
        let is_running = self.standing().status == ActorStatus::Running;
        lock(&self.lease).clone().filter(|_| is_running)
    }

    pub(super) fn last_failure(&self) -> Option<ActorFailure> {
        lock(&self.last_failure).clone()
    }

    /// Takes a permit if one is left. No caller waits for a permit, so a counter is enough.
    pub(super) fn try_take_permit(&self) -> bool {
        let one_more = |taken: usize| (taken < self.capacity).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// Permits in use.
    pub(super) fn permits_taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Messages that entered the mailbox.
    pub(super) fn accepted(&self) -> u64 {
        self.backlog.came().saturating_sub(self.counts.turned_back.get())
    }

    pub(super) fn set_control(&self, control: ChildControl) {
        *lock(&self.control) = Some(control);
    }

    pub(super) fn control(&self) -> Option<ChildControl> {
        lock(&self.control).clone()
    }

    /// Whether one message has been handled, or has waited, for `limits::STUCK_AFTER`.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        let handling = self.handling.now().map(|(_, since)| now.saturating_duration_since(since));
        handling.into_iter().chain(self.backlog.oldest(now)).any(|age| age >= limits::STUCK_AFTER)
    }
}

impl Places for ActorRecord {
    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The message that is being handled, and since when. The two are read separately: for an instant they may belong to
/// consecutive messages, which is acceptable for a report.
pub(super) struct CurrentHandling {
    origin: Instant,
    /// Microseconds from `origin` plus one; 0: no message is being handled.
    since_us: AtomicU64,
    kind: Mutex<&'static str>,
    /// The address of the text in `kind`.
    last_kind: AtomicUsize,
}

impl CurrentHandling {
    fn new(origin: Instant) -> Self {
        Self { origin, since_us: AtomicU64::new(0), kind: Mutex::new(""), last_kind: AtomicUsize::new(0) }
    }

    /// Reports what is being handled, until the guard is dropped.
    pub(super) fn begin(&self, kind: &'static str, now: Instant) -> HandlingGuard<'_> {
        // Most messages have the kind of the one before: then no lock is taken.
        let address = kind.as_ptr() as usize;
        if self.last_kind.load(Ordering::Relaxed) != address {
            let mut shown = lock(&self.kind);
            *shown = kind;
            self.last_kind.store(address, Ordering::Relaxed);
        }
        self.since_us.store(micros_since(self.origin, now) + 1, Ordering::Release);
        HandlingGuard(self)
    }

    pub(super) fn now(&self) -> Option<(&'static str, Instant)> {
        let since = self.since_us.load(Ordering::Acquire).checked_sub(1)?;
        Some((*lock(&self.kind), self.origin + Duration::from_micros(since)))
    }
}

/// Clears the handled message, also when the handler panics or is killed.
pub(super) struct HandlingGuard<'a>(&'a CurrentHandling);

impl Drop for HandlingGuard<'_> {
    fn drop(&mut self) {
        self.0.since_us.store(0, Ordering::Release);
    }
}

/// The arrival of each waiting message, in the order of the mailbox: a ring of instants between two counts.
pub(super) struct Backlog {
    origin: Instant,
    came: AtomicU64,
    went: AtomicU64,
    high_water: AtomicU64,
    since_us: Box<[AtomicU64]>,
}

impl Backlog {
    fn new(capacity: usize, origin: Instant) -> Self {
        // Timers and nudges need no permit: the ring has 8 places more than there are permits.
        let places = if capacity == 0 { 1 } else { (capacity + 8).next_power_of_two() };
        Self {
            origin,
            came: AtomicU64::new(0),
            went: AtomicU64::new(0),
            high_water: AtomicU64::new(0),
            since_us: (0..places).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn place(&self, count: u64) -> &AtomicU64 {
        &self.since_us[count as usize & (self.since_us.len() - 1)]
    }

    /// `now` on the scale of `enter`.
    pub(super) fn moment(&self, now: Instant) -> u64 {
        micros_since(self.origin, now)
    }

    pub(super) fn enter(&self, moment: u64) {
        let count = self.came.fetch_add(1, Ordering::AcqRel);
        self.place(count).store(moment, Ordering::Release);
        let depth = (count + 1).saturating_sub(self.went.load(Ordering::Acquire));
        if depth > self.high_water.load(Ordering::Relaxed) {
            self.high_water.fetch_max(depth, Ordering::Relaxed);
        }
    }

    fn came(&self) -> u64 {
        self.came.load(Ordering::Acquire)
    }

    pub(super) fn leave(&self) {
        self.went.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn depth(&self) -> u64 {
        let went = self.went.load(Ordering::Acquire);
        self.came().saturating_sub(went)
    }

    pub(super) fn high_water(&self) -> u64 {
        self.high_water.load(Ordering::Relaxed)
    }

    /// The age of the oldest message. Messages taken back or dropped out of order shift it by one or two.
    pub(super) fn oldest(&self, now: Instant) -> Option<Duration> {
        let went = self.went.load(Ordering::Acquire);
        let is_waiting = self.came() > went;
        let since = Duration::from_micros(self.place(went).load(Ordering::Acquire));
        is_waiting.then(|| now.saturating_duration_since(self.origin + since))
    }
}

fn micros_since(origin: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(origin).as_micros()).unwrap_or(u64::MAX - 1)
}
