//! The actor: one for each subscriber.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    desk::Desk,
    hand_over::{Handed, Hands, Outcome},
    subscriber::Subscriber,
};
use crate::{
    domain::event::Envelope,
    persistence::{
        Store, TxFault,
        events::{self, EventFilter, EventRange},
        tables::subscription::{self, Place, Standing},
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
    /// There may be news, an outcome, a delayed event that is due, or a watermark to save.
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
    hands: Hands,
}

impl EventRelay {
    /// A relay that reads `store` for `subscriber`.
    pub fn new(subscriber: Arc<dyn Subscriber>, store: Store, system: System) -> Self {
        Self { hands: Hands { subscriber, store, system } }
    }
}

/// What jobs leave for the actor to find.
#[derive(Default)]
struct Tray {
    outcomes: Vec<(Handed, Outcome)>,
    /// The watermark that was saved by a job, or the failure to.
    saved: Option<Result<u64, Fault>>,
}

/// What a relay remembers; all of it is read from the store again after a crash.
pub struct RelayState {
    desk: Desk,
    tray: Arc<Mutex<Tray>>,
    filter: EventFilter,
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
        let hands = &self.hands;
        let name = hands.subscriber.name();
        let watermark = hands.store.read(|view| subscription::find(view, name))?.map_or(0, |found| found.watermark);
        let over = CancellationToken::new();
        watch(cx, &hands.store, over.clone());
        cx.addr().nudge(|| RelayMessage::LookDue);
        Ok(RelayState {
            desk: Desk::new(watermark),
            tray: Arc::default(),
            filter: EventFilter { types: hands.subscriber.types().iter().copied().collect(), subject: None },
            known_to: hands.store.head(),
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
            RelayMessage::LookDue => self.look(cx, state),
        }
    }

    async fn stop(&self, _: &Cx<RelayMessage>, state: &mut RelayState) {
        let watermark = state.desk.watermark();
        if watermark > state.saved
            && let Err(fault) = self.hands.advance(watermark).await
        {
            // The events above the old watermark are marked: nothing is lost, some are looked up again.
            tracing::warn!(subscriber = self.hands.subscriber.name(), %fault, "a watermark was not saved");
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
                news = changed.changed() => match news {
                    Ok(()) => addr.nudge(|| RelayMessage::LookDue),
                    Err(_) => return,
                },
            }
        }
    });
}

impl EventRelay {
    fn look(&self, cx: &Cx<RelayMessage>, state: &mut RelayState) {
        self.clear_tray(state);
        if let Err(fault) = self.fill_desk(cx, state) {
            tracing::warn!(subscriber = self.hands.subscriber.name(), %fault, "the event log cannot be read");
            state.look_timer = Some(cx.send_after(LOOK_EVERY, || RelayMessage::LookDue));
        }
        while let Some(handed) = state.desk.next() {
            self.start(cx, state, handed);
        }
        self.save_watermark(cx, state);
    }

    /// Takes what jobs have left.
    fn clear_tray(&self, state: &mut RelayState) {
        let Tray { outcomes, saved } = std::mem::take(&mut *lock(&state.tray));
        for (handed, outcome) in outcomes {
            match outcome {
                Outcome::Passed => state.desk.passed(&handed),
                Outcome::Unwritten => state.desk.again(handed),
            }
        }
        if let Some(saved) = saved {
            state.is_saving = false;
            state.saved = saved.unwrap_or(state.saved);
        }
    }

    /// Reads the log as far as there is room, and the delayed events that are due.
    fn fill_desk(&self, cx: &Cx<RelayMessage>, state: &mut RelayState) -> Result<(), Fault> {
        let Hands { store, subscriber, system } = &self.hands;
        let name = subscriber.name();
        for page_number in 0.. {
            if state.desk.room() == 0 {
                break;
            }
            if page_number == PAGES_AT_ONCE {
                cx.addr().nudge(|| RelayMessage::LookDue);
                break;
            }
            let head = store.head();
            let range = EventRange { after: state.desk.read_to(), limit: PAGE.min(state.desk.room()) };
            let page = store.read(|view| events::read(view, range, &state.filter))?;
            for event in page.rows {
                if event.sequence <= state.known_to && self.was_handed_over(&event)? {
                    state.desk.has_read(event.sequence);
                } else {
                    state.desk.take(event);
                }
            }
            match page.next {
                Some(next) => state.desk.has_read(next),
                None => {
                    // What came in meanwhile has its own nudge.
                    state.desk.has_read(head);
                    break;
                }
            }
        }
        let now = system.clock().now();
        let due = store.read(|view| subscription::due(view, name, now, limits::RELAY_PARALLEL))?;
        for (subject, sequence, delayed) in due {
            if state.desk.is_busy(subject) {
                continue;
            }
            match store.read(|view| events::find(view, sequence))? {
                Some(event) => state.desk.take_delayed(event, delayed),
                None => {
                    let (hands, addr) = (self.hands.clone(), cx.addr().clone());
                    cx.job(Work::until(system.clock().instant()), "bury", async move {
                        hands.bury_gone(subject, sequence, delayed).await;
                        addr.nudge(|| RelayMessage::LookDue);
                    });
                }
            }
        }
        let next = store.read(|view| subscription::next_due(view, name))?;
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

    /// Whether an event above the saved watermark has its fate already.
    fn was_handed_over(&self, event: &Envelope) -> Result<bool, Fault> {
        let subscriber = self.hands.subscriber.name();
        let place = Place { subscriber, subject: event.subject, sequence: event.sequence };
        let standing = self.hands.store.read(|view| -> Result<_, TxFault> { subscription::standing(view, place) })?;
        match standing {
            Standing::Open => Ok(false),
            Standing::Delayed(_) | Standing::Settled => Ok(true),
        }
    }

    fn start(&self, cx: &Cx<RelayMessage>, state: &RelayState, handed: Handed) {
        let (hands, tray, addr) = (self.hands.clone(), Arc::clone(&state.tray), cx.addr().clone());
        let work = Work::until(hands.system.clock().instant());
        cx.job(work, "hand_over", async move {
            let outcome = hands.hand_over(handed.clone()).await;
            if outcome == Outcome::Unwritten {
                // The store is in trouble: not again at once.
                tokio::time::sleep(LOOK_EVERY).await;
            }
            lock(&tray).outcomes.push((handed, outcome));
            addr.nudge(|| RelayMessage::LookDue);
        });
    }

    /// Saves the watermark lazily: what lies above the saved one is marked, or looked up again.
    fn save_watermark(&self, cx: &Cx<RelayMessage>, state: &mut RelayState) {
        let watermark = state.desk.watermark();
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
        let (hands, tray, addr) = (self.hands.clone(), Arc::clone(&state.tray), cx.addr().clone());
        cx.job(Work::until(now), "save", async move {
            let saved = hands.advance(watermark).await.map(|()| watermark);
            lock(&tray).saved = Some(saved);
            addr.nudge(|| RelayMessage::LookDue);
        });
    }
}

fn lock(tray: &Mutex<Tray>) -> std::sync::MutexGuard<'_, Tray> {
    tray.lock().unwrap_or_else(PoisonError::into_inner)
}
