//! Health of the services (`GET /health`): one line for each child of the root, and for the events, mail and the clock.

use serde::Serialize;
use utoipa::ToSchema;

use super::{events::EventsReport, store::StoreReport};
use crate::types::Timestamp;

/// The status of a service. Ordered: the worst of several is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It works.
    Up,
    /// It works in part, or is being restarted.
    Degraded,
    /// It does not work and is not restarted.
    Down,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $page:literal;)*) => {
        /// Every reason that health can report. The text after the name in a reason describes the case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HealthReason { $($(#[$doc])* $variant,)* }

        impl HealthReason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The stable name.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// The runbook under `docs/runbooks`.
            pub const fn runbook(self) -> &'static str { match self { $(Self::$variant => $page,)* } }
        }
    };
}

reasons! {
    /// An actor starts for the first time.
    Starting = "starting", "restarting.md";
    /// The store is being opened, or another process holds it; all other requests are refused.
    Opening = "opening", "opening.md";
    /// The store's tree is being rebuilt from a snapshot and the journal; all other requests are refused.
    Rebuilding = "rebuilding", "opening.md";
    /// The store is being migrated to this version; all other requests are refused.
    Migrating = "migrating", "migrating.md";
    /// An actor failed and is restarted after a wait.
    Restarting = "restarting", "restarting.md";
    /// An actor handles its accepted messages before it stops or restarts.
    Draining = "draining", "restarting.md";
    /// An actor has ended and is not restarted.
    Stopped = "stopped", "restarting.md";
    /// An actor failed past its restart limit and waits with growing back-off before each further start.
    Parked = "parked", "parked.md";
    /// An actor has handled one message for too long.
    Stuck = "stuck", "stuck.md";
    /// An actor does nothing, because another process holds its lease; it is `up`.
    Standby = "standby", "standby.md";
    /// The disk failed under the store; the process ends.
    Lost = "lost", "store-down.md";
    /// The writer has been busy with one step for too long; the text names the step.
    WriterStuck = "writer_stuck", "store-down.md";
    /// The tree is rebuilt beside the running store, because its file is much larger than its content; it is `up`.
    Compacting = "compacting", "compacting.md";
    /// The tree is rebuilt beside the running store, because it is damaged or the disk was full.
    ReplacingTree = "replacing_tree", "compacting.md";
    /// Transactions wait for the writer until their deadline has passed.
    WritesExpire = "writes_expire", "store-down.md";
    /// Stored values are damaged, also after a rebuild of the tree: requests that need them fail.
    Damaged = "damaged", "damaged.md";
    /// Rows of the tree are missing or do not fit each other; the next start rebuilds the tree.
    Inconsistent = "inconsistent", "damaged.md";
    /// Figures cannot be read from the store.
    Unreadable = "unreadable", "store-down.md";
    /// Only writes that end access or free space are accepted.
    DiskFull = "disk_full", "disk-low.md";
    /// Writes that add optional data are refused.
    DiskLow = "disk_low", "disk-low.md";
    /// A snapshot that was due was not taken; the text has the age of the last good one.
    SnapshotOld = "snapshot_old", "snapshot-old.md";
    /// Files of the journal were removed by others; a snapshot is taken in their place.
    SegmentLost = "segment_lost", "files-removed.md";
    /// The lock of the data directory was removed or replaced and cannot be made again.
    LockWeak = "lock_weak", "files-removed.md";
    /// The wall clock is behind Majordomo's own time.
    ClockLags = "clock_lags", "clock.md";
    /// The wall clock jumped ahead.
    ClockLeapt = "clock_leapt", "clock.md";
    /// The wall clock was followed over a gap, and nothing is deleted until it has agreed for an hour; the clock is
    /// `up`.
    ClockSettling = "clock_settling", "clock.md";
    /// A subscriber is behind the event log.
    EventLag = "event_lag", "event-lag.md";
    /// There are events that an operator has to requeue or discard.
    DeadLetters = "dead_letters", "dead-letters.md";
    /// No mail is sent because the provider fails.
    ProviderFailing = "provider_failing", "provider-breaker.md";
    /// The provider refuses different recipients in a row permanently: mails are lost.
    RecipientsRefused = "recipients_refused", "recipients-refused.md";
    /// Nothing is sent because the store was restored from a snapshot.
    SendingPaused = "sending_paused", "sending-paused.md";
    /// Headers of a proxy came from an address that is not trusted.
    ProxyUntrusted = "proxy_untrusted", "proxy-untrusted.md";
    /// A trusted proxy does not send the address of its client.
    ProxySilent = "proxy_silent", "proxy-silent.md";
}

/// One line of health: a top-level service with its children, or a part of the process that is not an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceHealth {
    /// Its name: its path in the tree, or `events`, `mail`, `clock`.
    pub name: String,
    /// The status.
    pub status: HealthStatus,
    /// The children that are not `up`, or wait for a lease that another holds (`standby`), with the reason.
    pub reasons: Vec<String>,
    /// Its figures, if it has any.
    pub details: Option<Details>,
}

impl ServiceHealth {
    /// Merges another line of the same service: the worse status, all reasons, its figures.
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
    /// The figures of the store.
    Store(Box<StoreReport>),
    /// The figures of the events.
    Events(EventsReport),
    /// The figures of mail.
    Mail(MailReport),
}

/// The transport of mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum MailTransportName {
    /// The inbox of development mode.
    Inbox,
    /// An SMTP server.
    Smtp,
}

/// The state of outbound mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailReport {
    /// The transport of mails.
    #[schema(value_type = MailTransportName)]
    pub transport: &'static str,
    /// Number of waiting mails, counted to 1,000 in each lane.
    pub waiting: usize,
    /// Whether sending waits because the store was restored, until `majordomo notify resume`.
    pub is_paused: bool,
    /// Since when no mail is sent because the provider fails.
    #[serde(serialize_with = "super::actors::rfc3339_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null))]
    pub provider_failing_since: Option<Timestamp>,
    /// The provider's last error or permanent refusal, without addresses, until a mail is accepted.
    #[schema(example = json!(null))]
    pub last_failure: Option<String>,
}

/// All lines of health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    /// The worst status of the services.
    pub status: HealthStatus,
    /// The services in the order of their start.
    pub services: Vec<ServiceHealth>,
}
