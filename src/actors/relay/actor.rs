//! The actor: one for each subscriber.
//!
//! - **Owns:** the subscriber's watermark, marks, delayed events and dead letters; in memory the window of events above
//!   the watermark.
//! - **Wakes on:** a commit with events, the end of a hand-over, the time of a delayed event or of a watermark to save,
//!   an operator's order.
//! - **Promises:** events of one subject are handed over in their order; an effect that settles in its transaction
//!   happens exactly once, others at least once.
//! - **Loses on crash:** the window, which is read from the store again; a hand-over that was under way is repeated.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    hand_over::{HandOverOutcome, PendingHandOver, RelayContext},
    subscriber::Subscriber,
    window::RelayWindow,
};
use crate::{
    domain::event::EventEnvelope,
    persistence::{
        Store,
        events::{self, EventFilter, EventRange},
        tables::subscription::{self, EventPlace, EventStanding},
    },
    supervision::{Addr, Cx, Message, Service, System, Timer},
    types::{Fault, Work, limits},
};

/// The watermark is saved at most so often.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// A delayed event is looked for at least so often, since the clock may be set forward.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The shortest wait for a delayed event.
const LOOK_SOONEST: Duration = Duration::from_millis(20);
/// Events read at once.
const PAGE: usize = 256;
/// Readings before other messages have their turn.
const PAGES_AT_ONCE: usize = 16;

/// What wakes a relay. It carries nothing: the relay reads its state again.
pub enum RelayMessage {
    /// There may be new events, an outcome, a delayed event that is due, or a watermark to save.
    LookDue,
}

impl Message for RelayMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::LookDue => "look_due",
        }
    }
}

/// Reads the log for one subscriber.
pub struct EventRelay {
    context: RelayContext,
}

impl EventRelay {
    /// A relay that reads `store` for `subscriber`.
    pub fn new(subscriber: Arc<dyn Subscriber>, store: Store, system: System) -> Self {
        Self { context: RelayContext { subscriber, store, system } }
    }
}

/// What jobs leave for the actor.
#[derive(Default)]
struct Tray {
    outcomes: Vec<(PendingHandOver, HandOverOutcome)>,
    /// The watermark that was saved by a job, or the failure to.
    saved: Option<Result<u64, Fault>>,
}

/// What a relay remembers; all of it is read from the store again after a crash.
pub struct RelayState {
    window: RelayWindow,
    tray: Arc<Mutex<Tray>>,
    filter: Arc<EventFilter>,
    /// Events up to here may have been handed over in an earlier life: their standing is looked up.
    known_to: u64,
    saved: u64,
    is_saving: bool,
    may_save_at: Instant,
    save_timer: Option<Timer>,
    look_timer: Option<Timer>,
    /// Ends the job that watches for commits.
    _watch: DropGuard,
}

impl Service for EventRelay {
    type Message = RelayMessage;
    type State = RelayState;
    const KIND: &'static str = "event_relay";

    async fn start(&self, cx: &Cx<RelayMessage>) -> Result<RelayState, Fault> {
        let context = &self.context;
        let name = context.subscriber.name();
        let watermark = context.store.read(move |view| subscription::find(view, name)).await?;
        let watermark = watermark.map_or(0, |found| found.watermark);
        let over = CancellationToken::new();
        watch(cx, &context.store, over.clone());
        cx.addr().nudge(|| RelayMessage::LookDue);
        Ok(RelayState {
            window: RelayWindow::new(watermark),
            tray: Arc::default(),
            filter: Arc::new(EventFilter { types: context.subscriber.types().into_iter().collect(), subject: None }),
            known_to: context.store.head(),
            saved: watermark,
            is_saving: false,
            may_save_at: cx.system().clock().instant(),
            save_timer: None,
            look_timer: None,
            _watch: over.drop_guard(),
        })
    }

    async fn handle(&self, cx: &Cx<RelayMessage>, state: &mut RelayState, message: RelayMessage, _: Work) {
        match message {
            RelayMessage::LookDue => self.look(cx, state).await,
        }
    }

    async fn stop(&self, _: &Cx<RelayMessage>, state: &mut RelayState) {
        let watermark = state.window.watermark();
        if watermark > state.saved
            && let Err(fault) = self.context.advance(watermark).await
        {
            // The events above the old watermark are marked: nothing is lost, some are looked up again.
            tracing::warn!(subscriber = self.context.subscriber.name(), %fault, "a watermark was not saved");
        }
    }
}

/// Nudges the relay after every commit with events. The job ends with the life that started it.
fn watch(cx: &Cx<RelayMessage>, store: &Store, over: CancellationToken) {
    let (addr, mut changed): (Addr<RelayMessage>, _) = (cx.addr().clone(), store.events_changed());
    let work = Work::until(cx.system().clock().instant());
    cx.job(work, "watch", async move {
        loop {
            tokio::select! {
                () = over.cancelled() => return,
                read = changed.changed() => match read {
                    Ok(()) => addr.nudge(|| RelayMessage::LookDue),
                    Err(_) => return,
                },
            }
        }
    });
}

impl EventRelay {
    async fn look(&self, cx: &Cx<RelayMessage>, state: &mut RelayState) {
        self.clear_tray(state);
        if let Err(fault) = self.fill_window(cx, state).await {
            tracing::warn!(subscriber = self.context.subscriber.name(), %fault, "the event log cannot be read");
            state.look_timer = Some(cx.send_after(LOOK_EVERY, || RelayMessage::LookDue));
        }
        while let Some(pending) = state.window.next() {
            self.start(cx, state, pending);
        }
        self.save_watermark(cx, state);
    }

    /// Takes what jobs have left.
    fn clear_tray(&self, state: &mut RelayState) {
        let Tray { outcomes, saved } = std::mem::take(&mut *lock(&state.tray));
        for (pending, outcome) in outcomes {
            match outcome {
                HandOverOutcome::Passed => state.window.passed(&pending),
                HandOverOutcome::Unwritten => state.window.again(pending),
            }
        }
        if let Some(saved) = saved {
            state.is_saving = false;
            state.saved = saved.unwrap_or(state.saved);
        }
    }

    /// Reads the log as far as there is room, and the delayed events that are due.
    async fn fill_window(&self, cx: &Cx<RelayMessage>, state: &mut RelayState) -> Result<(), Fault> {
        let RelayContext { store, subscriber, system } = &self.context;
        let name = subscriber.name();
        for page_number in 0.. {
            if state.window.room() == 0 {
                break;
            }
            if page_number == PAGES_AT_ONCE {
                cx.addr().nudge(|| RelayMessage::LookDue);
                break;
            }
            let head = store.head();
            let range = EventRange { after: state.window.read_to(), limit: PAGE.min(state.window.room()) };
            let filter = Arc::clone(&state.filter);
            let page = store.read(move |view| events::read(view, range, &filter)).await?;
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
                    // What came in meanwhile has its own nudge.
                    state.window.has_read(head);
                    break;
                }
            }
        }
        let now = system.clock().now();
        let due = store.read(move |view| subscription::due(view, name, now, limits::RELAY_PARALLEL)).await?;
        for (subject, sequence, delayed) in due {
            if state.window.is_busy(subject) {
                continue;
            }
            match store.read(move |view| events::find(view, sequence)).await? {
                Some(event) => state.window.take_delayed(event, delayed),
                None => {
                    let (context, addr) = (self.context.clone(), cx.addr().clone());
                    cx.job(Work::until(system.clock().instant()), "bury", async move {
                        context.bury_gone(subject, sequence, delayed).await;
                        addr.nudge(|| RelayMessage::LookDue);
                    });
                }
            }
        }
        let next = store.read(move |view| subscription::next_due(view, name)).await?;
        state.look_timer = next.map(|due| {
            // One that is due already stands behind its subject's turn, whose end is a nudge.
            let wait = match due.since(now) {
                Duration::ZERO => LOOK_EVERY,
                wait => wait.clamp(LOOK_SOONEST, LOOK_EVERY),
            };
            cx.send_after(wait, || RelayMessage::LookDue)
        });
        Ok(())
    }

    /// Whether an event above the saved watermark is settled or delayed already.
    async fn was_handed_over(&self, event: &EventEnvelope) -> Result<bool, Fault> {
        let subscriber = self.context.subscriber.name();
        let place = EventPlace { subscriber, subject: event.subject, sequence: event.sequence };
        let standing = self.context.store.read(move |view| subscription::standing(view, place)).await?;
        match standing {
            EventStanding::Open => Ok(false),
            EventStanding::Delayed(_) | EventStanding::Settled => Ok(true),
        }
    }

    fn start(&self, cx: &Cx<RelayMessage>, state: &RelayState, pending: PendingHandOver) {
        let (context, tray, addr) = (self.context.clone(), Arc::clone(&state.tray), cx.addr().clone());
        let work = Work::until(context.system.clock().instant());
        cx.job(work, "hand_over", async move {
            let outcome = context.hand_over(pending.clone()).await;
            if outcome == HandOverOutcome::Unwritten {
                // The store is in trouble: not again at once.
                tokio::time::sleep(LOOK_EVERY).await;
            }
            lock(&tray).outcomes.push((pending, outcome));
            addr.nudge(|| RelayMessage::LookDue);
        });
    }

    /// Saves the watermark lazily: what lies above the saved one is marked, or looked up again.
    fn save_watermark(&self, cx: &Cx<RelayMessage>, state: &mut RelayState) {
        let watermark = state.window.watermark();
        if watermark == state.saved || state.is_saving {
            return;
        }
        let now = cx.system().clock().instant();
        let wait = state.may_save_at.saturating_duration_since(now);
        if !wait.is_zero() {
            state.save_timer = Some(cx.send_after(wait, || RelayMessage::LookDue));
            return;
        }
        state.is_saving = true;
        state.may_save_at = now + SAVE_EVERY;
        let (context, tray, addr) = (self.context.clone(), Arc::clone(&state.tray), cx.addr().clone());
        cx.job(Work::until(now), "save", async move {
            let saved = context.advance(watermark).await.map(|()| watermark);
            lock(&tray).saved = Some(saved);
            addr.nudge(|| RelayMessage::LookDue);
        });
    }
}

fn lock(tray: &Mutex<Tray>) -> std::sync::MutexGuard<'_, Tray> {
    tray.lock().unwrap_or_else(PoisonError::into_inner)
}
