//! Bounds of operators' commands, readiness and the shutdown.

use std::time::Duration;

/// Children in one response of `GET /actors`.
pub const ACTORS_PAGE: usize = 200;
/// How long a probe of the store may take before the process reports that it is not ready.
pub const READY_PROBE_DEADLINE: Duration = Duration::from_secs(2);
/// Between two probes of the store, and between two reads of the figures for health, for any number of requests.
pub const READY_PROBE_EVERY: Duration = Duration::from_secs(1);
/// Characters of an operator's reason.
pub const OPERATOR_REASON_MAX: usize = 200;
/// Characters of a path of a file in a body.
pub const FILE_PATH_MAX: usize = 4_096;
/// How long the command line waits for a response of the running server to an operation that takes no longer than a
/// request.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(40);
/// How long `majordomo top` and `majordomo actors` wait for one response.
pub const TOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Actors that they show.
pub const TOP_ACTORS_MAX: usize = 2_000;
/// Bytes of a response that the command line reads.
pub const CLIENT_ANSWER_MAX: usize = 8 << 20;
/// The whole shutdown, without `edge.drain_delay`.
pub const SHUTDOWN: Duration = Duration::from_secs(8);
/// Closing the store, which is never skipped; reserved from the shutdown's time.
pub const STORE_CLOSE: Duration = Duration::from_secs(3);
