//! The reports on actors (`GET /actors`). Counts are since the start of the process.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::types::{Timestamp, id::NodeId};

/// One page of the tree, with the statistics of the whole system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorsReport {
    /// The process that runs these actors.
    pub node: NodeReport,
    /// The time of the report.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub captured_at: Timestamp,
    /// Sums over all actors, including those on other pages.
    pub totals: Totals,
    /// The actors of this page, ordered by path.
    pub actors: Vec<ActorReport>,
    /// Handling times for each kind of actor.
    pub kinds: Vec<KindReport>,
    /// Messages that were dropped without being handled.
    pub dead_letters: DeadLetters,
    /// Paths of actors that have handled one message, or let one wait, for 5 s or longer.
    #[schema(example = json!([]))]
    pub stuck: Vec<String>,
    /// The `cursor` of the next page; `null` on the last page.
    #[schema(example = json!(null))]
    pub next_cursor: Option<String>,
}

/// One run of the program: its machine and its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// The id of the run, new at each start (UUIDv7, RFC 9562).
    #[schema(value_type = String, format = "uuid", example = "0197f3a0-7c1e-7d2a-9b1f-1f2e3d4c5b6a")]
    pub id: NodeId,
    /// The host name of the machine.
    #[schema(example = "app-1")]
    pub name: String,
    /// The time of the start.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub started: Timestamp,
}

/// Sums over all actors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Actors in the tree.
    pub actors: u64,
    /// Of those, running.
    pub running: u64,
    /// Of those, waiting to be restarted.
    pub restarting: u64,
    /// Of those, parked.
    pub parked: u64,
    /// Messages waiting in mailboxes.
    pub queued: u64,
    /// Messages accepted into a mailbox.
    pub accepted: u64,
    /// Messages refused because no permit was free or no actor was running.
    pub refused: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls whose caller left.
    pub abandoned: u64,
    /// Messages handled.
    pub handled: u64,
    /// Messages and jobs that failed.
    pub failed: u64,
    /// Panics in handlers and jobs.
    pub panics: u64,
    /// Jobs that are running.
    pub jobs_running: u64,
    /// Restarts of children.
    pub restarts: u64,
}

/// One actor, task, thread or group of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorReport {
    /// The path in the tree, e.g. `relay/welcome_mail`. A key is shown as a short keyed hash.
    #[schema(example = "auth")]
    pub path: String,
    /// The kind of actor, e.g. `AuthActor`.
    #[schema(example = "AuthActor")]
    pub kind: String,
    /// The status.
    pub status: ActorStatus,
    /// The end of its wait, if it is restarting or parked.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339_if_any")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub until: Option<Timestamp>,
    /// When it wakes by a timer, if it has set one: e.g. when the next code of an owner ends.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339_if_any")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub wakes_at: Option<Timestamp>,
    /// The lease without which it does not work, if it needs one and is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseReport>,
    /// Number of starts.
    pub generation: u64,
    /// Milliseconds in this status.
    pub age_ms: u64,
    /// The messages that wait for it.
    pub mailbox: Mailbox,
    /// Its current and past work.
    pub work: WorkReport,
    /// Its restarts.
    pub supervision: Supervision,
    /// The last failure, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ActorFailure)]
    pub last_failure: Option<ActorFailure>,
    /// The path of its parent; absent at the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, example = "relay")]
    pub parent: Option<String>,
    /// Number of children.
    pub children_total: u64,
    /// The paths of the first children.
    #[schema(example = json!(["relay/notifier"]))]
    pub children: Vec<String>,
}

/// The lease of an actor whose work may run only once at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseReport {
    /// The name of the lease.
    pub name: String,
    /// The epoch of the lease that it holds; absent while it waits because another holds the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// The status of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorStatus {
    /// It has not been started yet.
    Waiting,
    /// It is reading its state.
    Starting,
    /// It accepts messages.
    Running,
    /// It failed and waits to be restarted.
    Restarting,
    /// It failed past its restart limit and waits with growing back-off.
    Parked,
    /// It handles its accepted messages and accepts no new ones.
    Draining,
    /// It has ended.
    Stopped,
}

/// The mailbox of an actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    /// Messages waiting.
    pub depth: u64,
    /// Permits in total: messages waiting and work running.
    pub capacity: u64,
    /// Permits in use.
    pub taken: u64,
    /// The highest number of waiting messages so far.
    pub high_water: u64,
    /// Milliseconds that the oldest waiting message has waited.
    pub oldest_ms: u64,
}

/// The work of an actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkReport {
    /// Messages accepted into the mailbox.
    pub accepted: u64,
    /// Messages refused because no permit was free or the actor was not running.
    pub refused: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls whose caller left.
    pub abandoned: u64,
    /// Messages handled.
    pub handled: u64,
    /// Messages and jobs that failed.
    pub failed: u64,
    /// Panics in the handler and in jobs.
    pub panics: u64,
    /// Jobs that are running.
    pub jobs_running: u64,
    /// The message that is being handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = HandlingReport)]
    pub handling: Option<HandlingReport>,
}

/// The message that an actor is handling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandlingReport {
    /// The kind of message.
    #[schema(example = "login")]
    pub message: String,
    /// Milliseconds since its handling began.
    pub since_ms: u64,
}

/// The restarts of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Supervision {
    /// Restarts after failures.
    pub restarts: u64,
    /// Restarts after failures within the current period.
    pub restarts_in_window: u64,
    /// Maximum number of restarts within the period.
    pub restarts_limit: u64,
    /// The period in seconds.
    pub window_seconds: u64,
    /// Restarts by an operator, which do not count towards the limit.
    pub restarts_by_operator: u64,
    /// What follows a failure past the limit.
    #[schema(value_type = PastLimit)]
    pub past_limit: &'static str,
}

/// What follows a failure past the restart limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum PastLimit {
    /// The parent fails, too.
    Escape,
    /// The child waits with growing back-off.
    Park,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorFailure {
    /// The time of the failure.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub at: Timestamp,
    /// The reason; it never holds the content of a message.
    #[schema(example = "the disk is full")]
    pub reason: String,
}

/// Handling times of one kind of actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindReport {
    /// The kind of actor.
    #[schema(example = "AuthActor")]
    pub kind: String,
    /// Handling times by message kind.
    pub messages: Vec<Times>,
    /// Run times by job kind.
    pub jobs: Vec<Times>,
}

/// Handling times of one kind of message or job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The kind of message or job.
    #[schema(example = "AuthActor")]
    pub kind: String,
    /// Number of measurements.
    pub count: u64,
    /// The median in microseconds (rounded up by at most 1/8).
    pub p50_us: u64,
    /// The 99th percentile in microseconds (rounded up by at most 1/8).
    pub p99_us: u64,
}

/// Messages that were dropped without being handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    /// Counts by reason.
    pub counts: Vec<DeadLetterCount>,
    /// The latest dead letters, newest first; they never hold a payload.
    pub last: Vec<ActorDeadLetter>,
}

/// Dead letters of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterCount {
    /// The reason.
    pub reason: DeadLetterReason,
    /// Number of dead letters.
    pub count: u64,
}

/// One dropped message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorDeadLetter {
    /// The time of the drop.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub at: Timestamp,
    /// The path of the actor it was sent to.
    #[schema(example = "auth")]
    pub path: String,
    /// The kind of message.
    #[schema(example = "login")]
    pub message: String,
    /// The reason.
    pub reason: DeadLetterReason,
}

/// Why a message was dropped without being handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterReason {
    /// Its deadline passed while it waited.
    Expired,
    /// Its caller left while it waited.
    Abandoned,
    /// It waited in the mailbox of an actor that crashed.
    Crashed,
    /// It waited in the mailbox of an actor that was stopped.
    Stopped,
    /// No actor was running.
    NoActor,
}

impl DeadLetterReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Expired, Self::Abandoned, Self::Crashed, Self::Stopped, Self::NoActor];
}

/// Writes an instant as RFC 3339 in UTC.
pub fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Writes an instant as RFC 3339 in UTC, or `null` if there is none.
pub fn rfc3339_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}
