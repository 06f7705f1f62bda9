//! Reports for operators, built from records.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    record::ActorRecord,
    stats::Stats,
    sync::{lock, read},
    system::ROOT,
};
use crate::{
    telemetry::{
        actors::{
            ActorReport, ActorStatus, ActorsReport, HandlingReport, KindReport, Mailbox, Supervision, Totals,
            WorkReport,
        },
        health::{HealthReason, HealthReport, HealthStatus, ServiceHealth},
    },
    types::limits,
};

impl Stats {
    /// One page of the tree: the actors after the path `cursor` (`None`: from the first), at most
    /// `limits::ACTORS_PAGE`, with the totals of all.
    pub fn snapshot(&self, cursor: Option<&str>) -> ActorsReport {
        let now = self.now();
        let all = self.records_after(None);
        let mut page = self.records_after(cursor);
        let more = page.len() > limits::ACTORS_PAGE;
        page.truncate(limits::ACTORS_PAGE);
        let next_cursor = page.last().filter(|_| more).map(|record| record.path.to_string());
        let families = Families::of(&all);
        ActorsReport {
            node: self.0.node.clone(),
            captured_at: self.0.clock.now(),
            totals: totals(&all),
            actors: page.iter().map(|record| families.report(record, now)).collect(),
            kinds: self.kinds(),
            dead_letters: self.dead_letters(),
            stuck: stuck(&all, now),
            next_cursor,
        }
    }

    /// The actor at `path`.
    pub fn report(&self, path: &str) -> Option<ActorReport> {
        let record = self.find(path)?;
        Some(Families::of(&self.records_after(None)).report(&record, self.now()))
    }

    /// The health of each child of the root, in the order of the start.
    pub fn health(&self) -> HealthReport {
        let (all, now) = (self.records_after(None), self.now());
        let mut tops: Vec<&Arc<ActorRecord>> =
            all.iter().filter(|record| record.parent.as_deref() == Some(ROOT)).collect();
        tops.sort_by_key(|record| record.order);
        let services: Vec<ServiceHealth> = tops.into_iter().map(|top| service_health(top, &all, now)).collect();
        let status = services.iter().map(|service| service.status).max().unwrap_or(HealthStatus::Down);
        HealthReport { status, services }
    }

    fn kinds(&self) -> Vec<KindReport> {
        let kinds = read(&self.0.kinds);
        let report = |(kind, times): (&&'static str, &Arc<super::stats::ActorKind>)| KindReport {
            kind: (*kind).to_owned(),
            messages: times.messages.times(),
            jobs: times.jobs.times(),
        };
        kinds.iter().map(report).collect()
    }
}

/// The children of each path.
struct Families(BTreeMap<Arc<str>, (u64, Vec<String>)>);

impl Families {
    fn of(all: &[Arc<ActorRecord>]) -> Self {
        let mut families: BTreeMap<Arc<str>, (u64, Vec<String>)> = BTreeMap::new();
        for record in all {
            let Some(parent) = &record.parent else { continue };
            let (total, named) = families.entry(Arc::clone(parent)).or_default();
            *total += 1;
            if named.len() < limits::CHILDREN_NAMED {
                named.push(record.path.to_string());
            }
        }
        Self(families)
    }

    fn report(&self, record: &ActorRecord, now: Instant) -> ActorReport {
        let standing = record.standing();
        let (children_total, children) = self.0.get(&record.path).cloned().unwrap_or_default();
        ActorReport {
            path: record.path.to_string(),
            kind: record.kind.to_owned(),
            status: standing.status,
            until: standing.until,
            wakes_at: record.wakes_at(),
            lease: record.lease(),
            generation: record.generation.load(Ordering::Relaxed),
            age_ms: millis(now.saturating_duration_since(standing.since)),
            mailbox: mailbox(record, now),
            work: work(record, now),
            supervision: supervision(record),
            last_failure: record.last_failure(),
            parent: record.parent.as_deref().map(str::to_owned),
            children_total,
            children,
        }
    }
}

fn mailbox(record: &ActorRecord, now: Instant) -> Mailbox {
    Mailbox {
        depth: record.backlog.depth(),
        capacity: record.capacity as u64,
        taken: record.permits_taken() as u64,
        high_water: record.backlog.high_water(),
        oldest_ms: record.backlog.oldest(now).map_or(0, millis),
    }
}

fn work(record: &ActorRecord, now: Instant) -> WorkReport {
    let counts = &record.counts;
    let handling = record.handling.now().map(|(message, since)| HandlingReport {
        message: message.to_owned(),
        since_ms: millis(now.saturating_duration_since(since)),
    });
    WorkReport {
        accepted: record.accepted(),
        refused: counts.refused.get(),
        expired: counts.expired.get(),
        abandoned: counts.abandoned.get(),
        handled: counts.handled.get(),
        failed: counts.failed.get(),
        panics: counts.panics.get(),
        jobs_running: record.jobs_running.load(Ordering::Relaxed) as u64,
        handling,
    }
}

fn supervision(record: &ActorRecord) -> Supervision {
    let restarts = *lock(&record.restarts);
    Supervision {
        restarts: restarts.total,
        restarts_in_window: restarts.in_window,
        restarts_limit: u64::from(record.policy.max),
        window_seconds: record.policy.within.as_secs(),
        restarts_by_operator: restarts.by_operator,
        past_limit: record.policy.past.as_str(),
    }
}

fn totals(all: &[Arc<ActorRecord>]) -> Totals {
    let mut totals = Totals { actors: all.len() as u64, ..Totals::default() };
    for record in all {
        let counts = &record.counts;
        match record.standing().status {
            ActorStatus::Running => totals.running += 1,
            ActorStatus::Restarting => totals.restarting += 1,
            ActorStatus::Parked => totals.parked += 1,
            ActorStatus::Waiting | ActorStatus::Starting | ActorStatus::Draining | ActorStatus::Stopped => {}
        }
        totals.queued += record.backlog.depth();
        totals.accepted += record.accepted();
        totals.refused += counts.refused.get();
        totals.expired += counts.expired.get();
        totals.abandoned += counts.abandoned.get();
        totals.handled += counts.handled.get();
        totals.failed += counts.failed.get();
        totals.panics += counts.panics.get();
        totals.jobs_running += record.jobs_running.load(Ordering::Relaxed) as u64;
        totals.restarts += lock(&record.restarts).total;
    }
    totals
}

fn stuck(all: &[Arc<ActorRecord>], now: Instant) -> Vec<String> {
    let stuck = all.iter().filter(|record| record.is_stuck(now));
    stuck.take(limits::ACTORS_PAGE).map(|record| record.path.to_string()).collect()
}

fn service_health(top: &Arc<ActorRecord>, all: &[Arc<ActorRecord>], now: Instant) -> ServiceHealth {
    let is_below = |path: &str| path.strip_prefix(&*top.path).is_some_and(|rest| rest.starts_with('/'));
    let mut status = HealthStatus::Up;
    let mut reasons = Vec::new();
    for record in all.iter().filter(|record| record.path == top.path || is_below(&record.path)) {
        let Some((ill, reason)) = complaint(record, now) else { continue };
        let is_top = record.path == top.path;
        // Children of a directory are activated and passivated; a failed child degrades its service.
        let comes_or_goes =
            matches!(record.standing().status, ActorStatus::Waiting | ActorStatus::Starting | ActorStatus::Draining);
        if comes_or_goes && !is_top {
            continue;
        }
        let ill = if is_top { ill } else { ill.min(HealthStatus::Degraded) };
        status = status.max(ill);
        if reasons.len() < limits::CHILDREN_NAMED {
            reasons.push(format!("{}: {reason}", record.path));
        }
    }
    ServiceHealth { name: top.path.to_string(), status, reasons, details: None }
}

fn complaint(record: &ActorRecord, now: Instant) -> Option<(HealthStatus, String)> {
    let standing = record.standing();
    let until = standing.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let why = record.last_failure().map(|failure| format!(": {}", failure.reason)).unwrap_or_default();
    let (status, reason, more) = match standing.status {
        ActorStatus::Waiting | ActorStatus::Starting => (HealthStatus::Degraded, HealthReason::Starting, String::new()),
        ActorStatus::Restarting => (HealthStatus::Degraded, HealthReason::Restarting, format!("{until}{why}")),
        ActorStatus::Parked => (HealthStatus::Degraded, HealthReason::Parked, format!("{until}{why}")),
        ActorStatus::Draining => (HealthStatus::Degraded, HealthReason::Draining, String::new()),
        ActorStatus::Stopped => (HealthStatus::Down, HealthReason::Stopped, why),
        ActorStatus::Running if record.is_stuck(now) => {
            let at = record.handling.now().map_or("its mailbox", |(message, _)| message);
            (HealthStatus::Degraded, HealthReason::Stuck, format!(" at {at}"))
        }
        ActorStatus::Running => {
            let lease = record.lease().filter(|lease| lease.epoch.is_none())?;
            (HealthStatus::Up, HealthReason::Standby, format!(" for the lease {}", lease.name))
        }
    };
    Some((status, format!("{}{more}", reason.as_str())))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
