//! Every metric: its name, type, labels and meaning.

use std::fmt;

/// The type of a metric, as Prometheus has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from 0 at the start of the process. Its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, with their sum.
    Histogram,
    /// A counter under a name that has no `_total`, since a source document names it so.
    Untyped,
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Untyped => "untyped",
        })
    }
}

macro_rules! metrics {
    ($($variant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $($variant,)* }

        impl Metric {
            /// All metrics, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name on the page.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// The type.
            pub const fn kind(self) -> MetricKind { match self { $(Self::$variant => MetricKind::$kind,)* } }
            /// The labels, without `service`, which each metric has.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($label),*],)* }
            }
            /// What the metric counts or measures: one sentence without its full stop.
            pub const fn help(self) -> &'static str { match self { $(Self::$variant => $help,)* } }
        }
    };
}

metrics! {
    HttpRequests = "http_requests_total", Counter, ["method", "route", "status"],
        "Requests answered, by the template of the route";
    HttpRequestDuration = "http_request_duration_seconds", Histogram, ["method", "route", "status"],
        "Time from the head of a request to its answer";
    HttpErrors = "http_errors_total", Counter, ["method", "route", "status"],
        "Requests answered with a status of 400 or above";
    Refusals = "majordomo_refusals_total", Counter, ["code"],
        "Requests refused, by the code of the problem document";
    Logins = "majordomo_logins_total", Counter, ["outcome"],
        "Logins, by `ok` or the code of the problem document";
    DbConnections = "db_connections", Gauge, [], "Reads of the store that are open now";
    CacheHits = "cache_hits", Untyped, [], "Access tokens found among those verified before";
    CacheHitsTotal = "majordomo_cache_hits_total", Counter, [], "The same as cache_hits";
    CacheMisses = "majordomo_cache_misses_total", Counter, [], "Access tokens that had to be verified";
    RabbitmqMessages = "rabbitmq_messages", Untyped, ["type"], "Events written to the event log";
    Events = "majordomo_events_total", Counter, ["type"], "The same as rabbitmq_messages";
    EventLag = "majordomo_event_lag", Gauge, ["subscriber"], "Events that a subscriber has not settled";
    EventLagSeconds = "majordomo_event_lag_seconds", Gauge, ["subscriber"],
        "Age of the oldest event that a subscriber has not settled";
    EventsDelayed = "majordomo_events_delayed", Gauge, ["subscriber"],
        "Events that a subscriber could not take yet, counted to 1000";
    EventDeadLetters = "majordomo_event_dead_letters", Gauge, ["subscriber"],
        "Events put aside for an operator, counted to 1000";
    StoreCommits = "majordomo_store_commits_total", Counter, [], "Transactions committed";
    StoreGroups = "majordomo_store_groups_total", Counter, [], "Groups of transactions, one sync each";
    StoreGroupCommits = "majordomo_store_group_commits", Histogram, [], "Transactions of a group";
    StoreCommitSeconds = "majordomo_store_commit_seconds", Histogram, [],
        "Time in which a group was written, synced and applied";
    StoreSyncSeconds = "majordomo_store_sync_seconds", Histogram, [], "Time of the sync of a group";
    StoreGroupMax = "majordomo_store_group_max_commits", Gauge, [], "Transactions of the largest group";
    StoreGroupSeconds = "majordomo_store_last_group_seconds", Gauge, [],
        "Time in which the last group was written, synced and applied";
    StoreLastCommit = "majordomo_store_last_commit_timestamp_seconds", Gauge, [], "Unix time of the last commit";
    StoreLastCheckpoint = "majordomo_store_last_checkpoint_timestamp_seconds", Gauge, [],
        "Unix time of the last checkpoint";
    StoreBusySeconds = "majordomo_store_busy_seconds", Gauge, [], "Time the writer has been at its present step";
    StoreWaiting = "majordomo_store_waiting_transactions", Gauge, ["lane"], "Transactions that wait for the writer";
    StoreTreeBytes = "majordomo_store_tree_bytes", Gauge, [], "Bytes of the tree on disk";
    StoreLiveBytes = "majordomo_store_live_bytes", Gauge, [],
        "Bytes of all keys and values when they were last counted, by a snapshot or for a compaction";
    StoreTreeSwaps = "majordomo_store_tree_swaps_total", Counter, ["reason", "outcome"],
        "Rebuilds of the tree beside the running store, by reason (`compaction`, `damage`, `disk_full`) and outcome";
    StoreTreeSwapProgress = "majordomo_store_tree_swap_progress_ratio", Gauge, [],
        "Progress of the rebuild of the tree that runs, 0 to 1; absent if none does";
    StoreTreeSwapSeconds = "majordomo_store_last_tree_swap_seconds", Gauge, [],
        "Time of the last rebuild that replaced the tree";
    StoreTreeSwapBefore = "majordomo_store_last_tree_swap_before_bytes", Gauge, [],
        "Bytes of the tree that it replaced";
    StoreTreeSwapAfter = "majordomo_store_last_tree_swap_after_bytes", Gauge, [], "Bytes of the tree that it made";
    StoreJournalBytes = "majordomo_store_journal_bytes", Gauge, [], "Bytes of the journal on disk";
    StoreFreeBytes = "majordomo_store_free_bytes", Gauge, [], "Free bytes on the disk of the store";
    StoreLastSnapshot = "majordomo_store_last_snapshot_timestamp_seconds", Gauge, [],
        "Unix time of the last good snapshot in the data directory; absent before the first one";
    StoreDamaged = "majordomo_store_damaged_values", Gauge, [],
        "Stored values that are damaged also after a rebuild of the tree: requests that need them fail";
    AuditEntries = "majordomo_audit_entries", Gauge, ["log"], "Entries of the audit log";
    MailboxDepth = "majordomo_mailbox_messages", Gauge, ["actor"], "Messages that wait for an actor";
    MailboxWait = "majordomo_mailbox_wait_seconds", Gauge, ["actor"],
        "Time the oldest message of an actor has been waiting";
    MailboxWaited = "majordomo_mailbox_waited_seconds_total", Counter, ["actor"],
        "Time that the messages of an actor have waited until they were handled";
    ActorChildren = "majordomo_actors", Gauge, ["actor"], "Actors of this name: 1, or the children that have a key";
    ActorLease = "majordomo_actor_lease_held", Gauge, ["actor"],
        "1 while the actor holds the lease without which it does not work, 0 while another holds it";
    ActorJobs = "majordomo_jobs_running", Gauge, ["actor"], "Jobs that run now";
    ActorHandled = "majordomo_actor_messages_total", Counter, ["actor", "outcome"],
        "Messages of an actor: `handled`, or not, and why";
    ActorPanics = "majordomo_actor_panics_total", Counter, ["actor"], "Panics in the handler and the jobs of an actor";
    ActorRestarts = "majordomo_actor_restarts_total", Counter, ["actor"], "Restarts of an actor after failures";
    MessagesDropped = "majordomo_messages_dropped_total", Counter, ["reason"],
        "Messages dropped by any actor without being handled";
    HasherQueue = "majordomo_hasher_queue", Gauge, [], "Places taken in the line for a password hash";
    HasherRunning = "majordomo_hasher_running", Gauge, [], "Password hashes that are computed now";
    Hashes = "majordomo_hashes_total", Counter, ["purpose"], "Password hashes computed";
    HashesRefused = "majordomo_hashes_refused_total", Counter, [], "Requests for a password hash that found no place";
    Codes = "majordomo_codes_total", Counter, ["outcome"],
        "One-time codes: `issued`, `sent`, `verified`, `wrong` tries, `expired`";
    Deliveries = "majordomo_deliveries_total", Counter, ["outcome"],
        "Deliveries of notifications: `queued`, `delivered`, `failed`, `suppressed`";
    MailsWaiting = "majordomo_mails_waiting", Gauge, [], "Mails that wait, counted to 1000 in each lane";
    MailPaused = "majordomo_mail_paused", Gauge, [], "1 while nothing is sent after a restore";
    MailFailing = "majordomo_mail_failing", Gauge, [], "1 while nothing is sent because the provider fails";
    ClockDifference = "majordomo_clock_difference_seconds", Gauge, [],
        "Time by which the wall clock is ahead of the program's time (behind it: negative), while it is not followed";
    ClockHolds = "majordomo_clock_holds_removal", Gauge, [],
        "1 while nothing is deleted, released or retired, because the clock is not trusted";
    ProcessStart = "majordomo_process_start_timestamp_seconds", Gauge, [], "Unix time of the start of the process";
}
