//! Whether the services are well (`GET /health`): one line for each child of the root, and for the events, mail and the
//! clock.

use serde::Serialize;
use utoipa::ToSchema;

use super::{events::EventsReport, store::StoreReport};
use crate::types::Timestamp;

/// How well something is. Ordered: the worst of several is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// All is well.
    Up,
    /// It works in part, or is being restarted.
    Degraded,
    /// It does not work and nobody restarts it.
    Down,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $page:literal;)*) => {
        /// Everything that health can name. What follows the name in a reason is said for this occurrence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HealthReason { $($(#[$doc])* $variant,)* }

        impl HealthReason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name, stable.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// The file under `docs/runbooks` that says what to do.
            pub const fn runbook(self) -> &'static str { match self { $(Self::$variant => $page,)* } }
        }
    };
}

reasons! {
    /// An actor is being started for the first time.
    Starting = "starting", "restarting.md";
    /// The store is being brought up to this version; nothing else is answered.
    Migrating = "migrating", "migrating.md";
    /// An actor failed and is started again after a wait.
    Restarting = "restarting", "restarting.md";
    /// An actor finishes what it took, to stop or to be restarted.
    Draining = "draining", "restarting.md";
    /// An actor is gone and nobody starts it again.
    Stopped = "stopped", "restarting.md";
    /// An actor failed past its limit and waits long before each further try.
    Parked = "parked", "parked.md";
    /// An actor is busy with one message for too long.
    Stuck = "stuck", "stuck.md";
    /// The disk failed under the store: the process ends.
    Lost = "lost", "store-down.md";
    /// The writer is busy with one step for too long.
    WriterStuck = "writer_stuck", "store-down.md";
    /// Figures that are read from the store cannot be.
    Unreadable = "unreadable", "store-down.md";
    /// Only what frees space is still taken.
    DiskFull = "disk_full", "disk-low.md";
    /// What only adds is refused.
    DiskLow = "disk_low", "disk-low.md";
    /// The wall clock is behind the product's own time.
    ClockLags = "clock_lags", "clock.md";
    /// The wall clock leapt ahead.
    ClockLeapt = "clock_leapt", "clock.md";
    /// A subscriber is behind the event log.
    EventLag = "event_lag", "event-lag.md";
    /// Events were put aside for an operator to decide on.
    DeadLetters = "dead_letters", "dead-letters.md";
    /// Nothing is sent by mail because the provider fails.
    ProviderFailing = "provider_failing", "provider-breaker.md";
    /// Nothing is sent because the store was restored from a snapshot.
    SendingPaused = "sending_paused", "sending-paused.md";
    /// Headers of a proxy come from an address that is not trusted.
    ProxyUntrusted = "proxy_untrusted", "proxy-untrusted.md";
    /// A trusted proxy does not say whom it serves.
    ProxySilent = "proxy_silent", "proxy-silent.md";
}

/// One line of health: a top-level service with all that is below it, or a part of the process that is no actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceHealth {
    /// Its name: its path in the tree, or `events`, `mail`, `clock`.
    pub name: String,
    /// How well it is.
    pub status: HealthStatus,
    /// Which child is not well, and why; empty when it is up.
    pub reasons: Vec<String>,
    /// Its figures, if it has some.
    pub details: Option<Details>,
}

impl ServiceHealth {
    /// Adds what another line says of the same service: the worse of both, every reason, its figures.
    pub fn add(&mut self, other: Self) {
        self.status = self.status.max(other.status);
        self.reasons.extend(other.reasons);
        self.details = other.details.or(self.details.take());
    }
}

/// The figures of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Details {
    /// Of the store.
    Store(Box<StoreReport>),
    /// Of the events.
    Events(EventsReport),
    /// Of mail.
    Mail(MailReport),
}

/// How mail goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailReport {
    /// By what: `inbox` or `smtp`.
    pub transport: &'static str,
    /// Mails that wait, counted to 1,000 in each lane.
    pub waiting: usize,
    /// Whether nothing is sent because the store was restored, until `majordomo notify resume`.
    pub is_paused: bool,
    /// Since when nothing is sent because the provider fails.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>)]
    pub provider_failing_since: Option<Timestamp>,
    /// What the provider said at its last failure, until it works again.
    pub last_failure: Option<String>,
}

/// All lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    /// The worst of the services.
    pub status: HealthStatus,
    /// The services in the order of the tree's start.
    pub services: Vec<ServiceHealth>,
}
