//! Reserves a sender for one delivery: while a hold exists, no other sender starts its delivery.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use super::{context::NotifierContext, writes::ClaimedDelivery};
use crate::{
    domain::notification::{BreakerAdmission, DeliveryLane},
    types::{Timestamp, id::DeliveryId, limits},
};

/// A sender that is reserved for one delivery until the hold is dropped.
pub(super) struct SenderHold {
    // Weak, because the context keeps the holds of deliveries that were passed to its sender.
    context: Weak<NotifierContext>,
    id: DeliveryId,
}

/// A delivery that was created and claimed in one commit, for the sender's worker.
pub(super) struct GivenDelivery {
    pub(super) hold: SenderHold,
    pub(super) claimed: ClaimedDelivery,
}

/// The result of `SenderHold::reserve`.
pub(super) enum SenderReservation {
    /// A sender is reserved, and the breaker admits a send.
    Held(SenderHold),
    /// All senders of the lane are busy.
    NoneFree,
    /// The breaker admits no send before this time.
    NotBefore(Timestamp),
}

impl SenderHold {
    /// Reserves a sender of `lane` for the delivery `id`, which need not be stored yet.
    pub(super) fn reserve(context: &Arc<NotifierContext>, lane: DeliveryLane, id: DeliveryId) -> SenderReservation {
        let mut in_progress = context.in_progress();
        if !has_sender(&in_progress, lane) {
            return SenderReservation::NoneFree;
        }
        in_progress.insert(id, lane);
        drop(in_progress);
        let hold = Self { context: Arc::downgrade(context), id };
        let now = context.system.clock().now();
        let admission = context.provider().breaker.admit(now, context.timeout * 2);
        match admission {
            BreakerAdmission::Go => SenderReservation::Held(hold),
            BreakerAdmission::NotBefore(at) => SenderReservation::NotBefore(at),
        }
    }

    pub(super) fn delivery(&self) -> DeliveryId {
        self.id
    }
}

impl Drop for SenderHold {
    fn drop(&mut self) {
        if let Some(context) = self.context.upgrade() {
            context.in_progress().remove(&self.id);
        }
    }
}

/// Whether a sender is free for `lane`. `limits::SENDERS_URGENT_ONLY` senders serve only urgent deliveries.
fn has_sender(in_progress: &HashMap<DeliveryId, DeliveryLane>, lane: DeliveryLane) -> bool {
    let normal = in_progress.values().filter(|lane| **lane == DeliveryLane::Normal).count();
    match lane {
        DeliveryLane::Urgent => in_progress.len() < limits::SENDERS_PER_CHANNEL,
        DeliveryLane::Normal => {
            in_progress.len() < limits::SENDERS_PER_CHANNEL
                && normal < limits::SENDERS_PER_CHANNEL - limits::SENDERS_URGENT_ONLY
        }
    }
}
