//! Every bound of the product, in one place. Numbers that operators may set are defaults in `config.toml`; what is
//! here are the hard caps and the bounds nobody sets.

use std::time::Duration;

// -- values ---------------------------------------------------------------------------------------------------------

/// Characters of an e-mail address (RFC 5321 section 4.5.3.1.3: a path of 256 with its brackets).
pub const EMAIL_MAX: usize = 254;
/// Bytes of an e-mail address before it is folded.
pub const EMAIL_INPUT_MAX: usize = 1_024;
/// Characters of a given or family name.
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
/// Bytes of a password as it arrives.
pub const PASSWORD_INPUT_MAX: usize = 1_024;

/// Bytes of an access token; longer ones are refused unread.
pub const ACCESS_TOKEN_MAX: usize = 8 << 10;
/// Bytes of a user name or address as a client sends it to be looked up.
pub const IDENTIFIER_INPUT_MAX: usize = 1_024;
/// Memory, in KiB, that one password hash may ask for; a stored one that asks for more is refused.
pub const PASSWORD_MEMORY_MAX_KIB: u32 = 1 << 20;
/// Passes over that memory that one password hash may ask for.
pub const PASSWORD_PASSES_MAX: u32 = 64;
/// Lanes that one password hash may ask for.
pub const PASSWORD_LANES_MAX: u32 = 16;

// -- lists ----------------------------------------------------------------------------------------------------------

/// Rows of a page when the caller does not say.
pub const PAGE_DEFAULT: usize = 20;
/// Rows of a page at most.
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
/// Bytes of operations in one group, from which on no further closure is taken.
pub const GROUP_BYTES_MAX: usize = 1 << 20;
/// Of a group's places and bytes, bulk work (batches of upkeep, imports) takes one part in so many.
pub const BULK_PART: usize = 4;
/// Requests waiting for the writer.
pub const WRITE_QUEUE_MAX: usize = 4_096;
/// Bulk work waiting for the writer.
pub const BULK_QUEUE_MAX: usize = 256;
/// Bytes of one value, hard.
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
/// Bytes of one frame of the journal: a transaction with the room its operations' heads take.
pub const FRAME_MAX: usize = 16 << 20;
/// Memory that sled may use to keep pages.
pub const SLED_CACHE_BYTES: u64 = 128 << 20;
/// Memory that redb may use to keep pages.
pub const REDB_CACHE_BYTES: usize = 128 << 20;
/// How long a journal segment is kept after a snapshot covers it.
pub const JOURNAL_RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// Journal bytes above which covered segments go before their time.
pub const JOURNAL_RETENTION_BYTES: u64 = 4 << 30;
/// Time between two snapshots while there is work.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// Journal bytes between two snapshots.
pub const SNAPSHOT_BYTES: u64 = 1 << 30;
/// Snapshots that are kept in the data directory.
pub const SNAPSHOTS_KEPT: usize = 2;
/// How long a start waits for another process to let go of the data directory.
pub const LOCK_WAIT: Duration = Duration::from_secs(30);
/// The writer busy with one closure for this long: health `down`.
pub const WRITER_STUCK: Duration = Duration::from_secs(5);
/// The writer busy with one closure for this long: the process ends.
pub const WRITER_LOST: Duration = Duration::from_secs(30);
/// What `Retry-After` says while an older store is migrated.
pub const MIGRATING_RETRY: Duration = Duration::from_secs(5);
/// Free bytes under which imports, sends and registrations are refused.
pub const DISK_LOW: u64 = 512 << 20;
/// Free bytes under which everything but ending access is refused.
pub const DISK_FULL: u64 = 128 << 20;

// -- actors ---------------------------------------------------------------------------------------------------------

/// Permits of a service's mailbox: messages queued and work running.
pub const MAILBOX: usize = 1_024;
/// Permits of a keyed child's mailbox.
pub const CHILD_MAILBOX: usize = 64;
/// Live children of one directory.
pub const DIRECTORY_MAX: usize = 10_000;
/// A call's deadline unless it has its own.
pub const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// The deadline of calls that hash a password.
pub const HASHING_DEADLINE: Duration = Duration::from_secs(10);
/// Idle time after which a keyed child leaves.
pub const PASSIVATE_AFTER: Duration = Duration::from_secs(60);
/// Dead letters of the actor system that are kept for operators.
pub const DEAD_LETTERS_KEPT: usize = 100;
/// Children shown in one answer of `GET /actors`.
pub const ACTORS_PAGE: usize = 200;
/// Keyed children of one directory that are leaving while others are activated.
pub const DIRECTORY_LEAVING_MAX: usize = 256;
/// Restarts of a child within `RESTARTS_WITHIN` before its policy decides what becomes of it.
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
/// How long a child may take to start before that counts as a failure.
pub const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a child may take to stop before it is killed, its jobs included.
pub const STOP_LIMIT: Duration = Duration::from_secs(3);
/// The same for what the next start takes up again where it was left: relays and upkeep.
pub const STOP_SOON: Duration = Duration::from_secs(1);
/// How long a killed actor is waited for; longer only if it blocks its thread.
pub const KILL_LIMIT: Duration = Duration::from_secs(1);
/// The whole of an orderly shutdown, the drain delay not counted.
pub const SHUTDOWN_TOTAL: Duration = Duration::from_secs(8);
/// One message handled, or waiting, for this long: the actor is called stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);
/// Timers kept for the next who waits for an answer; more are made when more wait at once.
pub const IDLE_TIMERS_MAX: usize = 256;
/// Message kinds of one kind of actor whose handling times are kept.
pub const MESSAGE_KINDS_MAX: usize = 64;
/// Characters kept of the reason of a failure.
pub const FAILURE_TEXT_MAX: usize = 300;
/// Children named in the report of one actor.
pub const CHILDREN_NAMED: usize = 20;
/// The longest wait of a worker whose run failed.
pub const WORKER_BACKOFF_MOST: Duration = Duration::from_secs(30);

// -- time -----------------------------------------------------------------------------------------------------------

/// A wall clock this far behind the product's own time is not trusted with what cannot be undone.
pub const CLOCK_LAG: Duration = Duration::from_secs(300);
/// A wall clock that leaps ahead by this much while running is not either.
pub const CLOCK_LEAP: Duration = Duration::from_secs(300);
/// Nor one that is this far ahead of the journal at start.
pub const CLOCK_LEAP_AT_START: Duration = Duration::from_secs(24 * 3_600);
/// How long the clocks must agree before they are trusted again.
pub const CLOCK_AGREEMENT: Duration = Duration::from_secs(3_600);

// -- hashing --------------------------------------------------------------------------------------------------------

/// Passwords waiting for a hasher's thread.
pub const HASHER_QUEUE: usize = 64;
/// Of those, from one network.
pub const HASHER_QUEUE_PER_NETWORK: usize = 4;

// -- events ---------------------------------------------------------------------------------------------------------

/// Events above a subscriber's watermark.
pub const RELAY_WINDOW: usize = 4_096;
/// Deliveries of one subscriber at work side by side.
pub const RELAY_PARALLEL: usize = 32;
/// Attempts before an event goes to the dead letters.
pub const RELAY_ATTEMPTS: u32 = 10;

// -- notifications --------------------------------------------------------------------------------------------------

/// Tries to hand a delivery to its channel.
pub const DELIVERY_ATTEMPTS: usize = 7;
/// Characters kept of what a foreign party said.
pub const ANSWER_TEXT_MAX: usize = 200;
/// Deliveries of one channel under way side by side.
pub const SENDERS_PER_CHANNEL: usize = 8;
/// Of those, for the lane of codes and security alone.
pub const SENDERS_URGENT_ONLY: usize = 2;
/// Connections to one SMTP server kept for the next mail.
pub const SMTP_IDLE_CONNECTIONS: usize = 4;
/// Mails kept in the development inbox.
pub const INBOX_MAX: usize = 1_000;
/// How long a mail stays in the development inbox.
pub const INBOX_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// The longest that a reader of the development inbox may wait for a mail.
pub const INBOX_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long notifications and deliveries that are over are kept.
pub const NOTIFICATIONS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Steps a template may take before it is stopped.
pub const TEMPLATE_FUEL: u64 = 50_000;

// -- HTTP -----------------------------------------------------------------------------------------------------------

/// Bytes of a JSON body.
pub const BODY_MAX: usize = 64 << 10;
/// Bytes of a request's head.
pub const HEADERS_MAX: usize = 32 << 10;
/// Headers of a request.
pub const HEADER_COUNT_MAX: usize = 100;
/// Connections open at once on both listeners together.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Descriptors that connections leave to the store and to all else.
pub const DESCRIPTORS_KEPT: usize = 256;
/// Of all connections, one network has one part in so many.
pub const NETWORK_PART: usize = 4;
/// Requests of one connection, of whatever route; the last one's answer closes it.
pub const CONNECTION_REQUESTS_MAX: u64 = 10_000;
/// How long a connection that waits for a place waits for one that was asked to leave, until the next one is asked.
pub const EVICTION_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection whose place is needed may take to write its last answer.
pub const EVICTION_GRACE: Duration = Duration::from_secs(1);
/// What `Retry-After` says to a network that has its share of connections.
pub const CROWD_RETRY: Duration = Duration::from_secs(5);
/// From a connection's begin, or a head's first byte, until the head is complete.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of a body.
pub const BODY_GAP_TIMEOUT: Duration = Duration::from_secs(10);
/// A whole body that is read into memory, where no route's gate says otherwise.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that takes nothing of an answer.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests in flight when the listener stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two attempts to accept while the process has no descriptors left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// After an answer that was given before the request was read: how long the rest is thrown away...
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// ...and how much of it.
pub const LINGER_BYTES_MAX: usize = 4 << 20;
/// Rows of `errors` in one problem document; what is behind them in the body is not read.
pub const FIELD_ERRORS_MAX: usize = 50;
/// Bytes of those rows in the document.
pub const FIELD_ERRORS_BYTES_MAX: usize = 12 << 10;
/// Characters of the place of a field, of whatever depth, that are repeated in an error.
pub const FIELD_PLACE_SHOWN: usize = 256;
/// Bytes of a request's path that are repeated in a problem document.
pub const INSTANCE_SHOWN: usize = 1_024;
/// Characters of an `Origin` that are repeated in a refusal.
pub const ORIGIN_SHOWN: usize = 100;
/// Characters of a field's name that are repeated in an error.
pub const FIELD_NAME_SHOWN: usize = 64;
/// Bytes of a password, code or token in a body.
pub const SECRET_INPUT_MAX: usize = 8_192;
/// Parameters of a query.
pub const QUERY_PARAMETERS_MAX: usize = 50;
/// Bytes of the key inside a cursor.
pub const CURSOR_KEY_MAX: usize = ACTOR_PATH_MAX;
/// Addresses looked at in `X-Forwarded-For`.
pub const FORWARDED_HOPS_MAX: usize = 32;
/// How long a probe of the store may take before the process says it is not ready.
pub const READY_PROBE_DEADLINE: Duration = Duration::from_secs(2);
/// How old an event may be before a subscriber that has not had it is said to lag.
pub const EVENT_LAG_SHOWN: Duration = Duration::from_secs(60);
/// Between two probes of the store, and between two readings of figures for health, however many ask.
pub const READY_PROBE_EVERY: Duration = Duration::from_secs(1);
/// Characters of the reason an operator gives.
pub const OPERATOR_REASON_MAX: usize = 200;
/// Characters of the filter by types of events.
pub const EVENT_TYPES_QUERY_MAX: usize = 1_000;
/// How long one walk along the audit trail may take.
pub const AUDIT_WALK: Duration = Duration::from_secs(20);
/// Between two lines of the log about a mail provider that fails.
pub const PROVIDER_TOLD_EVERY: Duration = Duration::from_secs(60);
/// Between two notes of the audit trail's end in the log.
pub const AUDIT_END_TOLD_EVERY: Duration = Duration::from_secs(3_600);
/// Characters of an actor in a query.
pub const AUDIT_ACTOR_MAX: usize = 100;
/// Characters of an actor's path in a query.
pub const ACTOR_PATH_MAX: usize = 300;
/// How long health remembers that an untrusted peer spoke like a proxy.
pub const UNTRUSTED_PROXY_SHOWN: Duration = Duration::from_secs(600);
/// Between two lines of the log about such peers.
pub const UNTRUSTED_PROXY_TOLD_EVERY: Duration = Duration::from_secs(60);
/// Connections that the kernel holds until they are accepted; the kernel may hold fewer (`net.core.somaxconn`).
pub const ACCEPT_QUEUE: u32 = 1_024;
/// Keys that one table of rate limits remembers.
pub const LIMITER_KEYS_MAX: usize = 100_000;

// -- telemetry ------------------------------------------------------------------------------------------------------

/// How far the clock of development is set forward at once.
pub const CLOCK_ADVANCE_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Characters of a path of a file in a body.
pub const FILE_PATH_MAX: usize = 4_096;
/// How long the command line waits for an answer of the running server that takes no longer than a request.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(40);
/// Bytes of an answer of the server that the command line reads.
pub const CLIENT_ANSWER_MAX: usize = 8 << 20;
/// Characters of one value in the log.
pub const LOG_VALUE_MAX: usize = 4_096;

// -- access ---------------------------------------------------------------------------------------------------------

/// Live registrations of one address.
pub const REGISTRATIONS_PER_ADDRESS: usize = 3;
/// The time in which tries of codes that reset a password are counted, for those who name only the address.
pub const RESET_TRIES_SPAN: Duration = Duration::from_secs(24 * 3_600);
/// Sessions of one user.
pub const SESSIONS_PER_USER: usize = 100;
/// Verified access tokens that are remembered, over all shards.
pub const VERIFIED_TOKENS: usize = 16_384;
/// Earlier refresh generations whose first use a session remembers; only those younger than the grace count.
pub const REFRESH_GENERATIONS: usize = 16;

// -- the process ----------------------------------------------------------------------------------------------------

/// The whole shutdown, but for `edge.drain_delay`.
pub const SHUTDOWN: Duration = Duration::from_secs(8);
/// Closing the store, which is never left out; kept free of the shutdown's time.
pub const STORE_CLOSE: Duration = Duration::from_secs(3);
/// Bytes of a pepper at least.
pub const PEPPER_MIN: usize = 16;
