//! The figures of the process for its metrics, read at each scrape.

use super::Operations;
use crate::{
    actors::auth::Auth,
    domain::{
        event::EventType,
        notification::events::{NotificationDelivered, NotificationFailed, NotificationQueued, NotificationSuppressed},
        otp::events::{OtpExpired, OtpFailed, OtpPasswordReset, OtpSent, OtpVerificationRequired, OtpVerified},
    },
    persistence::upkeep::Upkeep,
    telemetry::{
        health::{Details, ServiceHealth},
        metrics::figures::{ClockFigures, EventCount, Figures, OutcomeCount},
    },
};

/// What happens to one-time codes, by the events that say it.
const CODES: [(&str, &[EventType]); 5] = [
    ("issued", &[OtpVerificationRequired::TYPE, OtpPasswordReset::TYPE]),
    ("sent", &[OtpSent::TYPE]),
    ("verified", &[OtpVerified::TYPE]),
    ("wrong", &[OtpFailed::TYPE]),
    ("expired", &[OtpExpired::TYPE]),
];
/// What happens to deliveries, by the events that say it.
const DELIVERIES: [(&str, &[EventType]); 4] = [
    ("queued", &[NotificationQueued::TYPE]),
    ("delivered", &[NotificationDelivered::TYPE]),
    ("failed", &[NotificationFailed::TYPE]),
    ("suppressed", &[NotificationSuppressed::TYPE]),
];

impl Operations {
    /// The present figures; those of subscribers and mail are at most `limits::READY_PROBE_EVERY` old. Figures that
    /// cannot be read are left out.
    pub async fn figures(&self, auth: &Auth) -> Figures {
        let (store, stats, clock) = (&self.0.store, self.0.system.stats(), self.0.system.clock());
        let (cache, hasher) = auth.figures();
        let details = self.lines().await.into_iter().filter_map(|line: ServiceHealth| line.details);
        let (mut events, mut mail) = (None, None);
        for detail in details {
            match detail {
                Details::Events(report) => events = Some(report),
                Details::Mail(report) => mail = Some(report),
                Details::Store(_) => {}
            }
        }
        let events_written = self.0.relays.written().await.unwrap_or_default();
        Figures {
            started: stats.started(),
            clock: ClockFigures { trouble: clock.trouble(), may_remove: clock.may_remove() },
            store: store.report(),
            groups: store.groups(),
            live_bytes: store.upkeep().and_then(Upkeep::live_bytes),
            journal_bytes: store.upkeep().and_then(|upkeep| upkeep.journal_bytes().ok()),
            actors: stats.loads(),
            dropped: stats.dead_letters().counts,
            events,
            codes: outcomes(&events_written, &CODES),
            deliveries: outcomes(&events_written, &DELIVERIES),
            events_written,
            mail,
            hasher,
            cache,
        }
    }
}

fn outcomes(events: &[EventCount], wanted: &[(&'static str, &[EventType])]) -> Vec<OutcomeCount> {
    let of = |types: &[EventType]| {
        let is_wanted = |event: &&EventCount| {
            EventType::from_name(event.event_type).is_some_and(|event_type| types.contains(&event_type))
        };
        events.iter().filter(is_wanted).map(|event| event.count).sum()
    };
    wanted.iter().map(|(outcome, types)| OutcomeCount { outcome, count: of(types) }).collect()
}
