//! The sender: starts a job for each delivery that the subscriber passes to it and for each due delivery, those with
//! codes and of security first. It works while it holds its lease.

use std::{sync::Arc, time::Duration};

use super::{
    context::NotifierContext,
    hold::{GivenDelivery, SenderHold, SenderReservation},
    send::{send, send_claimed},
    writes,
};
use crate::{
    actors::leased::{LeasedWorker, while_held},
    domain::notification::{DeliveryLane, DeliveryState},
    persistence::{Lease, Reader, TxFault, tables::notification},
    supervision::{Next, TaskCx},
    types::{Fault, LeaseHolder, Timestamp, id::DeliveryId, limits},
};

/// The maximum interval between two reads of the due deliveries: the clock may be set forward, and the notifier's relay
/// may run in another process, whose nudges do not reach this one.
const DUE_READ_MAX: Duration = Duration::from_secs(1);
/// The minimum interval between two reads of the due deliveries.
const DUE_READ_MIN: Duration = Duration::from_millis(20);

/// The worker. It runs at most `limits::SENDERS_PER_CHANNEL` jobs, which continue after its crash. It is nudged by the
/// subscriber, by the end of each send, and when an operator resumes sending.
pub struct DeliverySender {
    context: Arc<NotifierContext>,
    earlier: EarlierSends,
}

/// Whether the sender has requeued the deliveries that an earlier holder of its lease had claimed.
enum EarlierSends {
    NotChecked,
    Requeued,
}

impl DeliverySender {
    /// The sender of `context`, for one lease.
    pub fn new(context: Arc<NotifierContext>) -> Self {
        Self { context, earlier: EarlierSends::NotChecked }
    }
}

impl LeasedWorker for DeliverySender {
    const KIND: &'static str = "sender";

    async fn run(&mut self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        match self.earlier {
            EarlierSends::NotChecked => {
                self.requeue_earlier(lease).await?;
                self.earlier = EarlierSends::Requeued;
            }
            EarlierSends::Requeued => {}
        }
        self.start_given(cx, lease);
        self.start_due(cx, lease).await
    }
}

impl DeliverySender {
    /// Requeues the deliveries that an earlier holder of the lease had claimed; they are due at once.
    async fn requeue_earlier(&self, lease: &Lease) -> Result<(), Fault> {
        let holder = lease.holder();
        let now = self.context.system.clock().now();
        let within = (now, now.plus(self.context.claim_time()));
        for lane in DeliveryLane::ALL {
            let mut after = None;
            loop {
                let (at, current) = ((lane, after), holder.clone());
                let page = self.context.store.read(move |view| claimed_within(view, at, within, &current)).await?;
                for id in page.over {
                    let (write, current) = (self.context.write("sender-lease".to_owned(), None), holder.clone());
                    let write = write.under(lease.fence());
                    self.context.store.write(write, move |tx| writes::requeue_if_over(tx, id, &current)).await?;
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Starts the due deliveries on free senders, unless sending is paused; returns the time of the next run.
    async fn start_due(&self, cx: &TaskCx, lease: &Arc<Lease>) -> Result<Next, Fault> {
        if self.context.store.is_restored() {
            return Ok(Next::Within(DUE_READ_MAX));
        }
        let now = cx.system().clock().now();
        for lane in DeliveryLane::ALL {
            for id in self.due(lane, now).await? {
                match SenderHold::reserve(&self.context, lane, id) {
                    SenderReservation::Held(hold) => {
                        let (context, held) = (Arc::clone(&self.context), Arc::clone(lease));
                        self.start(cx, (hold, lease), async move { send(&context, &held, id).await });
                    }
                    // The end of a send nudges this worker.
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
            // It waits for a free sender; the end of a send nudges this worker.
            Some(due) if due <= now => Next::Within(DUE_READ_MAX),
            Some(due) => Next::Within(wait_until(due, now)),
            None => Next::Within(DUE_READ_MAX),
        })
    }

    async fn due(&self, lane: DeliveryLane, now: Timestamp) -> Result<Vec<DeliveryId>, Fault> {
        let most = limits::SENDERS_PER_CHANNEL * 2;
        let due = self.context.store.read(move |view| notification::due(view, lane, now, most)).await?;
        let in_progress = self.context.in_progress();
        Ok(due.into_iter().map(|delivery| delivery.id).filter(|id| !in_progress.contains_key(id)).collect())
    }

    /// Starts the deliveries that the subscriber created and claimed. A delivery whose claim has expired, or was made
    /// under an earlier lease, is left to the read of the due deliveries.
    fn start_given(&self, cx: &TaskCx, lease: &Arc<Lease>) {
        let (now, current) = (cx.system().clock().now(), lease.holder());
        for GivenDelivery { hold, claimed } in self.context.take_given() {
            let is_claimed = match &claimed.delivery.state {
                DeliveryState::Sending { until, holder } => *until > now && *holder == current,
                _ => false,
            };
            if !is_claimed {
                self.context.not_sent();
                continue;
            }
            let (context, held) = (Arc::clone(&self.context), Arc::clone(lease));
            self.start(cx, (hold, lease), async move { send_claimed(&context, &held, claimed).await });
        }
    }

    /// Starts the job of one delivery. The end of the job, also by the loss of the lease, frees the sender.
    fn start(
        &self,
        cx: &TaskCx,
        (hold, lease): (SenderHold, &Arc<Lease>),
        sending: impl Future<Output = Result<(), Fault>> + Send + 'static,
    ) {
        let due = self.context.due().clone();
        let job = async move {
            if let Err(fault) = sending.await {
                tracing::warn!(delivery = %hold.delivery(), %fault, "the outcome of a delivery try was not written");
            }
            drop(hold);
            due.nudge();
        };
        cx.job("send", while_held(Arc::clone(lease), job));
    }
}

/// A page of the deliveries whose due time lies within the time of a claim.
struct ClaimPage {
    /// Those whose claim is over.
    over: Vec<DeliveryId>,
    /// The place behind which the next page begins.
    next: Option<(Timestamp, DeliveryId)>,
}

fn claimed_within(
    reader: &impl Reader,
    place: (DeliveryLane, Option<(Timestamp, DeliveryId)>),
    within: (Timestamp, Timestamp),
    current: &LeaseHolder,
) -> Result<ClaimPage, TxFault> {
    let page = notification::due_within(reader, place, within, limits::SCAN_MAX)?;
    let last = page.last().filter(|_| page.len() >= limits::SCAN_MAX);
    let next = last.and_then(|last| Some((last.state.due()?, last.id)));
    let over = page.iter().filter(|delivery| writes::is_claim_over(delivery, current));
    Ok(ClaimPage { over: over.map(|delivery| delivery.id).collect(), next })
}

fn wait_until(at: Timestamp, now: Timestamp) -> Duration {
    at.since(now).clamp(DUE_READ_MIN, DUE_READ_MAX)
}
