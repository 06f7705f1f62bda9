//! What operators see of the actors (`GET /actors`). Counts are since the start of the process.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::types::{Timestamp, id::NodeId};

/// One page of the tree, with the figures of the whole system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorsReport {
    /// Whose actors these are.
    pub node: NodeReport,
    /// When the figures were read.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub captured_at: Timestamp,
    /// Sums over all actors, those on other pages included.
    pub totals: Totals,
    /// The actors of this page, ordered by path.
    pub actors: Vec<ActorReport>,
    /// Handling times for each kind of actor.
    pub kinds: Vec<KindReport>,
    /// Messages that were dropped without being handled.
    pub dead_letters: DeadLetters,
    /// Paths of actors that handle one message, or let one wait, for too long.
    pub stuck: Vec<String>,
    /// Pass it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One run of the program: where it runs and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// Another one at each start (UUIDv7, RFC 9562).
    #[schema(value_type = String, format = "uuid")]
    pub id: NodeId,
    /// The name of its machine, as the system says.
    pub name: String,
    /// When it was started.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
}

/// Sums over all actors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Actors known at present.
    pub actors: u64,
    /// Of those, running.
    pub running: u64,
    /// Of those, waiting to be restarted.
    pub restarting: u64,
    /// Of those, parked.
    pub parked: u64,
    /// Messages waiting in mailboxes.
    pub queued: u64,
    /// Messages taken into a mailbox.
    pub accepted: u64,
    /// Messages refused for want of a permit or of a live actor.
    pub refused: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls whose caller went away.
    pub abandoned: u64,
    /// Messages handled.
    pub handled: u64,
    /// Messages and jobs that failed.
    pub failed: u64,
    /// Panics in handlers and jobs.
    pub panics: u64,
    /// Jobs running at present.
    pub jobs_running: u64,
    /// Restarts of children.
    pub restarts: u64,
}

/// One actor, task, thread or group of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorReport {
    /// Where it is in the tree, e.g. `relay/welcome_mail`. A key is shown as a short keyed hash.
    pub path: String,
    /// What it is, e.g. `AuthActor`.
    pub kind: String,
    /// What it does at present.
    pub status: ActorStatus,
    /// Until when it waits, if it is restarting or parked.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339_if_any")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// When it wakes by itself, if it waits for a time: e.g. when the next code of an owner ends.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339_if_any")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub wakes_at: Option<Timestamp>,
    /// How often it was started.
    pub generation: u64,
    /// Milliseconds in this status.
    pub age_ms: u64,
    /// What waits for it.
    pub mailbox: Mailbox,
    /// What it does and did.
    pub work: WorkReport,
    /// How its supervisor sees it.
    pub supervision: Supervision,
    /// The last failure, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<ActorFailure>,
    /// The path of its parent; absent at the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How many children it has.
    pub children_total: u64,
    /// The paths of the first of them.
    pub children: Vec<String>,
}

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorStatus {
    /// Its turn in the order of the start has not come.
    Waiting,
    /// It reads its state.
    Starting,
    /// It takes messages.
    Running,
    /// It failed and waits to be started again.
    Restarting,
    /// It failed too often and waits for long.
    Parked,
    /// It finishes what it took and takes nothing new.
    Draining,
    /// It is gone.
    Stopped,
}

/// What waits for an actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    /// Messages waiting.
    pub depth: u64,
    /// Permits in all: messages waiting and work running.
    pub capacity: u64,
    /// Permits taken at present.
    pub taken: u64,
    /// The most messages that ever waited.
    pub high_water: u64,
    /// Milliseconds that the oldest of them has been waiting.
    pub oldest_ms: u64,
}

/// What an actor does and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkReport {
    /// Messages taken into the mailbox.
    pub accepted: u64,
    /// Messages refused for want of a permit or of a live actor.
    pub refused: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls whose caller went away.
    pub abandoned: u64,
    /// Messages handled.
    pub handled: u64,
    /// Messages and jobs that failed.
    pub failed: u64,
    /// Panics in the handler and in jobs.
    pub panics: u64,
    /// Jobs running at present.
    pub jobs_running: u64,
    /// What it handles at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handling: Option<HandlingReport>,
}

/// The message an actor is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandlingReport {
    /// Its kind.
    pub message: String,
    /// Milliseconds since it began.
    pub since_ms: u64,
}

/// How its supervisor sees a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Supervision {
    /// Restarts after failures.
    pub restarts: u64,
    /// Of those, within the period that counts.
    pub restarts_in_window: u64,
    /// So many are allowed within the period.
    pub restarts_limit: u64,
    /// The period in seconds.
    pub window_seconds: u64,
    /// Restarts by an operator; they do not count.
    pub restarts_by_operator: u64,
    /// What happens past the limit: `escape` or `park`.
    pub past_limit: &'static str,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorFailure {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why; never a message's content.
    pub reason: String,
}

/// Handling times of one kind of actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindReport {
    /// The kind of actor.
    pub kind: String,
    /// Its handler, by message kind.
    pub messages: Vec<Times>,
    /// Its jobs, by job kind.
    pub jobs: Vec<Times>,
}

/// Handling times of one kind of message or job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The kind of message or job.
    pub kind: String,
    /// How many were measured.
    pub count: u64,
    /// Half of them took at most so many microseconds (rounded up by at most an eighth).
    pub p50_us: u64,
    /// Ninety-nine in a hundred took at most so many microseconds.
    pub p99_us: u64,
}

/// Messages that were dropped without being handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    /// How many, by reason.
    pub counts: Vec<DeadLetterCount>,
    /// The last of them, newest first; never a payload.
    pub last: Vec<ActorDeadLetter>,
}

/// Dead letters of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterCount {
    /// Why they were dropped.
    pub reason: DeadLetterReason,
    /// How many.
    pub count: u64,
}

/// One dropped message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorDeadLetter {
    /// When it was dropped.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// For whom it was.
    pub path: String,
    /// The kind of message.
    pub message: String,
    /// Why it was dropped.
    pub reason: DeadLetterReason,
}

/// Why a message was dropped without being handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterReason {
    /// Its deadline passed while it waited.
    Expired,
    /// Its caller went away while it waited.
    Abandoned,
    /// It waited in the mailbox of an actor that crashed.
    Crashed,
    /// It waited in the mailbox of an actor that was stopped.
    Stopped,
    /// Nobody was there to take it.
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

/// The same for an instant that may be missing: `null`.
pub fn rfc3339_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}
