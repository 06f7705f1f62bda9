//! Senders, and the deliveries they hold: while a hold lives, no other sender takes its delivery.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use super::{context::NotifierContext, writes::ClaimedDelivery};
use crate::{
    domain::notification::{BreakerAdmission, DeliveryLane},
    types::{Timestamp, id::DeliveryId, limits},
};

/// A sender that is taken for one delivery, until this is dropped.
pub(super) struct SenderHold {
    // Weak: the context keeps the holds of deliveries that were given to its sender.
    context: Weak<NotifierContext>,
    id: DeliveryId,
}

/// A delivery that was taken on and claimed in one commit, on its way to the sender's worker.
pub(super) struct GivenDelivery {
    pub(super) hold: SenderHold,
    pub(super) claimed: ClaimedDelivery,
}

/// What asking for a sender gives.
pub(super) enum SenderReservation {
    /// One is taken, and the provider may be asked.
    Held(SenderHold),
    /// All that serve the lane are taken.
    NoneFree,
    /// The provider is not asked before.
    NotBefore(Timestamp),
}

impl SenderHold {
    /// Takes a free sender of `lane` for the delivery `id`, which may not be stored yet.
    pub(super) fn reserve(context: &Arc<NotifierContext>, lane: DeliveryLane, id: DeliveryId) -> SenderReservation {
        let mut in_hand = context.in_hand();
        if !has_sender(&in_hand, lane) {
            return SenderReservation::NoneFree;
        }
        in_hand.insert(id, lane);
        drop(in_hand);
        let hold = Self { context: Arc::downgrade(context), id };
        let now = context.system.clock().now();
        let admission = context.provider().breaker.admit(now, context.timeout * 2);
        match admission {
            BreakerAdmission::Go => SenderReservation::Held(hold),
            BreakerAdmission::NotBefore(at) => SenderReservation::NotBefore(at),
        }
    }

    /// The delivery.
    pub(super) fn delivery(&self) -> DeliveryId {
        self.id
    }
}

impl Drop for SenderHold {
    fn drop(&mut self) {
        if let Some(context) = self.context.upgrade() {
            context.in_hand().remove(&self.id);
        }
    }
}

/// Whether a sender is free; some are kept free for codes and security.
fn has_sender(in_hand: &HashMap<DeliveryId, DeliveryLane>, lane: DeliveryLane) -> bool {
    let normal = in_hand.values().filter(|lane| **lane == DeliveryLane::Normal).count();
    match lane {
        DeliveryLane::Urgent => in_hand.len() < limits::SENDERS_PER_CHANNEL,
        DeliveryLane::Normal => {
            in_hand.len() < limits::SENDERS_PER_CHANNEL
                && normal < limits::SENDERS_PER_CHANNEL - limits::SENDERS_URGENT_ONLY
        }
    }
}
