//! The steps of notifications inside a transaction, each with its events; used by the subscriber, the senders and
//! upkeep.

use std::time::Duration;

use super::{plan::Notice, recipient::recipient};
use crate::{
    domain::{
        event::{Event, EventEnvelope, EventKind, Personal},
        notification::{
            Delivery, DeliveryLane, DeliveryState, DeliveryTry, Facts, Notification, Suppression, TemplateName,
            answer::class,
            describe,
            events::{NotificationDelivered, NotificationFailed, NotificationQueued, NotificationSuppressed},
            retry,
        },
        otp::events::OtpSent,
    },
    persistence::{
        Tx, TxFault,
        tables::{
            inbox::{self, Keeping},
            notification, timing_padding,
        },
    },
    types::{
        LeaseHolder, Timestamp,
        id::{DeliveryId, UserId},
        limits,
        provider_answer::ProviderAnswer,
    },
};

/// A delivery that a sender has claimed. No other sender sends it before the claim in its state ends.
pub(super) struct ClaimedDelivery {
    pub(super) delivery: Delivery,
    pub(super) notification: Notification,
    pub(super) began_at: Timestamp,
}

/// The terms of a claim: the holder of the sender's lease, and the duration.
#[derive(Debug, Clone)]
pub(super) struct SenderClaim {
    pub(super) holder: LeaseHolder,
    pub(super) lasts: Duration,
    pub(super) expired: ExpiredDelivery,
}

/// What happens to a due delivery that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpiredDelivery {
    /// It is suppressed.
    Suppressed,
    /// It waits until the clock may decide that.
    Held,
}

/// The interval at which a held delivery is read again.
const HELD_FOR: Duration = Duration::from_secs(60);

impl SenderClaim {
    fn at(&self, now: Timestamp) -> DeliveryState {
        DeliveryState::Sending { until: now.plus(self.lasts), holder: self.holder.clone() }
    }
}

/// The time at which a new delivery is first sent.
#[derive(Debug, Clone)]
pub(super) enum FirstSend {
    /// A reserved sender claims it in the same commit.
    AtOnce { delivery: DeliveryId, claim: SenderClaim },
    /// A sender reads it from the queue.
    Queued,
}

/// Creates the notification that `notice` plans because of `event`, with its delivery. The reserved sender claims the
/// delivery; it is queued if no sender is reserved or an older delivery is due, or suppressed if the owner had too many
/// of the template within `same_kind_every`. Does nothing for an owner without an address. Returns a claimed delivery.
pub(super) fn take_on(
    tx: &mut Tx<'_>,
    event: &EventEnvelope,
    notice: &Notice,
    (same_kind_every, first_send): (Duration, &FirstSend),
) -> Result<Option<ClaimedDelivery>, TxFault> {
    let Some(recipient) = recipient(tx, notice)? else { return Ok(None) };
    let now = tx.now();
    let (template, owner) = (notice.template, notice.owner);
    let id = match first_send {
        FirstSend::AtOnce { delivery, .. } => *delivery,
        FirstSend::Queued => tx.id(),
    };
    let mut delivery = Delivery {
        id,
        notification: tx.id(),
        owner,
        template,
        channel: template.channel(),
        lane: template.category().lane(),
        to: recipient.to,
        state: DeliveryState::Queued { due: now },
        attempts: Vec::new(),
        created_at: now,
        expires_at: now.plus(template.worth_sending_for()),
    };
    if let (Some(_), Some(until)) = (notice.code, notice.until) {
        delivery.expires_at = until;
    }
    let made = Notification {
        id: delivery.notification,
        owner,
        template,
        locale: recipient.locale,
        cause: Some(event.id),
        facts: Facts {
            at: event.time,
            ip_address: event.personal.ip_address.clone(),
            device: event.personal.user_agent.as_deref().and_then(describe),
            until: notice.until,
        },
        code: notice.code,
        deliveries: vec![delivery.id],
        created_at: now,
    };
    notification::insert(tx, &made)?;
    if !may_send_more(tx, (owner, template), same_kind_every)? {
        suppress(tx, delivery, Suppression::RateLimit)?;
        return Ok(None);
    }
    supersede_older(tx, &delivery)?;
    let is_held = hold_at_once(tx, &mut delivery, first_send)?;
    notification::put_delivery(tx, &delivery)?;
    let (notification, template) = (delivery.notification, template.as_str().to_owned());
    emit(tx, owner, NotificationQueued { notification, delivery: delivery.id, template })?;
    Ok(is_held.then_some(ClaimedDelivery { delivery, notification: made, began_at: now }))
}

/// Writes as much as `take_on` does for a notification with one delivery: two records with their indexes, and an event.
pub(super) fn imitate_creation(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    (0..4).try_for_each(|_| timing_padding::leave(tx))
}

/// Writes as much as `settle` does for a sent code: a record and two events.
pub(super) fn imitate_end(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    (0..3).try_for_each(|_| timing_padding::leave(tx))
}

/// Claims a new delivery for the reserved sender, unless another due delivery precedes it or it has expired; returns
/// whether it did.
fn hold_at_once(tx: &Tx<'_>, delivery: &mut Delivery, first_send: &FirstSend) -> Result<bool, TxFault> {
    let now = tx.now();
    let FirstSend::AtOnce { claim, .. } = first_send else { return Ok(false) };
    if now >= delivery.expires_at {
        return Ok(false);
    }
    for lane in DeliveryLane::ALL {
        if notification::next_due(tx, lane)?.is_some_and(|due| due <= now) {
            return Ok(false);
        }
        if lane == delivery.lane {
            break;
        }
    }
    delivery.state = claim.at(now);
    Ok(true)
}

/// Suppresses the waiting older deliveries of a code, which the new one replaces.
fn supersede_older(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), TxFault> {
    let Some(kind) = delivery.collapses_with() else { return Ok(()) };
    for older in notification::waiting_of_kind(tx, kind)? {
        match older.state {
            DeliveryState::Queued { .. } | DeliveryState::Failed { .. } => {
                suppress(tx, older, Suppression::Superseded)?;
            }
            // A sender has claimed it, so it is sent; or it has ended.
            DeliveryState::Sending { .. }
            | DeliveryState::Sent { .. }
            | DeliveryState::Delivered { .. }
            | DeliveryState::Bounced { .. }
            | DeliveryState::Suppressed { .. }
            | DeliveryState::Dead { .. } => {}
        }
    }
    Ok(())
}

/// Whether the owner may get one more notification of the template; if so, it is counted.
fn may_send_more(
    tx: &mut Tx<'_>,
    (owner, template): (UserId, TemplateName),
    same_kind_every: Duration,
) -> Result<bool, TxFault> {
    let before = notification::budget(tx, owner, template)?;
    let mut budget = before.clone();
    let is_within_limit = budget.take(template, tx.now(), same_kind_every);
    if budget != before {
        notification::put_budget(tx, (owner, template), &budget)?;
    }
    Ok(is_within_limit)
}

/// Ends a delivery without a send, with the event of its suppression.
pub(crate) fn suppress(tx: &mut Tx<'_>, mut delivery: Delivery, reason: Suppression) -> Result<(), TxFault> {
    delivery.state = DeliveryState::Suppressed { at: tx.now(), reason };
    notification::put_delivery(tx, &delivery)?;
    let kind = NotificationSuppressed {
        notification: delivery.notification,
        delivery: delivery.id,
        template: delivery.template.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
    };
    emit(tx, delivery.owner, kind)
}

/// Claims a due delivery for a sender, or suppresses it if it has expired. `None`: there is nothing to send.
pub(super) fn claim(tx: &mut Tx<'_>, id: DeliveryId, claim: &SenderClaim) -> Result<Option<ClaimedDelivery>, TxFault> {
    let now = tx.now();
    let due = |delivery: &Delivery| delivery.state.due().is_some_and(|due| due <= now);
    let Some(mut delivery) = notification::find_delivery(tx, id)?.filter(due) else { return Ok(None) };
    let Some(found) = notification::find(tx, delivery.notification)? else {
        suppress(tx, delivery, Suppression::RecipientGone)?;
        return Ok(None);
    };
    if now >= delivery.expires_at {
        match claim.expired {
            ExpiredDelivery::Suppressed => suppress(tx, delivery, Suppression::Expired)?,
            ExpiredDelivery::Held => requeue(tx, delivery, HELD_FOR)?,
        }
        return Ok(None);
    }
    delivery.state = claim.at(now);
    notification::put_delivery(tx, &delivery)?;
    Ok(Some(ClaimedDelivery { delivery, notification: found, began_at: now }))
}

/// The stored delivery if it still has the sender's claim. `None`: the claim is over and another sender has the
/// delivery, or the user was erased.
pub(super) fn still_held(tx: &Tx<'_>, claimed: &ClaimedDelivery) -> Result<Option<Delivery>, TxFault> {
    let found = notification::find_delivery(tx, claimed.delivery.id)?;
    Ok(found.filter(|delivery| delivery.state == claimed.delivery.state))
}

/// Requeues a claimed delivery, due after `wait`.
pub(super) fn requeue(tx: &mut Tx<'_>, mut delivery: Delivery, wait: Duration) -> Result<(), TxFault> {
    delivery.state = DeliveryState::Queued { due: tx.now().plus(wait) };
    notification::put_delivery(tx, &delivery)
}

/// Requeues a delivery whose claim is over because `current` holds the sender's lease now. Whether it was sent is not
/// known: it is sent again, under the same `Message-ID`.
pub(super) fn requeue_if_over(tx: &mut Tx<'_>, id: DeliveryId, current: &LeaseHolder) -> Result<(), TxFault> {
    match notification::find_delivery(tx, id)? {
        Some(delivery) if is_claim_over(&delivery, current) => requeue(tx, delivery, Duration::ZERO),
        Some(_) | None => Ok(()),
    }
}

/// Whether the claim of a delivery is over because `current` holds the sender's lease now.
pub(super) fn is_claim_over(delivery: &Delivery, current: &LeaseHolder) -> bool {
    match &delivery.state {
        DeliveryState::Sending { holder, .. } => holder.is_over_for(current),
        DeliveryState::Queued { .. }
        | DeliveryState::Sent { .. }
        | DeliveryState::Delivered { .. }
        | DeliveryState::Bounced { .. }
        | DeliveryState::Suppressed { .. }
        | DeliveryState::Failed { .. }
        | DeliveryState::Dead { .. } => false,
    }
}

/// Writes a delivery try and the state that follows from its answer: sent, to be tried again, or dead. For a sent code
/// the event `otp.sent` is written too.
pub(super) fn settle(
    tx: &mut Tx<'_>,
    claimed: &ClaimedDelivery,
    mut delivery: Delivery,
    answer: &ProviderAnswer,
) -> Result<(), TxFault> {
    let (now, began_at) = (tx.now(), claimed.began_at);
    delivery.attempts.push(DeliveryTry { began_at, ended_at: now, answer: answer.clone() });
    let roll = u32::from_be_bytes(tx.random());
    delivery.state = retry::after(answer, delivery.attempts.len(), now, delivery.expires_at, roll);
    let (notification, owner) = (delivery.notification, delivery.owner);
    let (id, template) = (delivery.id, delivery.template.as_str().to_owned());
    match delivery.state {
        DeliveryState::Suppressed { reason, .. } => suppress(tx, delivery, reason),
        DeliveryState::Sent { .. } => {
            notification::put_delivery(tx, &delivery)?;
            emit(tx, owner, NotificationDelivered { notification, delivery: id, template })?;
            match claimed.notification.code {
                Some(sent) => {
                    let (owner, code, purpose, channel) = (sent.owner, sent.code, sent.purpose, delivery.channel);
                    emit(tx, owner, OtpSent { owner, code, purpose, channel })
                }
                None => Ok(()),
            }
        }
        DeliveryState::Dead { .. } => {
            notification::put_delivery(tx, &delivery)?;
            let reason = class(answer).to_owned();
            emit(tx, owner, NotificationFailed { notification, delivery: id, template, reason })
        }
        DeliveryState::Failed { .. }
        | DeliveryState::Queued { .. }
        | DeliveryState::Sending { .. }
        | DeliveryState::Delivered { .. }
        | DeliveryState::Bounced { .. } => notification::put_delivery(tx, &delivery),
    }
}

/// Removes notifications older than `limits::NOTIFICATIONS_KEPT`, at most `limit`, and messages that the development
/// inbox does not keep. Returns the number of removed rows; the caller repeats it until it returns 0.
pub(crate) fn remove_old(tx: &mut Tx<'_>, keeping: Keeping, limit: usize) -> Result<usize, TxFault> {
    let before = tx.now().minus(limits::NOTIFICATIONS_KEPT);
    Ok(notification::remove_old(tx, before, limit)? + inbox::remove_old(tx, keeping)?)
}

/// Emits an event about the notifier's own work, which has no client address and no user agent.
fn emit(tx: &mut Tx<'_>, subject: UserId, kind: impl Into<EventKind>) -> Result<(), TxFault> {
    tx.emit(Event { subject, kind: kind.into(), personal: Personal::default() })?;
    Ok(())
}
