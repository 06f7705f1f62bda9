//! Operators' view of the subscribers and the event log, and their commands on dead letters.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{actor::EventRelay, counts::EventCounts, subscriber::Subscriber};
use crate::{
    actors::leased::SharedLease,
    domain::{
        audit::AuditRecord,
        event::{DeadLetter, EventEnvelope, EventType, actions::EventAction},
    },
    persistence::{
        Decision, Store, Tx, TxFault, Write,
        events::{self, EventFilter, EventRange},
        refuse,
        tables::subscription::{self, LetterFound},
    },
    supervision::{Nudge, Spec, Supervisor, System},
    types::{CallContext, Failure, Fault, Page, PageLimit, Work, id::UserId, limits},
};

/// The progress of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberReport {
    pub name: &'static str,
    /// Every event up to this sequence is settled, delayed, a dead letter, or of a type without a subscription.
    pub watermark: u64,
    /// The number of events behind the watermark, of all types.
    pub lag: u64,
    /// The age of the oldest event behind the watermark.
    pub oldest: Option<Duration>,
    /// Events that wait for their next hand-over, counted to `limits::SCAN_MAX`.
    pub delayed: usize,
    /// Dead letters, counted to `limits::SCAN_MAX`.
    pub dead_letters: usize,
}

/// A page of dead letters with their sequences, oldest first.
pub type DeadLetterPage = Page<(u64, DeadLetter), u64>;

/// A page of dead letters of all subscribers, in the order of their names, each one's oldest first.
pub type AllDeadLetters = Page<(&'static str, u64, DeadLetter), (&'static str, u64)>;

/// The filter and range of a page of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The page begins behind this sequence; 0: with the oldest stored event.
    pub after: u64,
    /// The wanted types; empty: all types.
    pub types: BTreeSet<EventType>,
    pub subject: Option<UserId>,
    /// The maximum number of rows in the page.
    pub limit: PageLimit,
}

/// A page of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// In ascending order of the sequence.
    pub rows: Vec<EventEnvelope>,
    /// The `after` of the next page; `None`: the page reaches the end of the log.
    pub next: Option<u64>,
    /// The last sequence of the log when the page was read.
    pub head: u64,
}

/// The reason why an operator's command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorRefusal {
    /// No subscriber has this name.
    UnknownSubscriber,
    /// The subscriber has no dead letter of this sequence.
    UnknownDeadLetter,
}

/// The handle over all relays. Cheap to clone.
#[derive(Clone)]
pub struct Relays {
    relays: Arc<[Relay]>,
    pub(super) counts: Arc<EventCounts>,
    pub(super) store: Store,
    system: System,
}

struct Relay {
    subscriber: Arc<dyn Subscriber>,
    nudge: Nudge,
}

impl Relays {
    /// Adds a relay for each subscriber to `group` and returns the handle over them. `spec` maps a subscriber's name
    /// to the specification of its child.
    pub fn supervised(
        group: &mut Supervisor,
        spec: impl Fn(&'static str) -> Spec,
        subscribers: impl IntoIterator<Item = Arc<dyn Subscriber>>,
        (store, system): (&Store, &System),
    ) -> Self {
        let relays = subscribers.into_iter().map(|subscriber| {
            let (name, nudge) = (subscriber.name(), Nudge::new());
            let parts = (Arc::clone(&subscriber), store.clone(), system.clone(), nudge.clone());
            let make = move || {
                let (subscriber, store, system, nudge) = parts.clone();
                EventRelay::new(subscriber, store, system, nudge)
            };
            let lease = SharedLease::new(store, format!("relay/{name}"));
            group.worker_nudged_by(&nudge, spec(name), lease.worker(make));
            Relay { subscriber, nudge }
        });
        let (relays, counts) = (relays.collect(), Arc::new(EventCounts::from_now(store)));
        Self { relays, counts, store: store.clone(), system: system.clone() }
    }

    /// The sequence of the last event.
    pub fn head(&self) -> u64 {
        self.store.head()
    }

    /// The progress of each subscriber.
    pub async fn report(&self) -> Result<Vec<SubscriberReport>, Fault> {
        let (head, now) = (self.store.head(), self.system.clock().now());
        let mut reports = Vec::with_capacity(self.relays.len());
        for relay in &*self.relays {
            let name = relay.subscriber.name();
            let report = self.store.read(move |view| {
                let watermark = subscription::find(view, name)?.map_or(0, |found| found.watermark);
                let (dead_letters, delayed) = subscription::counts(view, name)?;
                let range = EventRange { after: watermark, limit: 1 };
                let oldest = events::read(view, range, &EventFilter::default())?.rows;
                Ok(SubscriberReport {
                    name,
                    watermark,
                    lag: head.saturating_sub(watermark),
                    oldest: oldest.first().map(|event| now.since(event.time)),
                    delayed,
                    dead_letters,
                })
            });
            reports.push(report.await?);
        }
        Ok(reports)
    }

    /// A page of the event log. A page with fewer rows than `limit`, even an empty one, may have a next page, because
    /// one call scans at most `limits::SCAN_MAX` events.
    pub async fn events(&self, query: EventQuery) -> Result<EventPage, Fault> {
        let filter = EventFilter { types: query.types, subject: query.subject };
        let range = EventRange { after: query.after, limit: query.limit.rows() };
        let read = self.store.read(move |view| {
            let Page { rows, next } = events::read(view, range, &filter)?;
            Ok(EventPage { rows, next, head: events::head(view)? })
        });
        read.await
    }

    /// A dead letter, and its event if the log still holds it.
    pub async fn dead_letter(
        &self,
        subscriber: &str,
        sequence: u64,
    ) -> Result<(DeadLetter, Option<EventEnvelope>), Failure<OperatorRefusal>> {
        let name = self.find(subscriber)?.subscriber.name();
        let found = self.store.read(move |view| match subscription::dead_letter(view, name, sequence)? {
            Some(letter) => Ok(Some((letter, events::find(view, sequence)?))),
            None => Ok(None),
        });
        found.await?.ok_or(Failure::Refused(OperatorRefusal::UnknownDeadLetter))
    }

    /// Dead letters of all subscribers behind `after`, a subscriber's name and a sequence.
    pub async fn all_dead_letters(
        &self,
        after: Option<(&str, u64)>,
        limit: PageLimit,
    ) -> Result<AllDeadLetters, Fault> {
        let mut names: Vec<&'static str> = self.relays.iter().map(|relay| relay.subscriber.name()).collect();
        names.sort_unstable();
        names.retain(|name| after.is_none_or(|(from, _)| *name >= from));
        let mut rows = Vec::new();
        for name in names {
            let behind = after.filter(|(from, _)| *from == name).map(|(_, sequence)| sequence);
            let missing = limit.rows() + 1 - rows.len();
            let page = self.store.read(move |view| subscription::dead_letters(view, name, behind, missing)).await?;
            rows.extend(page.rows.into_iter().map(|(sequence, letter)| (name, sequence, letter)));
            if rows.len() > limit.rows() {
                break;
            }
        }
        let more = rows.len() > limit.rows();
        rows.truncate(limit.rows());
        let next = rows.last().filter(|_| more).map(|(name, sequence, _)| (*name, *sequence));
        Ok(Page { rows, next })
    }

    /// Dead letters of a subscriber, oldest first, behind the sequence `after`.
    pub async fn dead_letters(
        &self,
        subscriber: &str,
        after: Option<u64>,
        limit: PageLimit,
    ) -> Result<DeadLetterPage, Failure<OperatorRefusal>> {
        let name = self.find(subscriber)?.subscriber.name();
        Ok(self.store.read(move |view| subscription::dead_letters(view, name, after, limit.rows())).await?)
    }

    /// Hands a dead letter over again.
    pub async fn requeue(
        &self,
        context: CallContext,
        subscriber: &str,
        sequence: u64,
    ) -> Result<(), Failure<OperatorRefusal>> {
        let relay = self.find(subscriber)?;
        let name = relay.subscriber.name();
        let requeued = self.store.decide(self.write(context), move |tx| requeue(tx, name, sequence)).await;
        relay.nudge.nudge();
        requeued
    }

    /// Hands all dead letters of a subscriber over again; returns their number.
    pub async fn requeue_all(&self, context: CallContext, subscriber: &str) -> Result<usize, Failure<OperatorRefusal>> {
        let relay = self.find(subscriber)?;
        let name = relay.subscriber.name();
        let (mut requeued, mut after) = (0, None);
        loop {
            let write = self.write(context.clone());
            let (some, last) = self.store.write(write, move |tx| requeue_some(tx, name, after)).await?;
            requeued += some;
            relay.nudge.nudge();
            // An event that fails again during the loop is a dead letter behind the cursor, so the loop ends.
            match last {
                Some(last) if some == limits::PAGE_MAX => after = Some(last),
                Some(_) | None => return Ok(requeued),
            }
        }
    }

    /// Discards a dead letter; the operator's reason is written into the audit log.
    pub async fn discard(
        &self,
        context: CallContext,
        subscriber: &str,
        sequence: u64,
        reason: &str,
    ) -> Result<(), Failure<OperatorRefusal>> {
        let name = self.find(subscriber)?.subscriber.name();
        let detail = format!("subscriber={name} sequence={sequence} reason={reason}");
        self.store.decide(self.write(context), move |tx| discard(tx, name, sequence, &detail)).await
    }

    fn find(&self, subscriber: &str) -> Result<&Relay, Failure<OperatorRefusal>> {
        let found = self.relays.iter().find(|relay| relay.subscriber.name() == subscriber);
        found.ok_or(Failure::Refused(OperatorRefusal::UnknownSubscriber))
    }

    fn write(&self, context: CallContext) -> Write {
        let work = Work::until(self.system.clock().instant() + limits::CALL_DEADLINE);
        Write::new(work, self.system.stamp(), context)
    }
}

fn requeue(tx: &mut Tx<'_>, subscriber: &str, sequence: u64) -> Decision<(), OperatorRefusal> {
    let detail = format!("subscriber={subscriber} sequence={sequence}");
    match subscription::requeue(tx, subscriber, sequence)? {
        LetterFound::Missing => refuse(OperatorRefusal::UnknownDeadLetter),
        LetterFound::Changed => Ok(entry(tx, EventAction::RequeueDeadLetter, detail)?),
    }
}

/// Requeues the oldest dead letters, `limits::PAGE_MAX` at most; returns their number.
/// Requeues a page of dead letters behind the sequence `after`. Returns their number and the last sequence.
fn requeue_some(tx: &mut Tx<'_>, subscriber: &str, after: Option<u64>) -> Result<(usize, Option<u64>), TxFault> {
    let letters = subscription::dead_letters(tx, subscriber, after, limits::PAGE_MAX)?.rows;
    for (sequence, _) in &letters {
        subscription::requeue(tx, subscriber, *sequence)?;
    }
    if !letters.is_empty() {
        let detail = format!("subscriber={subscriber} count={}", letters.len());
        entry(tx, EventAction::RequeueDeadLetter, detail)?;
    }
    Ok((letters.len(), letters.last().map(|(sequence, _)| *sequence)))
}

fn discard(tx: &mut Tx<'_>, subscriber: &str, sequence: u64, detail: &str) -> Decision<(), OperatorRefusal> {
    match subscription::discard(tx, subscriber, sequence)? {
        LetterFound::Missing => refuse(OperatorRefusal::UnknownDeadLetter),
        LetterFound::Changed => Ok(entry(tx, EventAction::DiscardDeadLetter, detail.to_owned())?),
    }
}

fn entry(tx: &mut Tx<'_>, action: EventAction, detail: String) -> Result<(), TxFault> {
    tx.audit(AuditRecord::done(action, None).detail(detail))
}
