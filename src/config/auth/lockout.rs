//! `[auth.lockout]`

use std::time::Duration;

use crate::config::{section::section, value::days};

section! {
    /// The lockout after wrong passwords. Failures are counted by user and network, so that an attacker cannot lock a
    /// user out of a known device.
    pub struct LockoutConfig {
        /// Failures from one network that lock this user out of this network.
        failures: u32 = 5, within 1..=100;
        /// The first lock; each further one is twice as long.
        first: Duration = Duration::from_mins(1), within Duration::from_secs(1)..=Duration::from_hours(24);
        /// The longest lock.
        longest: Duration = Duration::from_hours(1), within Duration::from_secs(1)..=days(7);
        /// Failures per day over all networks that lock the user out of all devices except known ones.
        daily_failures: u32 = 50, within 1..=10_000;
        /// How long a device stays known after its last login; a new password makes all devices unknown.
        known_device: Duration = days(180), within Duration::from_hours(1)..=days(730);
    }
}
