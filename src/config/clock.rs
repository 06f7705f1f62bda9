//! `[clock]`

use std::time::Duration;

use super::{section::section, value::days};
use crate::types::limits;

section! {
    /// The trust in the machine's clock.
    pub struct ClockConfig {
        /// The longest time since the last commit that a start follows without a proof. A longer gap is followed only
        /// if the kernel reports that a time service keeps the clock, or after a restore; otherwise time goes on from
        /// the last commit until `majordomo clock accept`.
        gap_max: Duration = limits::CLOCK_GAP_MAX, within Duration::from_hours(1)..=days(3650);
    }
}
