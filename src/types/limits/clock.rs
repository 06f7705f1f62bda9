//! Bounds of the trust in the wall clock.

use std::time::Duration;

/// A wall clock this far behind Majordomo's own time is not trusted for irreversible operations.
pub const CLOCK_LAG: Duration = Duration::from_secs(300);
/// Nor is a wall clock that jumps ahead by this much while running.
pub const CLOCK_LEAP: Duration = Duration::from_secs(300);
/// Nor is one that is this far ahead of the journal at the start.
pub const CLOCK_LEAP_AT_START: Duration = Duration::from_secs(24 * 3_600);
/// How long the clocks must agree before they are trusted again.
pub const CLOCK_AGREEMENT: Duration = Duration::from_secs(3_600);
/// Maximum step by which the development clock is set forward.
pub const CLOCK_ADVANCE_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);
