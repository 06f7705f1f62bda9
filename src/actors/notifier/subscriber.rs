//! From an event to a notification and its delivery, in the commit that settles the event.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{
    context::NotifierContext,
    plan::{EventPlan, Notice, plan},
    writes,
};
use crate::{
    actors::relay::{HandOver, NotTaken, Subscriber},
    persistence::{Tx, TxFault},
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
        let same_kind_every = self.context.same_kind_every;
        let write = hand_over.write();
        self.context.store.write(write, move |tx| commit(tx, &hand_over, &notice, same_kind_every)).await?;
        self.context.due().nudge();
        Ok(())
    }
}

/// Takes the notification on, unless an earlier hand-over of the event did.
fn commit(tx: &mut Tx<'_>, hand_over: &HandOver, notice: &Notice, same_kind_every: Duration) -> Result<(), TxFault> {
    if hand_over.settle(tx)? { writes::take_on(tx, &hand_over.event, notice, same_kind_every) } else { Ok(()) }
}

impl Subscriber for NotifierSubscriber {
    fn name(&self) -> &'static str {
        NAME
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        Box::pin(self.take(hand_over))
    }
}
