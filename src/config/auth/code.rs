//! `[auth.code]`

use std::time::Duration;

use crate::config::section::section;

section! {
    /// One-time codes of six digits.
    pub struct CodeConfig {
        /// How long a code is good for.
        lifetime: Duration = Duration::from_mins(10), within Duration::from_mins(1)..=Duration::from_hours(1);
        /// Wrong tries after which a code is void.
        tries: u32 = 5, within 1..=20;
        /// How soon a code may be sent again.
        resend_after: Duration = Duration::from_secs(60), within Duration::from_secs(1)..=Duration::from_hours(1);
        /// Remaining life under which sending again makes a new code rather than repeating the old one.
        renew_under: Duration = Duration::from_mins(2), within Duration::ZERO..=Duration::from_hours(1);
        /// Codes an hour for one user or address.
        hourly: u32 = 5, within 1..=1_000;
        /// Codes a day for one user or address.
        daily: u32 = 10, within 1..=1_000;
        /// Tries a day of a password reset that names only the address.
        daily_tries_by_address: u32 = 20, within 1..=255;
    }
}
