//! Hands one event to its subscriber, and writes the outcome if the hand-over failed.

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

/// The place from which the relay read an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HandOverSource {
    /// The log, above the watermark.
    Log,
    /// The delayed rows, where it is the first of its subject.
    Delayed(Delayed),
}

/// An event that waits for its hand-over, or is being handed over.
#[derive(Debug, Clone)]
pub(super) struct PendingHandOver {
    pub(super) event: Arc<EventEnvelope>,
    pub(super) source: HandOverSource,
}

/// The outcome of one hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandOverOutcome {
    /// The event is accepted, delayed or a dead letter: the watermark may pass it.
    Passed,
    /// The outcome was not written: the event is handed over again.
    Unwritten,
}

/// What the jobs of a relay share.
#[derive(Clone)]
pub(super) struct RelayContext {
    pub(super) subscriber: Arc<dyn Subscriber>,
    pub(super) store: Store,
    pub(super) system: System,
    /// The relay's lease; a write commits nothing once it is lost.
    pub(super) fence: LeaseFence,
}

impl RelayContext {
    pub(super) async fn hand_over(&self, pending: PendingHandOver) -> HandOverOutcome {
        match self.try_hand_over(pending).await {
            Ok(()) => HandOverOutcome::Passed,
            Err(fault) => {
                let subscriber = self.subscriber.name();
                tracing::warn!(subscriber, %fault, "the outcome of an event hand-over was not written");
                HandOverOutcome::Unwritten
            }
        }
    }

    async fn try_hand_over(&self, pending: PendingHandOver) -> Result<(), Fault> {
        let subscriber = self.subscriber.name();
        let place = EventPlace { subscriber, subject: pending.event.subject, sequence: pending.event.sequence };
        let before = match pending.source {
            HandOverSource::Log if self.queued_behind(place).await? => return Ok(()),
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
        // The subscriber applies the deadline of `work` itself; this timeout covers a subscriber that does not.
        let result = match tokio::time::timeout(TIMEOUT * 2, taken).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(NotTaken::Later("the subscriber panicked".to_owned())),
            Err(_) => Err(NotTaken::Later("the subscriber exceeded its time limit".to_owned())),
        };
        match result {
            Ok(()) => self.end_delay(place).await,
            Err(NotTaken::Later(reason)) => self.not_taken(&pending.event, place, before + 1, reason).await,
            Err(NotTaken::Never(reason)) => {
                let letter = letter(&pending.event, DeadReason::Refused, before + 1, reason);
                self.write_dead_letter(place, letter).await
            }
        }
    }

    /// Queues the event behind the delayed ones of its subject; false: there are none.
    async fn queued_behind(&self, place: EventPlace<'static>) -> Result<bool, Fault> {
        let EventPlace { subscriber, subject, .. } = place;
        if !self.store.read(move |view| subscription::has_delayed(view, subscriber, subject)).await? {
            return Ok(false);
        }
        self.store.write(self.write_of_relay(), move |tx| queue_behind(tx, place)).await
    }

    /// Removes the delayed row of an accepted event. A subscriber whose effect is outside the store does not settle the
    /// event itself.
    async fn end_delay(&self, place: EventPlace<'static>) -> Result<(), Fault> {
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
        self.store.write(self.write_of_relay(), move |tx| write_failure(tx, place, &exhausted)).await
    }

    async fn write_dead_letter(&self, place: EventPlace<'static>, letter: DeadLetter) -> Result<(), Fault> {
        self.store.write(self.write_of_relay(), move |tx| write_dead_letter(tx, place, &letter)).await
    }

    /// Writes a dead letter for a delayed event that is no longer in the log.
    pub(super) async fn dead_letter_of_missing(
        &self,
        subject: UserId,
        sequence: u64,
        delayed: Delayed,
    ) -> HandOverOutcome {
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
        match self.write_dead_letter(place, letter).await {
            Ok(()) => HandOverOutcome::Passed,
            Err(_) => HandOverOutcome::Unwritten,
        }
    }

    pub(super) async fn advance(&self, watermark: u64) -> Result<(), Fault> {
        let subscriber = self.subscriber.name();
        self.store.write(self.write_of_relay(), move |tx| subscription::advance(tx, subscriber, watermark)).await
    }

    /// A relay's own writes end or delay work, so they are admitted when the disk is nearly full.
    fn write_of_relay(&self) -> Write {
        let work = Work::until(self.system.clock().instant() + TIMEOUT);
        Write::new(work, self.system.stamp(), CallContext::service("relay", "relay"))
            .reclaim()
            .under(self.fence.clone())
    }
}

/// Queues the event behind the delayed ones of its subject; false: there are none any more, and nothing was written.
fn queue_behind(tx: &mut Tx<'_>, place: EventPlace<'_>) -> Result<bool, TxFault> {
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

/// Delays an event whose hand-over failed, or writes the dead letter `exhausted` after the last hand-over. Does nothing
/// if the event is settled.
fn write_failure(tx: &mut Tx<'_>, place: EventPlace<'_>, exhausted: &DeadLetter) -> Result<(), TxFault> {
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
        NextTry::Never => subscription::add_dead_letter(tx, place, &at_now(tx, exhausted)),
    }
}

fn write_dead_letter(tx: &mut Tx<'_>, place: EventPlace<'_>, letter: &DeadLetter) -> Result<(), TxFault> {
    if is_settled(tx, place)? { Ok(()) } else { subscription::add_dead_letter(tx, place, &at_now(tx, letter)) }
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

/// Whether the event had its effect, for example by a commit whose answer came too late.
fn is_settled(reader: &impl Reader, place: EventPlace<'_>) -> Result<bool, TxFault> {
    Ok(subscription::standing(reader, place)? == EventStanding::Settled)
}
