//! Bounds of the audit log.

use std::time::Duration;

/// The limit of one verification of the audit chain.
pub const AUDIT_WALK: Duration = Duration::from_secs(20);
/// Between two log lines with the heads of the audit chain.
pub const AUDIT_END_TOLD_EVERY: Duration = Duration::from_secs(3_600);
/// Characters of an actor in a query.
pub const AUDIT_ACTOR_MAX: usize = 100;
