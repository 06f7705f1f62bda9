//! The sender: starts a job for each delivery that it was given, and looks for those that are due, codes and security
//! first.

use std::{sync::Arc, time::Duration};

use super::{
    context::NotifierContext,
    hold::{GivenDelivery, SenderHold, SenderReservation},
    send::{send, send_claimed},
    writes,
};
use crate::{
    domain::notification::{DeliveryLane, DeliveryState},
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
        self.start_given(cx);
        self.look(cx).await
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
        });
        for delivery in waiting.await? {
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
    async fn look(&self, cx: &TaskCx) -> Result<Next, Fault> {
        if self.context.store.is_restored() {
            return Ok(Next::Within(LOOK_EVERY));
        }
        let now = cx.system().clock().now();
        for lane in DeliveryLane::ALL {
            for id in self.due(lane, now).await? {
                match SenderHold::reserve(&self.context, lane, id) {
                    SenderReservation::Held(hold) => {
                        let context = Arc::clone(&self.context);
                        self.start(cx, hold, async move { send(&context, id).await });
                    }
                    // The end of a send is a nudge.
                    SenderReservation::NoneFree => break,
                    SenderReservation::NotBefore(at) => return Ok(Next::Within(wait_until(at, now))),
                }
            }
        }
        let next = self.context.store.read(|view| {
            let [urgent, normal] = DeliveryLane::ALL.map(|lane| notification::next_due(view, lane));
            Ok([urgent?, normal?].into_iter().flatten().min())
        });
        Ok(match next.await? {
            // Its turn comes with the end of a send, which is a nudge.
            Some(due) if due <= now => Next::Within(LOOK_EVERY),
            Some(due) => Next::Within(wait_until(due, now)),
            None => Next::Nudged,
        })
    }

    async fn due(&self, lane: DeliveryLane, now: Timestamp) -> Result<Vec<DeliveryId>, Fault> {
        let most = limits::SENDERS_PER_CHANNEL * 2;
        let due = self.context.store.read(move |view| notification::due(view, lane, now, most)).await?;
        let in_hand = self.context.in_hand();
        Ok(due.into_iter().map(|delivery| delivery.id).filter(|id| !in_hand.contains_key(id)).collect())
    }

    /// Starts what was taken on for a free sender. What waited past its lease is due, and is looked for like the rest.
    fn start_given(&self, cx: &TaskCx) {
        let now = cx.system().clock().now();
        for GivenDelivery { hold, claimed } in self.context.take_given() {
            if claimed.delivery.state.due().is_none_or(|lease| lease <= now) {
                self.context.not_sent();
                continue;
            }
            let context = Arc::clone(&self.context);
            self.start(cx, hold, async move { send_claimed(&context, claimed).await });
        }
    }

    /// Starts a job; the sender is given back however it ends, also by a panic.
    fn start(&self, cx: &TaskCx, hold: SenderHold, sending: impl Future<Output = Result<(), Fault>> + Send + 'static) {
        let due = self.context.due().clone();
        cx.job("send", async move {
            if let Err(fault) = sending.await {
                tracing::warn!(delivery = %hold.delivery(), %fault, "a delivery's step was not written");
            }
            drop(hold);
            due.nudge();
        });
    }
}

fn wait_until(at: Timestamp, now: Timestamp) -> Duration {
    at.since(now).clamp(LOOK_SOONEST, LOOK_EVERY)
}
