//! Bounds of the audit log.

use std::time::Duration;

/// The limit of one verification of the audit chain.
pub const AUDIT_WALK: Duration = Duration::from_secs(20);
/// Between two log lines with the heads of the audit chain.
pub const AUDIT_HEAD_LOGGED_EVERY: Duration = Duration::from_secs(3_600);
/// Characters of an actor in a query.
pub const AUDIT_ACTOR_MAX: usize = 100;
/// An access of the same kind, by the same caller, is entered once in this time.
pub const ACCESS_ENTRY_EVERY: Duration = Duration::from_secs(3_600);
/// Accesses whose entries are remembered, so that they are not repeated.
pub const ACCESS_ENTRIES_KNOWN: usize = 10_000;
