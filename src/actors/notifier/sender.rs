//! The sender: looks for due deliveries, codes and security first, and starts a job for each.

use std::{sync::Arc, time::Duration};

use super::{context::NotifierContext, send::send, writes};
use crate::{
    domain::notification::{BreakerAdmission, DeliveryLane, DeliveryState},
    persistence::tables::notification,
    supervision::{Next, TaskCx, Worker},
    types::{Fault, Timestamp, id::DeliveryId, limits},
};

/// What is due is looked for at least so often while something waits, since the clock may be set forward.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The shortest wait for a delivery that is not due yet.
const LOOK_SOONEST: Duration = Duration::from_millis(20);

/// The worker. Its jobs are at most `limits::SENDERS_PER_CHANNEL`; a crash of it leaves them running. It is nudged by
/// the subscriber, by the end of each send, and when a restored store may send.
pub struct DeliverySender {
    context: Arc<NotifierContext>,
    earlier: EarlierSends,
}

/// Whether this life of the sender has looked for the deliveries that an earlier process held.
enum EarlierSends {
    NotLookedFor,
    TakenBack,
}

impl DeliverySender {
    /// A life of the sender.
    pub fn new(context: Arc<NotifierContext>) -> Self {
        Self { context, earlier: EarlierSends::NotLookedFor }
    }
}

impl Worker for DeliverySender {
    const KIND: &'static str = "sender";

    async fn run(&mut self, cx: &TaskCx) -> Result<Next, Fault> {
        match self.earlier {
            EarlierSends::NotLookedFor => {
                self.take_back_earlier().await?;
                self.earlier = EarlierSends::TakenBack;
            }
            EarlierSends::TakenBack => {}
        }
        self.look(cx)
    }
}

impl DeliverySender {
    /// Deliveries that an earlier process held are due at once. Whether they were sent is not known: they are sent
    /// again, under the same `Message-ID`.
    async fn take_back_earlier(&self) -> Result<(), Fault> {
        let waiting = self.context.store.read(|view| {
            let far = Timestamp::from_micros(i64::MAX);
            let mut waiting = Vec::new();
            for lane in DeliveryLane::ALL {
                waiting.extend(notification::due(view, lane, far, limits::SCAN_MAX)?);
            }
            Ok(waiting)
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
            if is_lost {
                let (id, before) = (delivery.id, delivery.state);
                let write = self.context.write("notifier-start".to_owned(), None);
                self.context.store.write(write, move |tx| writes::take_back(tx, id, before)).await?;
            }
        }
        Ok(())
    }

    /// Gives what is due to free senders, unless the store is held back; says when to look again.
    fn look(&self, cx: &TaskCx) -> Result<Next, Fault> {
        if self.context.store.is_restored() {
            return Ok(Next::Within(LOOK_EVERY));
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
                    BreakerAdmission::NotBefore(at) => return Ok(Next::Within(wait_until(at, now))),
                }
            }
        }
        let next = self.context.store.read(|view| {
            let [urgent, normal] = DeliveryLane::ALL.map(|lane| notification::next_due(view, lane));
            Ok([urgent?, normal?].into_iter().flatten().min())
        })?;
        Ok(match next {
            // Its turn comes with the end of a send, which is a nudge.
            Some(due) if due <= now => Next::Within(LOOK_EVERY),
            Some(due) => Next::Within(wait_until(due, now)),
            None => Next::Nudged,
        })
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

    fn start(&self, cx: &TaskCx, lane: DeliveryLane, id: DeliveryId) {
        self.context.in_hand().insert(id, lane);
        // Given back however the job ends, also by a panic.
        let held = InHand { context: Arc::clone(&self.context), id };
        cx.job("send", async move {
            if let Err(fault) = send(&held.context, id).await {
                tracing::warn!(delivery = %id, %fault, "a delivery's step was not written");
            }
            let due = held.context.due().clone();
            drop(held);
            due.nudge();
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
