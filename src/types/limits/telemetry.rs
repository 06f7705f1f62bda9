//! Bounds of the log.

use std::time::Duration;

/// A request that takes this long is named in the log.
pub const SLOW_REQUEST: Duration = Duration::from_secs(1);
/// A transaction that takes this long, with its wait for the writer, is named in the log.
pub const SLOW_TRANSACTION: Duration = Duration::from_millis(500);
/// How long an operator's level of the log applies by default.
pub const LOG_LEVEL_FOR: Duration = Duration::from_mins(15);
/// The longest time for which an operator's level of the log applies.
pub const LOG_LEVEL_FOR_MAX: Duration = Duration::from_hours(24);
/// Log files that are kept of each name, one per day.
pub const LOG_FILES: usize = 30;
/// Characters of one value in the log.
pub const LOG_VALUE_MAX: usize = 4_096;
