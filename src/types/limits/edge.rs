//! Bounds of HTTP: connections, heads, bodies, queries, pages.

use std::time::Duration;

use super::ACTOR_PATH_MAX;

/// Characters of a request id.
pub const REQUEST_ID_MAX: usize = 128;
/// Rows of a page if the caller sends no limit.
pub const PAGE_DEFAULT: usize = 20;
/// Maximum rows of a page.
pub const PAGE_MAX: usize = 100;
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
/// How long health reports that an untrusted peer sent headers of a proxy.
pub const UNTRUSTED_PROXY_SHOWN: Duration = Duration::from_secs(600);
/// Between two log lines about such peers.
pub const UNTRUSTED_PROXY_LOGGED_EVERY: Duration = Duration::from_secs(60);
/// Connections that the kernel holds until they are accepted; the kernel may hold fewer (`net.core.somaxconn`).
pub const ACCEPT_QUEUE: u32 = 1_024;
/// Keys in one table of rate limits.
pub const LIMITER_KEYS_MAX: usize = 100_000;
