//! The relay of one subscriber.
//!
//! - **Owns:** the subscriber's watermark, marks, delayed events and dead letters; in memory the window of events above
//!   the watermark.
//! - **Wakes on:** a commit with events, the end of a hand-over, the time of a delayed event or of a watermark to save,
//!   an operator's order, its lease.
//! - **Promises:** events of one subject are handed over in their order; an effect that settles in its transaction
//!   happens exactly once, others at least once. It works only while it holds its lease.
//! - **Loses on crash:** the window, which is read from the store again; a hand-over that was under way is repeated.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    hand_over::{HandOverOutcome, PendingHandOver, RelayContext},
    subscriber::Subscriber,
    window::RelayWindow,
};
use crate::{
    actors::leased::{LeasedWorker, while_held},
    domain::event::EventEnvelope,
    persistence::{
        Lease, Store,
        events::{self, EventFilter, EventRange},
        log::LogHead,
        tables::subscription::{self, EventPlace, EventStanding},
    },
    supervision::{Next, Nudge, System, TaskCx},
    types::{Fault, limits},
};

/// The minimum interval between two saves of the watermark.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum interval between two reads of the delayed events, because the clock may be set forward.
const DELAYED_READ_MAX: Duration = Duration::from_secs(1);
/// The minimum interval between two reads of the delayed events.
const DELAYED_READ_MIN: Duration = Duration::from_millis(20);
/// Events in one read.
const PAGE: usize = 256;
/// Reads in one run.
const PAGES_AT_ONCE: usize = 16;

/// The worker: reads the event log for one subscriber and starts a job for each hand-over.
pub struct EventRelay {
    subscriber: Arc<dyn Subscriber>,
    store: Store,
    system: System,
    /// Wakes this relay; used by its jobs and by operators' commands.
    nudge: Nudge,
    changed: watch::Receiver<LogHead>,
    /// `None` until the first run under a lease has read it from the store.
    state: Option<RelayState>,
}

/// The results of jobs that the relay has not processed yet.
#[derive(Default)]
struct JobResults {
    outcomes: Vec<(PendingHandOver, HandOverOutcome)>,
    /// The watermark that a job saved, or its fault.
    saved: Option<Result<u64, Fault>>,
}

/// The state of a relay under one lease; under the next lease all of it is read from the store again.
struct RelayState {
    context: RelayContext,
    lease: Arc<Lease>,
    window: RelayWindow,
    results: Arc<Mutex<JobResults>>,
    filter: Arc<EventFilter>,
    /// The head of the log at the start. Events up to it may have been handed over before: their state is read.
    known_to: u64,
    saved: u64,
    is_saving: bool,
    may_save_at: Instant,
}

impl EventRelay {
    pub(super) fn new(subscriber: Arc<dyn Subscriber>, store: Store, system: System, nudge: Nudge) -> Self {
        let changed = store.events_changed();
        Self { subscriber, store, system, nudge, changed, state: None }
    }
}

impl LeasedWorker for EventRelay {
    const KIND: &'static str = "event_relay";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        // Later commits wake the relay.
        self.changed.mark_unchanged();
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.begin(lease).await?,
        };
        let next = self.run_once(cx, &mut state).await;
        self.state = Some(state);
        next
    }

    async fn wake(&mut self) {
        if self.changed.changed().await.is_err() {
            // The store is closed.
            std::future::pending::<()>().await;
        }
    }

    async fn stop(&mut self, _: &TaskCx) {
        let Some(state) = &self.state else { return };
        let watermark = state.window.watermark();
        if watermark > state.saved
            && let Err(fault) = state.context.advance(watermark).await
        {
            // Nothing is lost: the events above the saved watermark are marked, and the next run reads their marks.
            tracing::warn!(subscriber = self.subscriber.name(), %fault, "a watermark was not saved");
        }
    }
}

impl EventRelay {
    async fn begin(&self, lease: &Arc<Lease>) -> Result<RelayState, Fault> {
        let name = self.subscriber.name();
        let watermark = self.store.read(move |view| subscription::find(view, name)).await?;
        let watermark = watermark.map_or(0, |found| found.watermark);
        Ok(RelayState {
            context: RelayContext {
                subscriber: Arc::clone(&self.subscriber),
                store: self.store.clone(),
                system: self.system.clone(),
                fence: lease.fence(),
            },
            lease: Arc::clone(lease),
            window: RelayWindow::new(watermark),
            results: Arc::default(),
            filter: Arc::new(EventFilter { types: self.subscriber.types().into_iter().collect(), subject: None }),
            known_to: self.store.head(),
            saved: watermark,
            is_saving: false,
            may_save_at: self.system.clock().instant(),
        })
    }

    async fn run_once(&self, cx: &TaskCx, state: &mut RelayState) -> Result<Next, Fault> {
        state.take_results();
        let read = self.read_log(state).await;
        let delayed = match &read {
            Ok(_) => self.take_delayed(cx, state).await,
            Err(_) => Ok(None),
        };
        while let Some(pending) = state.window.next() {
            self.start(cx, state, pending);
        }
        let save = self.save_watermark(cx, state);
        let wait = delayed?.into_iter().chain(save).min();
        Ok(match (read?, wait) {
            (LogRead::More, _) => Next::Now,
            (LogRead::ToTheEnd, Some(wait)) => Next::Within(wait),
            (LogRead::ToTheEnd, None) => Next::Nudged,
        })
    }

    /// Reads the log until its end or until the window is full.
    async fn read_log(&self, state: &mut RelayState) -> Result<LogRead, Fault> {
        for _page in 0..PAGES_AT_ONCE {
            // The end of a hand-over nudges the relay.
            if state.window.free() == 0 {
                return Ok(LogRead::ToTheEnd);
            }
            let head = self.store.head();
            let range = EventRange { after: state.window.read_to(), limit: PAGE.min(state.window.free()) };
            let filter = Arc::clone(&state.filter);
            let page = self.store.read(move |view| events::read(view, range, &filter)).await?;
            for event in page.rows {
                if event.sequence <= state.known_to && self.was_handed_over(&event).await? {
                    state.window.has_read(event.sequence);
                } else {
                    state.window.take(event);
                }
            }
            match page.next {
                Some(next) => state.window.has_read(next),
                None => {
                    state.window.has_read(head);
                    return Ok(LogRead::ToTheEnd);
                }
            }
        }
        Ok(LogRead::More)
    }

    /// Adds the due delayed events to the window; returns the wait for the next one.
    async fn take_delayed(&self, cx: &TaskCx, state: &mut RelayState) -> Result<Option<Duration>, Fault> {
        let (name, now) = (self.subscriber.name(), self.system.clock().now());
        let due = self.store.read(move |view| subscription::due(view, name, now, limits::RELAY_PARALLEL)).await?;
        for (subject, sequence, delayed) in due {
            if state.window.is_busy(subject) {
                continue;
            }
            match self.store.read(move |view| events::find(view, sequence)).await? {
                Some(event) => state.window.take_delayed(event, delayed),
                None => {
                    let (context, nudge) = (state.context.clone(), self.nudge.clone());
                    let write = async move {
                        context.dead_letter_of_missing(subject, sequence, delayed).await;
                        nudge.nudge();
                    };
                    cx.job("dead_letter", while_held(Arc::clone(&state.lease), write));
                }
            }
        }
        let next = self.store.read(move |view| subscription::next_due(view, name)).await?;
        Ok(next.map(|due| match due.since(now) {
            // It is due and waits for an event of the same subject, whose end nudges the relay.
            Duration::ZERO => DELAYED_READ_MAX,
            wait => wait.clamp(DELAYED_READ_MIN, DELAYED_READ_MAX),
        }))
    }

    /// Whether an event above the saved watermark is already settled or delayed.
    async fn was_handed_over(&self, event: &EventEnvelope) -> Result<bool, Fault> {
        let subscriber = self.subscriber.name();
        let place = EventPlace { subscriber, subject: event.subject, sequence: event.sequence };
        let standing = self.store.read(move |view| subscription::standing(view, place)).await?;
        match standing {
            EventStanding::Open => Ok(false),
            EventStanding::Delayed(_) | EventStanding::Settled => Ok(true),
        }
    }

    fn start(&self, cx: &TaskCx, state: &RelayState, pending: PendingHandOver) {
        let (context, results, nudge) = (state.context.clone(), Arc::clone(&state.results), self.nudge.clone());
        let hand_over = async move {
            let outcome = context.hand_over(pending.clone()).await;
            if outcome == HandOverOutcome::Unwritten {
                // The store failed; an immediate repetition would probably fail too.
                tokio::time::sleep(DELAYED_READ_MAX).await;
            }
            lock(&results).outcomes.push((pending, outcome));
            nudge.nudge();
        };
        cx.job("hand_over", while_held(Arc::clone(&state.lease), hand_over));
    }

    /// Saves the watermark at most once per `SAVE_INTERVAL`, since the events above the saved one are marked. Returns
    /// the wait until the next save.
    fn save_watermark(&self, cx: &TaskCx, state: &mut RelayState) -> Option<Duration> {
        let watermark = state.window.watermark();
        if watermark == state.saved || state.is_saving {
            return None;
        }
        let now = self.system.clock().instant();
        let wait = state.may_save_at.saturating_duration_since(now);
        if !wait.is_zero() {
            return Some(wait);
        }
        state.is_saving = true;
        state.may_save_at = now + SAVE_INTERVAL;
        let (context, results, nudge) = (state.context.clone(), Arc::clone(&state.results), self.nudge.clone());
        let save = async move {
            let saved = context.advance(watermark).await.map(|()| watermark);
            lock(&results).saved = Some(saved);
            nudge.nudge();
        };
        cx.job("save", while_held(Arc::clone(&state.lease), save));
        None
    }
}

/// The position at which a run stopped reading the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogRead {
    /// At its end, or at the first event that did not fit into the window.
    ToTheEnd,
    /// After `PAGES_AT_ONCE` pages; more events follow.
    More,
}

impl RelayState {
    /// Applies the results of finished jobs.
    fn take_results(&mut self) {
        let JobResults { outcomes, saved } = std::mem::take(&mut *lock(&self.results));
        for (pending, outcome) in outcomes {
            match outcome {
                HandOverOutcome::Passed => self.window.passed(&pending),
                HandOverOutcome::Unwritten => self.window.requeue(pending),
            }
        }
        if let Some(saved) = saved {
            self.is_saving = false;
            self.saved = saved.unwrap_or(self.saved);
        }
    }
}

fn lock(results: &Mutex<JobResults>) -> std::sync::MutexGuard<'_, JobResults> {
    results.lock().unwrap_or_else(PoisonError::into_inner)
}
