//! The lines of health beside those of the actors: the store, the events, mail, the clock.

use crate::{
    actors::{notifier::Notifier, relay::Relays},
    persistence::Store,
    telemetry::{
        events::{EventsReport, SubscriberLine},
        health::{Details, HealthReason, HealthStatus, MailReport, ServiceHealth},
    },
    types::{Clock, ClockTrouble, Fault, limits},
};

/// The lines. They cost reads of the event log and the queues, so the caller keeps them for a time.
pub(super) async fn lines(
    store: &Store,
    relays: &Relays,
    notifier: &Notifier,
    clock: &dyn Clock,
) -> Vec<ServiceHealth> {
    vec![of_store(store), of_events(relays).await, of_mail(notifier).await, of_clock(clock)]
}

fn line(name: &str, findings: Vec<String>, details: Option<Details>) -> ServiceHealth {
    let status = if findings.is_empty() { HealthStatus::Up } else { HealthStatus::Degraded };
    ServiceHealth { name: name.to_owned(), status, reasons: findings, details }
}

fn of_store(store: &Store) -> ServiceHealth {
    let report = store.report();
    let reasons = report.reasons.clone();
    let status = report.status;
    ServiceHealth { name: "store".to_owned(), status, reasons, details: Some(Details::Store(Box::new(report))) }
}

async fn of_events(relays: &Relays) -> ServiceHealth {
    let report = match figures(relays).await {
        Ok(report) => report,
        Err(fault) => return unreadable("events", &fault),
    };
    let mut findings = Vec::new();
    for subscriber in &report.subscribers {
        let SubscriberLine { name, lag, oldest_ms, dead_letters, .. } = subscriber;
        let late = oldest_ms.unwrap_or(0);
        if u128::from(late) > limits::EVENT_LAG_SHOWN.as_millis() {
            let seconds = late / 1_000;
            findings
                .push(format!("{name}: {}: {lag} events, the oldest {seconds} s old", HealthReason::EventLag.as_str()));
        }
        if *dead_letters > 0 {
            findings.push(format!("{name}: {}: {dead_letters}", HealthReason::DeadLetters.as_str()));
        }
    }
    line("events", findings, Some(Details::Events(report)))
}

/// The figures of the event log and its subscribers.
pub(super) async fn figures(relays: &Relays) -> Result<EventsReport, Fault> {
    let subscribers = relays
        .report()
        .await?
        .into_iter()
        .map(|subscriber| SubscriberLine {
            name: subscriber.name.to_owned(),
            watermark: subscriber.watermark.to_string(),
            lag: subscriber.lag,
            oldest_ms: subscriber.oldest.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            delayed: subscriber.delayed,
            dead_letters: subscriber.dead_letters,
        })
        .collect();
    Ok(EventsReport { last_event: relays.head().to_string(), subscribers })
}

async fn of_mail(notifier: &Notifier) -> ServiceHealth {
    let health = match notifier.health().await {
        Ok(health) => health,
        Err(fault) => return unreadable("mail", &fault),
    };
    let mut findings = Vec::new();
    if let Some(since) = health.provider_failing_since {
        let answer = health.last_failure.as_deref().unwrap_or("no reason is known");
        findings.push(format!("{} since {since}: {answer}", HealthReason::ProviderFailing.as_str()));
    }
    if health.is_refusing {
        let answer = health.last_failure.as_deref().unwrap_or_default();
        let reason = HealthReason::RecipientsRefused.as_str();
        findings.push(format!("{reason}: {} different recipients in a row: {answer}", limits::RECIPIENTS_REFUSED));
    }
    if health.is_paused {
        let waiting = health.waiting;
        findings
            .push(format!("{}: {waiting} wait for `majordomo notify resume`", HealthReason::SendingPaused.as_str()));
    }
    let report = MailReport {
        transport: health.transport,
        is_paused: health.is_paused,
        waiting: health.waiting,
        provider_failing_since: health.provider_failing_since,
        last_failure: health.last_failure,
    };
    line("mail", findings, Some(Details::Mail(report)))
}

fn of_clock(clock: &dyn Clock) -> ServiceHealth {
    let findings = clock.trouble().map(|trouble| {
        let reason = match trouble {
            ClockTrouble::Lags(_) => HealthReason::ClockLags,
            ClockTrouble::Leapt(_) => HealthReason::ClockLeapt,
        };
        format!("{}: {trouble}", reason.as_str())
    });
    if findings.is_none()
        && let Some(left) = clock.settling()
    {
        let reason = HealthReason::ClockSettling.as_str();
        let reason =
            format!("{reason}: nothing is deleted for {} s, after a long time without a commit", left.as_secs());
        return ServiceHealth {
            name: "clock".to_owned(),
            status: HealthStatus::Up,
            reasons: vec![reason],
            details: None,
        };
    }
    line("clock", findings.into_iter().collect(), None)
}

/// The line of figures that cannot be read. If the store is the cause, the store's own line has the reason.
fn unreadable(name: &str, fault: &Fault) -> ServiceHealth {
    tracing::warn!(%fault, name, "the figures of a health line cannot be read");
    line(name, vec![format!("{}: {fault}", HealthReason::Unreadable.as_str())], None)
}
