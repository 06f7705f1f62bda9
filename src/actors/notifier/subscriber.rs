//! Creates the notification of an event and its delivery, in the commit that settles the event.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{
    context::NotifierContext,
    hold::{GivenDelivery, SenderHold, SenderReservation},
    plan::{EventPlan, Notice, plan},
    writes::{self, ClaimedDelivery, FirstSend},
};
use crate::{
    actors::relay::{AlreadySettled, HandOver, NotTaken, Subscriber},
    domain::notification::DeliveryLane,
    persistence::{Decision, Lease, Tx, Write},
    types::{Failure, Fault, id::uuid_v7},
};

/// The notifier's name in the catalogue of events and in the store.
pub(super) const NAME: &str = "notifier";

/// Receives the events that lead to notifications.
pub struct NotifierSubscriber {
    context: Arc<NotifierContext>,
}

impl NotifierSubscriber {
    /// The subscriber of `context`, whose sender it nudges.
    pub fn new(context: Arc<NotifierContext>) -> Self {
        Self { context }
    }

    async fn take(&self, hand_over: HandOver) -> Result<(), NotTaken> {
        let notice = match plan(&hand_over.event) {
            EventPlan::Notify(notice) => notice,
            EventPlan::Imitate => return self.imitate(&hand_over).await,
            EventPlan::Nothing => return Ok(()),
            EventPlan::NotSubscribed => {
                return Err(NotTaken::Never("no notification is planned for this type".to_owned()));
            }
        };
        let reserved = self.free_sender(notice.template.category().lane());
        if let Some((hold, lease)) = reserved {
            let first_send = FirstSend::AtOnce { delivery: hold.delivery(), claim: self.context.claim(&lease) };
            let write = hand_over.write().under(lease.fence());
            match self.take_on(write, &hand_over, (notice, first_send)).await {
                Ok(Some(claimed)) => {
                    self.context.give(GivenDelivery { hold, claimed });
                    self.context.due().nudge();
                    return Ok(());
                }
                taken => {
                    drop(hold);
                    self.context.not_sent();
                    // If the sender has lost its lease, nothing was committed: the delivery is queued for the next
                    // holder.
                    if taken.is_ok() || lease.is_held() {
                        taken?;
                        self.context.due().nudge();
                        return Ok(());
                    }
                }
            }
        }
        self.take_on(hand_over.write(), &hand_over, (notice, FirstSend::Queued)).await?;
        self.context.due().nudge();
        Ok(())
    }

    async fn take_on(
        &self,
        write: Write,
        hand_over: &HandOver,
        (notice, first_send): (Notice, FirstSend),
    ) -> Result<Option<ClaimedDelivery>, Fault> {
        let (hand_over, same_kind_every) = (hand_over.clone(), self.context.same_kind_every);
        let commit = move |tx: &mut Tx<'_>| commit(tx, &hand_over, &notice, (same_kind_every, &first_send));
        match self.context.store.decide(write, commit).await {
            Ok(claimed) => Ok(claimed),
            Err(Failure::Refused(AlreadySettled)) => Ok(None),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    }

    /// Costs the commits of a notification that is sent: those that create it and end its delivery.
    async fn imitate(&self, hand_over: &HandOver) -> Result<(), NotTaken> {
        let settled = hand_over.clone();
        let created = move |tx: &mut Tx<'_>| {
            settled.settle(tx)?;
            Ok(writes::imitate_creation(tx)?)
        };
        match self.context.store.decide(hand_over.write(), created).await {
            Ok(()) => {}
            Err(Failure::Refused(AlreadySettled)) => return Ok(()),
            Err(Failure::Fault(fault)) => return Err(fault.into()),
        }
        Ok(self.context.store.write(hand_over.write(), writes::imitate_end).await?)
    }

    /// Reserves a sender for the delivery of an event, so that one commit creates and claims it. `None`: no sender is
    /// free, sending is paused, or another process sends.
    fn free_sender(&self, lane: DeliveryLane) -> Option<(SenderHold, Arc<Lease>)> {
        let lease = self.context.sending().current()?;
        if self.context.store.is_restored() {
            return None;
        }
        let mut random = [0; 10];
        self.context.system.entropy().fill(&mut random);
        let id = uuid_v7(self.context.system.clock().now(), random).into();
        match SenderHold::reserve(&self.context, lane, id) {
            SenderReservation::Held(hold) => Some((hold, lease)),
            SenderReservation::NoneFree | SenderReservation::NotBefore(_) => None,
        }
    }
}

/// Creates the notification, unless an earlier hand-over of the event did.
fn commit(
    tx: &mut Tx<'_>,
    hand_over: &HandOver,
    notice: &Notice,
    terms: (Duration, &FirstSend),
) -> Decision<Option<ClaimedDelivery>, AlreadySettled> {
    hand_over.settle(tx)?;
    Ok(writes::take_on(tx, &hand_over.event, notice, terms)?)
}

impl Subscriber for NotifierSubscriber {
    fn name(&self) -> &'static str {
        NAME
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        Box::pin(self.take(hand_over))
    }
}
