//! Bounds of the trust in the wall clock.

use std::time::Duration;

/// A wall clock this far behind Majordomo's own time is shown as a lag.
pub const CLOCK_LAG: Duration = Duration::from_secs(300);
/// A wall clock that jumps ahead by this much while running is not followed. At a start, a gap of this length since the
/// last commit delays what deletes.
pub const CLOCK_LEAP: Duration = Duration::from_secs(300);
/// The longest gap at a start that is followed without a proof (`clock.gap_max`).
pub const CLOCK_GAP_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long the clocks must agree before the time decides again what is deleted, released or retired.
pub const CLOCK_AGREEMENT: Duration = Duration::from_secs(3_600);
/// Rows that one step reads of the walk that corrects later dates after an operator accepted an earlier time.
pub const REDATED_AT_ONCE: usize = 100;
/// The time between an acceptance and the second round of that walk: longer than any deadline of a command.
pub const REDATED_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Maximum step by which the development clock is set forward.
pub const CLOCK_ADVANCE_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);
