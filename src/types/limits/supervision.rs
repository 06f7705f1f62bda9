//! Bounds of actors and their supervision.

use std::time::Duration;

/// Permits of a service's mailbox: messages queued and work running.
pub const MAILBOX: usize = 1_024;
/// Permits of a keyed child's mailbox.
pub const CHILD_MAILBOX: usize = 64;
/// Active children of one directory.
pub const DIRECTORY_MAX: usize = 10_000;
/// The default deadline of a call.
pub const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// Idle time after which a keyed child is passivated.
pub const PASSIVATE_AFTER: Duration = Duration::from_secs(60);
/// Number of stored dead letters of the actor system.
pub const DEAD_LETTERS_KEPT: usize = 100;
/// Keyed children of one directory that are being passivated while others are activated.
pub const DIRECTORY_LEAVING_MAX: usize = 256;
/// Restarts of a child within `RESTARTS_WITHIN` before its policy escapes or parks it.
pub const RESTARTS_MAX: u32 = 5;
/// The period in which restarts are counted.
pub const RESTARTS_WITHIN: Duration = Duration::from_secs(60);
/// The wait before the first restart; it doubles with each further one in the period.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two restarts of a child that is not parked.
pub const BACKOFF_MOST: Duration = Duration::from_secs(10);
/// The first wait of a parked child; it doubles.
pub const PARK_FIRST: Duration = Duration::from_secs(10);
/// The longest wait of a parked child.
pub const PARK_MOST: Duration = Duration::from_secs(300);
/// The limit of a child's start; a longer start counts as a failure.
pub const START_LIMIT: Duration = Duration::from_secs(60);
/// The limit of a child's stop before it is killed, including its jobs.
pub const STOP_LIMIT: Duration = Duration::from_secs(3);
/// The limit of a stop for work that the next start continues: relays and upkeep.
pub const STOP_SOON: Duration = Duration::from_secs(1);
/// The wait for a killed actor; it exceeds this only if it blocks its thread.
pub const KILL_LIMIT: Duration = Duration::from_secs(1);
/// One message is handled, or waits, for this long: the actor counts as stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);
/// Idle timers that are kept for later calls; more exist while more callers wait.
pub const IDLE_TIMERS_MAX: usize = 256;
/// Message kinds of one kind of actor with separate handling times.
pub const MESSAGE_KINDS_MAX: usize = 64;
/// Characters of the reason of a failure.
pub const FAILURE_TEXT_MAX: usize = 300;
/// Number of child paths in the report of one actor.
pub const CHILDREN_NAMED: usize = 20;
/// The longest wait of a worker after a failed run.
pub const WORKER_BACKOFF_MOST: Duration = Duration::from_secs(30);
/// Characters of an actor's path in a query.
pub const ACTOR_PATH_MAX: usize = 300;
