//! One event to its subscriber, and what is written when it is not taken.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;

use super::subscriber::{HandOver, NotTaken, Subscriber, TIMEOUT};
use crate::{
    domain::event::{DeadLetter, DeadReason, Delayed, EventEnvelope, NextTry, next_try},
    persistence::{
        LeaseFence, Reader, Store, Tx, TxFault, Write,
        tables::subscription::{self, EventPlace, EventStanding, Settlement},
    },
    supervision::System,
    types::{CallContext, Fault, Work, id::UserId},
};

/// Where the relay has an event from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HandOverSource {
    /// From the log, above the watermark.
    Log,
    /// From the delayed rows, where it is the first of its subject.
    Delayed(Delayed),
}

/// An event on its way to the subscriber.
#[derive(Debug, Clone)]
pub(super) struct PendingHandOver {
    pub(super) event: Arc<EventEnvelope>,
    pub(super) source: HandOverSource,
}

/// What came of one handing over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandOverOutcome {
    /// The watermark may pass: it was taken, or stands written as delayed or dead.
    Passed,
    /// Nothing could be written: hand it over again.
    Unwritten,
}

/// What a handing over needs.
#[derive(Clone)]
pub(super) struct RelayContext {
    pub(super) subscriber: Arc<dyn Subscriber>,
    pub(super) store: Store,
    pub(super) system: System,
    /// The lease of the relay.
    pub(super) fence: LeaseFence,
}

impl RelayContext {
    pub(super) async fn hand_over(&self, pending: PendingHandOver) -> HandOverOutcome {
        match self.try_hand_over(pending).await {
            Ok(()) => HandOverOutcome::Passed,
            Err(fault) => {
                tracing::warn!(subscriber = self.subscriber.name(), %fault, "an event's fate could not be written");
                HandOverOutcome::Unwritten
            }
        }
    }

    async fn try_hand_over(&self, pending: PendingHandOver) -> Result<(), Fault> {
        let subscriber = self.subscriber.name();
        let place = EventPlace { subscriber, subject: pending.event.subject, sequence: pending.event.sequence };
        let before = match pending.source {
            HandOverSource::Log if self.stands_behind(place).await? => return Ok(()),
            HandOverSource::Log => 0,
            HandOverSource::Delayed(delayed) => delayed.attempts,
        };
        let hand_over = HandOver {
            event: Arc::clone(&pending.event),
            attempt: before + 1,
            subscriber,
            work: Work::until(self.system.clock().instant() + TIMEOUT),
            stamp: self.system.stamp(),
            fence: self.fence.clone(),
        };
        let taken = AssertUnwindSafe(self.subscriber.receive(hand_over)).catch_unwind();
        // The subscriber's own deadline comes first; this one is for a subscriber that forgot it.
        let result = match tokio::time::timeout(TIMEOUT * 2, taken).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(NotTaken::Later("the subscriber panicked".to_owned())),
            Err(_) => Err(NotTaken::Later("the subscriber took too long".to_owned())),
        };
        match result {
            Ok(()) => self.conclude_if_delayed(place).await,
            Err(NotTaken::Later(reason)) => self.not_taken(&pending.event, place, before + 1, reason).await,
            Err(NotTaken::Never(reason)) => {
                let letter = letter(&pending.event, DeadReason::Refused, before + 1, reason);
                self.bury(place, letter).await
            }
        }
    }

    /// Writes the event behind the delayed ones of its subject, if there are any.
    async fn stands_behind(&self, place: EventPlace<'static>) -> Result<bool, Fault> {
        let EventPlace { subscriber, subject, .. } = place;
        if !self.store.read(move |view| subscription::has_delayed(view, subscriber, subject)).await? {
            return Ok(false);
        }
        self.store.write(self.write_of_relay(), move |tx| stand_behind(tx, place)).await
    }

    /// A subscriber whose effect is outside of the store settles nothing: its delayed row is removed here.
    async fn conclude_if_delayed(&self, place: EventPlace<'static>) -> Result<(), Fault> {
        let standing = self.store.read(move |view| subscription::standing(view, place)).await?;
        match standing {
            EventStanding::Open | EventStanding::Settled => Ok(()),
            EventStanding::Delayed(_) => self.store.write(self.write_of_relay(), move |tx| conclude(tx, place)).await,
        }
    }

    async fn not_taken(
        &self,
        event: &EventEnvelope,
        place: EventPlace<'static>,
        attempts: u32,
        reason: String,
    ) -> Result<(), Fault> {
        let exhausted = letter(event, DeadReason::Exhausted, attempts, reason);
        self.store.write(self.write_of_relay(), move |tx| put_off(tx, place, &exhausted)).await
    }

    async fn bury(&self, place: EventPlace<'static>, letter: DeadLetter) -> Result<(), Fault> {
        self.store.write(self.write_of_relay(), move |tx| bury(tx, place, &letter)).await
    }

    /// A delayed event that retention, or an operator, has taken out of the log.
    pub(super) async fn bury_gone(&self, subject: UserId, sequence: u64, delayed: Delayed) -> HandOverOutcome {
        let place = EventPlace { subscriber: self.subscriber.name(), subject, sequence };
        let letter = DeadLetter {
            event: None,
            event_type: None,
            subject,
            reason: DeadReason::Gone,
            attempts: delayed.attempts,
            last_error: delayed.last_error,
            at: self.system.clock().now(),
        };
        match self.bury(place, letter).await {
            Ok(()) => HandOverOutcome::Passed,
            Err(_) => HandOverOutcome::Unwritten,
        }
    }

    pub(super) async fn advance(&self, watermark: u64) -> Result<(), Fault> {
        let subscriber = self.subscriber.name();
        self.store.write(self.write_of_relay(), move |tx| subscription::advance(tx, subscriber, watermark)).await
    }

    /// What a relay writes ends work or puts it off: it goes on when the disk is nearly full.
    fn write_of_relay(&self) -> Write {
        let work = Work::until(self.system.clock().instant() + TIMEOUT);
        Write::new(work, self.system.stamp(), CallContext::service("relay", "relay"))
            .reclaim()
            .under(self.fence.clone())
    }
}

/// Writes the event behind the delayed ones of its subject; false: there are none any more, and nothing was written.
fn stand_behind(tx: &mut Tx<'_>, place: EventPlace<'_>) -> Result<bool, TxFault> {
    if !subscription::has_delayed(tx, place.subscriber, place.subject)? {
        return Ok(false);
    }
    let delayed = Delayed { attempts: 0, due: tx.now(), last_error: "behind an earlier event".to_owned() };
    subscription::delay(tx, place, &delayed)?;
    Ok(true)
}

fn conclude(tx: &mut Tx<'_>, place: EventPlace<'_>) -> Result<(), TxFault> {
    match subscription::settle(tx, place)? {
        Settlement::First | Settlement::Already => Ok(()),
    }
}

/// Delays an event that was not taken, or buries it as `exhausted` after its last attempt; nothing if it had its effect
/// after all.
fn put_off(tx: &mut Tx<'_>, place: EventPlace<'_>, exhausted: &DeadLetter) -> Result<(), TxFault> {
    if is_settled(tx, place)? {
        return Ok(());
    }
    let DeadLetter { attempts, last_error, .. } = exhausted;
    let [roll] = tx.random();
    match next_try(*attempts, roll) {
        NextTry::After(wait) => {
            let due = tx.now().plus(wait);
            subscription::delay(tx, place, &Delayed { attempts: *attempts, due, last_error: last_error.clone() })
        }
        NextTry::Never => subscription::bury(tx, place, &at_now(tx, exhausted)),
    }
}

fn bury(tx: &mut Tx<'_>, place: EventPlace<'_>, letter: &DeadLetter) -> Result<(), TxFault> {
    if is_settled(tx, place)? { Ok(()) } else { subscription::bury(tx, place, &at_now(tx, letter)) }
}

fn letter(event: &EventEnvelope, reason: DeadReason, attempts: u32, last_error: String) -> DeadLetter {
    DeadLetter {
        event: Some(event.id),
        event_type: Some(event.event_type),
        subject: event.subject,
        reason,
        attempts,
        last_error,
        at: event.time,
    }
}

fn at_now(tx: &Tx<'_>, letter: &DeadLetter) -> DeadLetter {
    DeadLetter { at: tx.now(), ..letter.clone() }
}

/// Whether the effect was had after all, for example by a commit whose answer came too late.
fn is_settled(reader: &impl Reader, place: EventPlace<'_>) -> Result<bool, TxFault> {
    Ok(subscription::standing(reader, place)? == EventStanding::Settled)
}
