//! The figures of the process for its metrics, read at each scrape.

use super::Operations;
use crate::{
    actors::auth::Auth,
    telemetry::{
        health::{Details, ServiceHealth},
        metrics::figures::Figures,
    },
};

impl Operations {
    /// The present figures; those of subscribers and mail are at most `limits::READY_PROBE_EVERY` old. Figures that
    /// cannot be read are left out.
    pub async fn figures(&self, auth: &Auth) -> Figures {
        let (store, stats) = (&self.0.store, self.0.system.stats());
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
        Figures {
            started: stats.started(),
            store: store.report(),
            journal_bytes: store.upkeep().and_then(|upkeep| upkeep.journal_bytes().ok()),
            actors: stats.loads(),
            dropped: stats.dead_letters().counts,
            events,
            events_written: self.0.relays.written().await.unwrap_or_default(),
            mail,
            hasher,
            cache,
        }
    }
}
