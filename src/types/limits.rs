//! Every bound of Majordomo, in one place. Values that operators may set are defaults in `config.toml`; this file has
//! the hard caps and the bounds that cannot be set.

use std::time::Duration;

// -- values ---------------------------------------------------------------------------------------------------------

/// Characters of an e-mail address (RFC 5321 section 4.5.3.1.3: a path of 256 with its brackets).
pub const EMAIL_MAX: usize = 254;
/// Bytes of an e-mail address before it is folded.
pub const EMAIL_INPUT_MAX: usize = 1_024;
/// Characters of a first or last name.
pub const PERSON_NAME_MAX: usize = 100;
/// Characters of a phone number as typed.
pub const PHONE_INPUT_MAX: usize = 32;
/// Characters kept of a `User-Agent` header.
pub const USER_AGENT_MAX: usize = 256;
/// Characters of a device's name.
pub const DEVICE_NAME_MAX: usize = 100;
/// Characters of a request id.
pub const REQUEST_ID_MAX: usize = 128;
/// Characters of a one-time code as typed.
pub const CODE_INPUT_MAX: usize = 64;
/// Characters of a password, after NFC.
pub const PASSWORD_MAX: usize = 128;
/// Bytes of a password in a request.
pub const PASSWORD_INPUT_MAX: usize = 1_024;

/// Bytes of an access token; longer ones are refused unread.
pub const ACCESS_TOKEN_MAX: usize = 8 << 10;
/// Bytes of a user name or address in a request, before the lookup.
pub const IDENTIFIER_INPUT_MAX: usize = 1_024;
/// Memory, in KiB, of one password hash; a stored hash that needs more is refused.
pub const PASSWORD_MEMORY_MAX_KIB: u32 = 1 << 20;
/// Passes over that memory of one password hash.
pub const PASSWORD_PASSES_MAX: u32 = 64;
/// Lanes of one password hash.
pub const PASSWORD_LANES_MAX: u32 = 16;

// -- lists ----------------------------------------------------------------------------------------------------------

/// Rows of a page if the caller sends no limit.
pub const PAGE_DEFAULT: usize = 20;
/// Maximum rows of a page.
pub const PAGE_MAX: usize = 100;
/// A request that takes this long is named in the log.
pub const SLOW_REQUEST: Duration = Duration::from_secs(1);
/// A transaction that takes this long, with its wait for the writer, is named in the log.
pub const SLOW_TRANSACTION: Duration = Duration::from_millis(500);
/// Files of the log that are kept of each name, one a day.
pub const LOG_FILES: usize = 30;
/// Events that one scrape of the metrics counts.
pub const EVENTS_COUNTED_AT_ONCE: usize = 100 * SCAN_MAX;
/// Rows of one scan of the store.
pub const SCAN_MAX: usize = 1_000;

// -- the store ------------------------------------------------------------------------------------------------------

/// Operations in one transaction.
pub const TX_OPERATIONS_MAX: usize = 10_000;
/// Bytes of operations in one transaction.
pub const TX_BYTES_MAX: usize = 4 << 20;
/// Closures in one group of the writer.
pub const GROUP_MAX: usize = 128;
/// Bytes of operations in one group after which no further closure is added.
pub const GROUP_BYTES_MAX: usize = 1 << 20;
/// Bulk work (batches of upkeep, imports) gets 1/`BULK_PART` of a group's places and bytes.
pub const BULK_PART: usize = 4;
/// Requests waiting for the writer.
pub const WRITE_QUEUE_MAX: usize = 4_096;
/// Bulk work waiting for the writer.
pub const BULK_QUEUE_MAX: usize = 256;
/// Bytes of one value; a hard cap.
pub const VALUE_MAX: usize = 64 << 10;
/// Bytes of one journal segment.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Keys of one `apply_batch` of sled.
pub const SLED_BATCH_KEYS: usize = 128;
/// Journal bytes between two checkpoints.
pub const CHECKPOINT_BYTES: u64 = 16 << 20;
/// Time between two checkpoints while there is work.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Bytes of one key.
pub const KEY_MAX: usize = 1_024;
/// Bytes of one frame of the journal: a transaction, and the heads of its operations.
pub const FRAME_MAX: usize = 16 << 20;
/// Bytes of memory for sled's page cache.
pub const SLED_CACHE_BYTES: u64 = 128 << 20;
/// Bytes of memory for redb's page cache.
pub const REDB_CACHE_BYTES: usize = 128 << 20;
/// How long a journal segment is kept after a snapshot covers it.
pub const JOURNAL_RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// Journal bytes above which covered segments are removed before `JOURNAL_RETENTION`.
pub const JOURNAL_RETENTION_BYTES: u64 = 4 << 30;
/// Time between two snapshots while there is work.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// Journal bytes between two snapshots.
pub const SNAPSHOT_BYTES: u64 = 1 << 30;
/// Number of snapshots in the data directory.
pub const SNAPSHOTS_KEPT: usize = 2;
/// How long a start waits for another process to release the data directory.
pub const LOCK_WAIT: Duration = Duration::from_secs(30);
/// The writer is busy with one closure for this long: health `down`.
pub const WRITER_STUCK: Duration = Duration::from_secs(5);
/// The writer is busy with one closure for this long: the process ends.
pub const WRITER_LOST: Duration = Duration::from_secs(30);
/// The value of `Retry-After` while an older store is migrated.
pub const MIGRATING_RETRY: Duration = Duration::from_secs(5);
/// Free bytes below which imports, sends and registrations are refused.
pub const DISK_LOW: u64 = 512 << 20;
/// Free bytes below which everything except ending access is refused.
pub const DISK_FULL: u64 = 128 << 20;

// -- actors ---------------------------------------------------------------------------------------------------------

/// Permits of a service's mailbox: messages queued and work running.
pub const MAILBOX: usize = 1_024;
/// Permits of a keyed child's mailbox.
pub const CHILD_MAILBOX: usize = 64;
/// Active children of one directory.
pub const DIRECTORY_MAX: usize = 10_000;
/// The default deadline of a call.
pub const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// The deadline of calls that hash a password.
pub const HASHING_DEADLINE: Duration = Duration::from_secs(10);
/// Idle time after which a keyed child is passivated.
pub const PASSIVATE_AFTER: Duration = Duration::from_secs(60);
/// Number of stored dead letters of the actor system.
pub const DEAD_LETTERS_KEPT: usize = 100;
/// Children in one response of `GET /actors`.
pub const ACTORS_PAGE: usize = 200;
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
/// The limit of an orderly shutdown, without the drain delay.
pub const SHUTDOWN_TOTAL: Duration = Duration::from_secs(8);
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

// -- time -----------------------------------------------------------------------------------------------------------

/// A wall clock this far behind Majordomo's own time is not trusted for irreversible operations.
pub const CLOCK_LAG: Duration = Duration::from_secs(300);
/// Nor is a wall clock that jumps ahead by this much while running.
pub const CLOCK_LEAP: Duration = Duration::from_secs(300);
/// Nor is one that is this far ahead of the journal at the start.
pub const CLOCK_LEAP_AT_START: Duration = Duration::from_secs(24 * 3_600);
/// How long the clocks must agree before they are trusted again.
pub const CLOCK_AGREEMENT: Duration = Duration::from_secs(3_600);

// -- hashing --------------------------------------------------------------------------------------------------------

/// Passwords that wait for a hasher thread.
pub const HASHER_QUEUE: usize = 64;
/// Passwords of one network that wait for a hasher thread.
pub const HASHER_QUEUE_PER_NETWORK: usize = 4;

// -- events ---------------------------------------------------------------------------------------------------------

/// Events above a subscriber's watermark.
pub const RELAY_WINDOW: usize = 4_096;
/// Parallel event hand-overs of one subscriber.
pub const RELAY_PARALLEL: usize = 32;
/// Hand-overs before an event becomes a dead letter.
pub const RELAY_ATTEMPTS: u32 = 10;

// -- notifications --------------------------------------------------------------------------------------------------

/// Delivery tries before a delivery fails.
pub const DELIVERY_ATTEMPTS: usize = 7;
/// Characters of a provider's answer that are stored.
pub const ANSWER_TEXT_MAX: usize = 200;
/// Parallel deliveries of one channel.
pub const SENDERS_PER_CHANNEL: usize = 8;
/// Of `SENDERS_PER_CHANNEL`, reserved for the lane of codes and security.
pub const SENDERS_URGENT_ONLY: usize = 2;
/// Idle connections to one SMTP server.
pub const SMTP_IDLE_CONNECTIONS: usize = 4;
/// Mails in the development inbox.
pub const INBOX_MAX: usize = 1_000;
/// How long a mail stays in the development inbox.
pub const INBOX_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// The longest wait of a reader of the development inbox for a mail.
pub const INBOX_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long finished notifications and deliveries are stored.
pub const NOTIFICATIONS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Steps of a template before it is stopped.
pub const TEMPLATE_FUEL: u64 = 50_000;

// -- HTTP -----------------------------------------------------------------------------------------------------------

/// Bytes of a JSON body.
pub const BODY_MAX: usize = 64 << 10;
/// Bytes of a request's head.
pub const HEADERS_MAX: usize = 32 << 10;
/// Headers of a request.
pub const HEADER_COUNT_MAX: usize = 100;
/// Open connections of both listeners together.
pub const CONNECTIONS_MAX: usize = 10_000;
/// File descriptors reserved for the store and everything else.
pub const DESCRIPTORS_KEPT: usize = 256;
/// One network may have 1/`NETWORK_PART` of all connections.
pub const NETWORK_PART: usize = 4;
/// Requests of one connection; the response to the last one closes it.
pub const CONNECTION_REQUESTS_MAX: u64 = 10_000;
/// How long a connection that waits for a place waits for an evicted one before the next one is evicted.
pub const EVICTION_PAUSE: Duration = Duration::from_millis(50);
/// The time of an evicted connection to write its last response.
pub const EVICTION_GRACE: Duration = Duration::from_secs(1);
/// The value of `Retry-After` for a network that has its share of connections.
pub const CROWD_RETRY: Duration = Duration::from_secs(5);
/// From the beginning of a connection, or the first byte of a head, until the head is complete.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of a body.
pub const BODY_GAP_TIMEOUT: Duration = Duration::from_secs(10);
/// A whole body that is read into memory, unless the route sets another limit.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// An open connection without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that reads nothing of a response.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests in flight when the listener stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two tries to accept while the process has no file descriptors left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// After a response that was sent before the request was read: how long the rest is discarded...
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// ...and how many bytes of it.
pub const LINGER_BYTES_MAX: usize = 4 << 20;
/// Rows of `errors` in one problem document; the body is not checked beyond them.
pub const FIELD_ERRORS_MAX: usize = 50;
/// Bytes of those rows in the document.
pub const FIELD_ERRORS_BYTES_MAX: usize = 12 << 10;
/// Characters of a field's path, of any depth, in an error.
pub const FIELD_PLACE_SHOWN: usize = 256;
/// Bytes of a request's path in a problem document.
pub const INSTANCE_SHOWN: usize = 1_024;
/// Characters of an `Origin` in a refusal.
pub const ORIGIN_SHOWN: usize = 100;
/// Characters of a field's name in an error.
pub const FIELD_NAME_SHOWN: usize = 64;
/// Bytes of a password, code or token in a body.
pub const SECRET_INPUT_MAX: usize = 8_192;
/// Parameters of a query.
pub const QUERY_PARAMETERS_MAX: usize = 50;
/// Bytes of the key in a cursor.
pub const CURSOR_KEY_MAX: usize = ACTOR_PATH_MAX;
/// Addresses that are read in `X-Forwarded-For`.
pub const FORWARDED_HOPS_MAX: usize = 32;
/// How long a probe of the store may take before the process reports that it is not ready.
pub const READY_PROBE_DEADLINE: Duration = Duration::from_secs(2);
/// The age of an event that a subscriber has not received after which the subscriber is reported as lagging.
pub const EVENT_LAG_SHOWN: Duration = Duration::from_secs(60);
/// Between two probes of the store, and between two reads of the figures for health, for any number of requests.
pub const READY_PROBE_EVERY: Duration = Duration::from_secs(1);
/// Characters of an operator's reason.
pub const OPERATOR_REASON_MAX: usize = 200;
/// Characters of the filter by types of events.
pub const EVENT_TYPES_QUERY_MAX: usize = 1_000;
/// The limit of one verification of the audit chain.
pub const AUDIT_WALK: Duration = Duration::from_secs(20);
/// Between two log lines about a failing mail provider.
pub const PROVIDER_TOLD_EVERY: Duration = Duration::from_secs(60);
/// Between two log lines with the heads of the audit chain.
pub const AUDIT_END_TOLD_EVERY: Duration = Duration::from_secs(3_600);
/// Characters of an actor in a query.
pub const AUDIT_ACTOR_MAX: usize = 100;
/// Characters of an actor's path in a query.
pub const ACTOR_PATH_MAX: usize = 300;
/// How long health reports that an untrusted peer sent headers of a proxy.
pub const UNTRUSTED_PROXY_SHOWN: Duration = Duration::from_secs(600);
/// Between two log lines about such peers.
pub const UNTRUSTED_PROXY_TOLD_EVERY: Duration = Duration::from_secs(60);
/// Connections that the kernel holds until they are accepted; the kernel may hold fewer (`net.core.somaxconn`).
pub const ACCEPT_QUEUE: u32 = 1_024;
/// Keys in one table of rate limits.
pub const LIMITER_KEYS_MAX: usize = 100_000;

// -- telemetry ------------------------------------------------------------------------------------------------------

/// Maximum step by which the development clock is set forward.
pub const CLOCK_ADVANCE_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Characters of a path of a file in a body.
pub const FILE_PATH_MAX: usize = 4_096;
/// How long the command line waits for a response of the running server to an operation that takes no longer than a
/// request.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(40);
/// Bytes of a response that the command line reads.
pub const CLIENT_ANSWER_MAX: usize = 8 << 20;
/// Characters of one value in the log.
pub const LOG_VALUE_MAX: usize = 4_096;

// -- access ---------------------------------------------------------------------------------------------------------

/// Valid registrations of one address.
pub const REGISTRATIONS_PER_ADDRESS: usize = 3;
/// First users, and newest users, whose password hashes are read to learn their costs.
pub const PASSWORD_COSTS_SAMPLE: usize = 250;
/// How long these costs are used before they are read again.
pub const PASSWORD_COSTS_FRESH: Duration = Duration::from_secs(600);
/// The period in which code tries for a password reset are counted, for callers that name only the address.
pub const RESET_TRIES_SPAN: Duration = Duration::from_secs(24 * 3_600);
/// Sessions of one user.
pub const SESSIONS_PER_USER: usize = 100;
/// Cached verified access tokens, over all shards.
pub const VERIFIED_TOKENS: usize = 16_384;
/// Earlier refresh generations whose first use a session stores; only those younger than the grace period count.
pub const REFRESH_GENERATIONS: usize = 16;
/// How long first uses of refresh generations are collected before they are written together.
pub const FIRST_USES_WITHIN: Duration = Duration::from_secs(1);
/// First uses of refresh generations that wait to be written; all of them fit one transaction.
pub const FIRST_USES_MAX: usize = 1_024;

// -- the process ----------------------------------------------------------------------------------------------------

/// The whole shutdown, without `edge.drain_delay`.
pub const SHUTDOWN: Duration = Duration::from_secs(8);
/// Closing the store, which is never skipped; reserved from the shutdown's time.
pub const STORE_CLOSE: Duration = Duration::from_secs(3);
/// Minimum bytes of a pepper.
pub const PEPPER_MIN: usize = 16;

// -- money ----------------------------------------------------------------------------------------------------------

/// Minor units of one amount, and of a balance on either side of zero.
pub const AMOUNT_MINOR_MAX: i128 = 10_i128.pow(27);
/// Minor units that one counter of an account adds up to in its life; far beyond what amounts can reach, and far
/// enough from the end of `i128` that sums of counters and amounts stay inside it.
pub const COUNTER_MINOR_MAX: i128 = 10_i128.pow(36);
/// Digits behind the point of a currency or custom asset.
pub const CURRENCY_SCALE_MAX: u8 = 12;
/// Parts that an amount is divided into at once.
pub const ALLOCATION_PARTS_MAX: usize = 1_000;
/// Postings of one transaction.
pub const POSTINGS_MAX: usize = 64;
/// Accounts of one user, closed ones included: a list of a user's transactions reads each of them.
pub const ACCOUNTS_PER_USER: usize = 20;
/// Characters of an account's label.
pub const ACCOUNT_LABEL_MAX: usize = 100;
/// Characters of a transaction's reference.
pub const TRANSACTION_REFERENCE_MAX: usize = 128;
