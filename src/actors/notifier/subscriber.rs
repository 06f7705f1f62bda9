//! From an event to a notification and its delivery, in the commit that settles the event.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{
    context::NotifierContext,
    hold::{GivenDelivery, SenderHold, SenderReservation},
    plan::{EventPlan, Notice, plan},
    writes::{self, ClaimedDelivery, FirstSend},
};
use crate::{
    actors::relay::{HandOver, NotTaken, Subscriber},
    domain::notification::DeliveryLane,
    persistence::{Tx, TxFault},
    types::id::uuid_v7,
};

/// The name by which the catalogue of events and the store know the notifier.
pub(super) const NAME: &str = "notifier";

/// Hears the events that lead to notifications.
pub struct NotifierSubscriber {
    context: Arc<NotifierContext>,
}

impl NotifierSubscriber {
    /// Takes on what events lead to, and nudges the sender.
    pub fn new(context: Arc<NotifierContext>) -> Self {
        Self { context }
    }

    async fn take(&self, hand_over: HandOver) -> Result<(), NotTaken> {
        let notice = match plan(&hand_over.event) {
            EventPlan::Notify(notice) => notice,
            EventPlan::Nothing => return Ok(()),
            EventPlan::NotHeard => return Err(NotTaken::Never("no notification is planned for this type".to_owned())),
        };
        let hold = self.free_sender(notice.template.category().lane());
        let first_send = match &hold {
            Some(hold) => FirstSend::AtOnce { delivery: hold.delivery(), lease: self.context.lease() },
            None => FirstSend::Queued,
        };
        let same_kind_every = self.context.same_kind_every;
        let write = hand_over.write();
        let committed =
            self.context.store.write(write, move |tx| commit(tx, &hand_over, &notice, (same_kind_every, first_send)));
        let written = committed.await;
        match (hold, written) {
            (Some(hold), Ok(Some(claimed))) => self.context.give(GivenDelivery { hold, claimed }),
            (Some(hold), written) => {
                drop(hold);
                self.context.not_sent();
                written?;
            }
            (None, written) => {
                written?;
            }
        }
        self.context.due().nudge();
        Ok(())
    }

    /// Takes a sender for the delivery that may come of an event, so that it is taken on and claimed in one commit.
    /// `None`: none is free, or nothing is sent now.
    fn free_sender(&self, lane: DeliveryLane) -> Option<SenderHold> {
        if self.context.store.is_restored() {
            return None;
        }
        let mut random = [0; 10];
        self.context.system.entropy().fill(&mut random);
        let id = uuid_v7(self.context.system.clock().now(), random).into();
        match SenderHold::reserve(&self.context, lane, id) {
            SenderReservation::Held(hold) => Some(hold),
            SenderReservation::NoneFree | SenderReservation::NotBefore(_) => None,
        }
    }
}

/// Takes the notification on, unless an earlier hand-over of the event did.
fn commit(
    tx: &mut Tx<'_>,
    hand_over: &HandOver,
    notice: &Notice,
    terms: (Duration, FirstSend),
) -> Result<Option<ClaimedDelivery>, TxFault> {
    if hand_over.settle(tx)? { writes::take_on(tx, &hand_over.event, notice, terms) } else { Ok(None) }
}

impl Subscriber for NotifierSubscriber {
    fn name(&self) -> &'static str {
        NAME
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        Box::pin(self.take(hand_over))
    }
}
