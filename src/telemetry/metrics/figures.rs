//! The values that each scrape reads, and their samples.

use std::time::Duration;

use super::{catalog::Metric, groups::GroupMetrics, sample::Samples};
use crate::{
    telemetry::{
        actors::{DeadLetterCount, DeadLetterReason},
        events::EventsReport,
        health::MailReport,
        store::{StoreReport, TreeSwapCount},
    },
    types::{ClockDifference, ClockTrouble, Timestamp},
};

/// The figures of the whole process.
#[derive(Debug, Clone)]
pub struct Figures {
    /// When the process was started.
    pub started: Timestamp,
    /// The wall clock.
    pub clock: ClockFigures,
    /// The store.
    pub store: StoreReport,
    /// Its groups of transactions.
    pub groups: GroupMetrics,
    /// Bytes of all its keys and values when they were last counted.
    pub live_bytes: Option<u64>,
    /// Its journal on disk; absent for a store in memory.
    pub journal_bytes: Option<u64>,
    /// The actors.
    pub actors: Vec<ActorLoad>,
    /// Messages dropped without being handled.
    pub dropped: Vec<DeadLetterCount>,
    /// The subscribers of the event log; absent if they cannot be read.
    pub events: Option<EventsReport>,
    /// Events written since the start of the process.
    pub events_written: Vec<EventCount>,
    /// One-time codes since the start of the process.
    pub codes: Vec<OutcomeCount>,
    /// Deliveries since the start of the process.
    pub deliveries: Vec<OutcomeCount>,
    /// Mail; absent if it cannot be read.
    pub mail: Option<MailReport>,
    /// Password hashes.
    pub hasher: HasherFigures,
    /// Access tokens that were verified before.
    pub cache: CacheFigures,
}

/// The trust in the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFigures {
    /// The two times, while the wall clock is not followed.
    pub trouble: Option<ClockTrouble>,
    /// Whether the time may decide what is deleted, released or retired.
    pub may_remove: bool,
}

impl ClockFigures {
    fn difference(&self) -> f64 {
        let Some(ClockDifference { own, wall }) = self.trouble.map(|trouble| trouble.difference()) else { return 0.0 };
        wall.since(own).as_secs_f64() - own.since(wall).as_secs_f64()
    }
}

/// Events of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventCount {
    /// The service that writes the event.
    pub source: &'static str,
    /// The type of the events.
    pub event_type: &'static str,
    /// Number of events.
    pub count: u64,
}

/// The number of operations with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeCount {
    /// The outcome, as the label is written.
    pub outcome: &'static str,
    /// Number of operations.
    pub count: u64,
}

/// The state of the pool of password hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HasherFigures {
    /// Permits in use.
    pub waiting: u64,
    /// Hashes computed now.
    pub running: u64,
    /// Hashes of new passwords.
    pub hashed: u64,
    /// Comparisons with a stored hash.
    pub verified: u64,
    /// Comparisons without a stored hash, which have the cost of one with a hash.
    pub verified_unknown: u64,
    /// Requests that found no permit.
    pub refused: u64,
}

/// Number of look-ups in the cache of verified tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Look-ups that found the token.
    pub hits: u64,
    /// Look-ups that did not find the token.
    pub misses: u64,
}

/// One actor, or all children of one parent that are started by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorLoad {
    /// The path; `<parent>/*` for children with a key.
    pub actor: String,
    /// Number of actors of this line.
    pub actors: u64,
    /// Messages that wait in the mailbox.
    pub depth: u64,
    /// Age of the oldest waiting message.
    pub oldest: Duration,
    /// Jobs that run.
    pub jobs_running: u64,
    /// Whether it holds the lease that it needs to work; `None`: it needs none.
    pub holds_lease: Option<bool>,
    /// The counts since its start; absent for children with a key, whose counts end with them.
    pub done: Option<ActorWork>,
}

impl ActorLoad {
    /// A line for `actor` without figures.
    pub fn none(actor: String) -> Self {
        Self { actor, actors: 0, depth: 0, oldest: Duration::ZERO, jobs_running: 0, holds_lease: None, done: None }
    }
}

/// The counts of an actor since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActorWork {
    /// Messages handled.
    pub handled: u64,
    /// Messages and jobs that failed.
    pub failed: u64,
    /// Messages refused.
    pub refused: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Panics.
    pub panics: u64,
    /// Restarts after failures.
    pub restarts: u64,
    /// How long its messages waited in all.
    pub waited: Duration,
}

impl Figures {
    pub(super) fn samples(&self) -> Samples {
        let mut samples = Samples::default();
        samples.put(Metric::ClockDifference, "edge", self.clock.difference());
        samples.put(Metric::ClockHolds, "edge", flag(!self.clock.may_remove));
        samples.put(Metric::ProcessStart, "edge", seconds_of(self.started));
        self.put_store(&mut samples);
        self.actors.iter().for_each(|actor| put_actor(&mut samples, actor));
        for dropped in &self.dropped {
            samples.put_by(Metric::MessagesDropped, "edge", &[word(dropped.reason)], float(dropped.count));
        }
        self.put_events(&mut samples);
        self.put_hasher(&mut samples);
        for metric in [Metric::CacheHits, Metric::CacheHitsTotal] {
            samples.put(metric, "auth", float(self.cache.hits));
        }
        samples.put(Metric::CacheMisses, "auth", float(self.cache.misses));
        if let Some(mail) = &self.mail {
            samples.put(Metric::MailsWaiting, "notifier", float(mail.waiting as u64));
            samples.put(Metric::MailPaused, "notifier", flag(mail.is_paused));
            samples.put(Metric::MailFailing, "notifier", flag(mail.provider_failing_since.is_some()));
        }
        samples
    }

    fn put_store(&self, samples: &mut Samples) {
        const STORE: &str = "store";
        let (store, writer) = (&self.store, &self.store.writer);
        let mut put = |metric, value| samples.put(metric, STORE, value);
        put(Metric::DbConnections, float(store.readers));
        put(Metric::StoreCommits, float(writer.commits));
        put(Metric::StoreGroups, float(writer.groups));
        put(Metric::StoreGroupMax, float(writer.largest_group as u64));
        put(Metric::StoreGroupSeconds, Duration::from_micros(writer.last_group_us).as_secs_f64());
        put(Metric::StoreBusySeconds, Duration::from_millis(writer.busy_ms).as_secs_f64());
        put(Metric::StoreTreeBytes, float(store.tree_bytes));
        put(Metric::StoreDamaged, float(store.damaged_values as u64));
        let last_swap = store.tree_swaps.last.as_ref();
        let optional = [
            (Metric::StoreLastCommit, writer.last_commit_at.map(seconds_of)),
            (Metric::StoreLastCheckpoint, writer.last_checkpoint_at.map(seconds_of)),
            (Metric::StoreLastSnapshot, store.last_snapshot_at.map(seconds_of)),
            (Metric::StoreFreeBytes, store.free_bytes.map(float)),
            (Metric::StoreLiveBytes, self.live_bytes.map(float)),
            (Metric::StoreJournalBytes, self.journal_bytes.map(float)),
            (Metric::StoreTreeSwapProgress, store.tree_swaps.running.as_ref().map(|swap| float(swap.percent) / 100.0)),
            (Metric::StoreTreeSwapSeconds, last_swap.map(|swap| Duration::from_millis(swap.took_ms).as_secs_f64())),
            (Metric::StoreTreeSwapBefore, last_swap.map(|swap| float(swap.bytes_before))),
            (Metric::StoreTreeSwapAfter, last_swap.map(|swap| float(swap.bytes_after))),
        ];
        for (metric, value) in optional {
            value.into_iter().for_each(|value| put(metric, value));
        }
        for TreeSwapCount { reason, done, failed } in &store.tree_swaps.counts {
            for (outcome, count) in [("done", done), ("failed", failed)] {
                samples.put_by(Metric::StoreTreeSwaps, STORE, &[reason, outcome], float(*count));
            }
        }
        samples.put_by(Metric::StoreWaiting, STORE, &["prompt"], float(writer.waiting as u64));
        samples.put_by(Metric::StoreWaiting, STORE, &["bulk"], float(writer.bulk_waiting as u64));
        samples.put_by(Metric::AuditEntries, "audit", &["changes"], float(store.audit.entries));
        samples.put_by(Metric::AuditEntries, "audit", &["sign_ins"], float(store.audit_sign_ins.entries));
    }

    fn put_events(&self, samples: &mut Samples) {
        for EventCount { source, event_type, count } in &self.events_written {
            for metric in [Metric::RabbitmqMessages, Metric::Events] {
                samples.put_by(metric, source, &[event_type], float(*count));
            }
        }
        for (metric, service, counts) in
            [(Metric::Codes, "otp", &self.codes), (Metric::Deliveries, "notifier", &self.deliveries)]
        {
            for OutcomeCount { outcome, count } in counts {
                samples.put_by(metric, service, &[outcome], float(*count));
            }
        }
        for line in self.events.iter().flat_map(|report| &report.subscribers) {
            let mut put = |metric, value| samples.put_by(metric, "relay", &[&line.name], value);
            put(Metric::EventLag, float(line.lag));
            put(Metric::EventLagSeconds, Duration::from_millis(line.oldest_ms.unwrap_or(0)).as_secs_f64());
            put(Metric::EventsDelayed, float(line.delayed as u64));
            put(Metric::EventDeadLetters, float(line.dead_letters as u64));
        }
    }

    fn put_hasher(&self, samples: &mut Samples) {
        const HASHER: &str = "hasher";
        let HasherFigures { waiting, running, hashed, verified, verified_unknown, refused } = self.hasher;
        samples.put(Metric::HasherQueue, HASHER, float(waiting));
        samples.put(Metric::HasherRunning, HASHER, float(running));
        samples.put(Metric::HashesRefused, HASHER, float(refused));
        for (purpose, count) in [("new", hashed), ("check", verified), ("unknown_identifier", verified_unknown)] {
            samples.put_by(Metric::Hashes, HASHER, &[purpose], float(count));
        }
    }
}

fn put_actor(samples: &mut Samples, load: &ActorLoad) {
    let (actor, service) = (load.actor.as_str(), service_of(&load.actor));
    let mut put = |metric, value| samples.put_by(metric, service, &[actor], value);
    put(Metric::ActorChildren, float(load.actors));
    put(Metric::MailboxDepth, float(load.depth));
    put(Metric::MailboxWait, load.oldest.as_secs_f64());
    put(Metric::ActorJobs, float(load.jobs_running));
    if let Some(holds) = load.holds_lease {
        put(Metric::ActorLease, f64::from(u8::from(holds)));
    }
    let Some(done) = load.done else { return };
    put(Metric::MailboxWaited, done.waited.as_secs_f64());
    put(Metric::ActorPanics, float(done.panics));
    put(Metric::ActorRestarts, float(done.restarts));
    let outcomes =
        [("handled", done.handled), ("failed", done.failed), ("refused", done.refused), ("expired", done.expired)];
    for (outcome, count) in outcomes {
        samples.put_by(Metric::ActorHandled, service, &[actor, outcome], float(count));
    }
}

/// The child of the root that an actor belongs to.
fn service_of(actor: &str) -> &'static str {
    const SERVICES: [&str; 8] = ["hasher", "otp", "auth", "user", "notifier", "relay", "upkeep", "edge"];
    match actor.split('/').next().unwrap_or(actor) {
        "store" | "store_keeper" => "store",
        "sender" => "notifier",
        top => SERVICES.into_iter().find(|service| *service == top).unwrap_or("other"),
    }
}

fn word(reason: DeadLetterReason) -> &'static str {
    match reason {
        DeadLetterReason::Expired => "expired",
        DeadLetterReason::Abandoned => "abandoned",
        DeadLetterReason::Crashed => "crashed",
        DeadLetterReason::Stopped => "stopped",
        DeadLetterReason::NoActor => "no_actor",
    }
}

/// Exact up to 2^53.
fn float(count: u64) -> f64 {
    count as f64
}

fn flag(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn seconds_of(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1_000_000.0
}
