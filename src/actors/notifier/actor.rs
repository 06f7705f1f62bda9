//! The actor: looks for due deliveries, codes and security first, and gives each to a sender.

use std::{sync::Arc, time::Duration};

use super::{context::NotifierContext, send::send};
use crate::{
    domain::notification::{BreakerAdmission, DeliveryLane, DeliveryState},
    persistence::{
        Verdict,
        tables::{inbox, notification},
    },
    supervision::{Cx, Message, Service, Timer},
    types::{Fault, Timestamp, Work, id::DeliveryId, limits},
};

/// What is due is looked for at least so often while something waits, since the clock may be set forward.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The shortest wait for a delivery that is not due yet.
const LOOK_SOONEST: Duration = Duration::from_millis(20);
/// How often what is too old is removed.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);
/// Rows removed in one commit.
const TIDY_ROWS: usize = 200;

/// What wakes the notifier. It carries nothing: the notifier reads the store again.
pub enum NotifierMessage {
    /// There may be a due delivery, or a free sender.
    LookDue,
    /// What is too old is to be removed.
    TidyDue,
}

impl Message for NotifierMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::LookDue => "look_due",
            Self::TidyDue => "tidy_due",
        }
    }
}

/// Gives due deliveries to senders: jobs, at most `limits::SENDERS_PER_CHANNEL`.
pub struct NotifierActor {
    context: Arc<NotifierContext>,
}

impl NotifierActor {
    /// A life of the actor.
    pub fn new(context: Arc<NotifierContext>) -> Self {
        Self { context }
    }
}

/// Timers alone; what is to be sent is in the store.
#[derive(Default)]
pub struct NotifierState {
    look_timer: Option<Timer>,
    tidy_timer: Option<Timer>,
}

impl Service for NotifierActor {
    type Message = NotifierMessage;
    type State = NotifierState;
    const KIND: &'static str = "notifier";

    async fn start(&self, cx: &Cx<NotifierMessage>) -> Result<NotifierState, Fault> {
        self.take_back_lost().await?;
        cx.addr().nudge(|| NotifierMessage::LookDue);
        Ok(NotifierState { look_timer: None, tidy_timer: Some(cx.send_after(TIDY_EVERY, || NotifierMessage::TidyDue)) })
    }

    async fn handle(&self, cx: &Cx<NotifierMessage>, state: &mut NotifierState, message: NotifierMessage, _: Work) {
        match message {
            NotifierMessage::LookDue => {
                let wait = self.look(cx).unwrap_or_else(|fault| {
                    tracing::warn!(%fault, "the deliveries cannot be read");
                    Some(LOOK_EVERY)
                });
                state.look_timer = wait.map(|wait| cx.send_after(wait, || NotifierMessage::LookDue));
            }
            NotifierMessage::TidyDue => {
                self.tidy(cx);
                state.tidy_timer = Some(cx.send_after(TIDY_EVERY, || NotifierMessage::TidyDue));
            }
        }
    }
}

impl NotifierActor {
    /// Deliveries that a process before this one had in its hands are due at once. Whether they were sent is not
    /// known: they are sent again, under the same `Message-ID`.
    async fn take_back_lost(&self) -> Result<(), Fault> {
        let waiting = self.context.store.read(|view| {
            let far = Timestamp::from_micros(i64::MAX);
            let mut lost = Vec::new();
            for lane in DeliveryLane::ALL {
                lost.extend(notification::due(view, lane, far, limits::SCAN_MAX)?);
            }
            Ok(lost)
        })?;
        for delivery in waiting {
            let is_lost = match delivery.state {
                DeliveryState::Sending { .. } => !self.context.in_hand().contains_key(&delivery.id),
                DeliveryState::Queued { .. }
                | DeliveryState::Sent { .. }
                | DeliveryState::Delivered { .. }
                | DeliveryState::Bounced { .. }
                | DeliveryState::Suppressed { .. }
                | DeliveryState::Failed { .. }
                | DeliveryState::Dead { .. } => false,
            };
            if !is_lost {
                continue;
            }
            let (id, before) = (delivery.id, delivery.state);
            let back = self.context.write("notifier-start".to_owned(), None, move |tx| {
                match notification::find_delivery(tx, id)? {
                    Some(mut delivery) if delivery.state == before => {
                        delivery.state = DeliveryState::Queued { due: tx.now() };
                        notification::put_delivery(tx, &delivery)?;
                        Ok(Verdict::Commit(()))
                    }
                    Some(_) | None => Ok(Verdict::Discard(())),
                }
            });
            back.await?;
        }
        Ok(())
    }

    /// Gives what is due to free senders, unless the store is held back; says when to look again, `None` if nothing
    /// waits.
    fn look(&self, cx: &Cx<NotifierMessage>) -> Result<Option<Duration>, Fault> {
        if self.context.store.is_restored() {
            return Ok(Some(LOOK_EVERY));
        }
        let now = cx.system().clock().now();
        for lane in DeliveryLane::ALL {
            for id in self.due(lane, now)? {
                if !self.has_sender(lane) {
                    // The end of a send is a nudge.
                    break;
                }
                match self.context.provider().breaker.admit(now, self.context.timeout * 2) {
                    BreakerAdmission::Go => self.start(cx, lane, id),
                    BreakerAdmission::NotBefore(at) => return Ok(Some(wait_until(at, now))),
                }
            }
        }
        let next = self.context.store.read(|view| {
            let [urgent, normal] = DeliveryLane::ALL.map(|lane| notification::next_due(view, lane));
            Ok([urgent?, normal?].into_iter().flatten().min())
        })?;
        Ok(next.map(|due| if due <= now { LOOK_EVERY } else { wait_until(due, now) }))
    }

    fn due(&self, lane: DeliveryLane, now: Timestamp) -> Result<Vec<DeliveryId>, Fault> {
        let due =
            self.context.store.read(|view| notification::due(view, lane, now, limits::SENDERS_PER_CHANNEL * 2))?;
        let in_hand = self.context.in_hand();
        Ok(due.into_iter().map(|delivery| delivery.id).filter(|id| !in_hand.contains_key(id)).collect())
    }

    /// Whether a sender is free; some are kept free for codes and security.
    fn has_sender(&self, lane: DeliveryLane) -> bool {
        let in_hand = self.context.in_hand();
        let normal = in_hand.values().filter(|lane| **lane == DeliveryLane::Normal).count();
        match lane {
            DeliveryLane::Urgent => in_hand.len() < limits::SENDERS_PER_CHANNEL,
            DeliveryLane::Normal => {
                in_hand.len() < limits::SENDERS_PER_CHANNEL
                    && normal < limits::SENDERS_PER_CHANNEL - limits::SENDERS_URGENT_ONLY
            }
        }
    }

    fn start(&self, cx: &Cx<NotifierMessage>, lane: DeliveryLane, id: DeliveryId) {
        self.context.in_hand().insert(id, lane);
        // Given back however the job ends, also by a panic.
        let held = InHand { context: Arc::clone(&self.context), id };
        let addr = cx.addr().clone();
        cx.job(Work::until(cx.system().clock().instant()), "send", async move {
            if let Err(fault) = send(&held.context, id).await {
                tracing::warn!(delivery = %id, %fault, "a delivery's step was not written");
            }
            drop(held);
            addr.nudge(|| NotifierMessage::LookDue);
        });
    }

    fn tidy(&self, cx: &Cx<NotifierMessage>) {
        let context = Arc::clone(&self.context);
        cx.job(Work::until(cx.system().clock().instant()), "tidy", async move {
            loop {
                let keeping = context.inbox.keeping();
                let removed = context.write("notifier-tidy".to_owned(), None, move |tx| {
                    let before = tx.now().minus(limits::NOTIFICATIONS_KEPT);
                    let removed = notification::remove_old(tx, before, TIDY_ROWS)? + inbox::remove_old(tx, keeping)?;
                    Ok(if removed == 0 { Verdict::Discard(0) } else { Verdict::Commit(removed) })
                });
                match removed.await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(fault) => {
                        tracing::warn!(%fault, "old notifications were not removed");
                        return;
                    }
                }
            }
        });
    }
}

fn wait_until(at: Timestamp, now: Timestamp) -> Duration {
    at.since(now).clamp(LOOK_SOONEST, LOOK_EVERY)
}

/// A delivery in a sender's hands, until this is dropped.
struct InHand {
    context: Arc<NotifierContext>,
    id: DeliveryId,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.context.in_hand().remove(&self.id);
    }
}
