//! `[auth.code]`

use std::time::Duration;

use crate::config::section::section;

section! {
    /// One-time codes of six digits; of eight if auth.registration is "domains".
    pub struct CodeConfig {
        /// The lifetime of a code.
        lifetime: Duration = Duration::from_mins(10), within Duration::from_mins(1)..=Duration::from_hours(1);
        /// The number of wrong tries after which a code is void; the link of its mail is not.
        tries: u32 = 5, within 1..=20;
        /// The shortest time between two sendings of a code.
        resend_after: Duration = Duration::from_secs(60), within Duration::from_secs(1)..=Duration::from_hours(1);
        /// The remaining lifetime below which a repeated request draws a new code instead of sending the old one again.
        renew_under: Duration = Duration::from_mins(2), within Duration::ZERO..=Duration::from_hours(1);
        /// Codes per hour for one user or address that one network (IPv4 /24, IPv6 /64) requests.
        hourly: u32 = 5, within 1..=1_000;
        /// Codes per day for one user or address that one network requests.
        daily: u32 = 10, within 1..=1_000;
        /// Codes per day for one user or address that all networks together request.
        daily_of_all: u32 = 50, within 1..=1_000;
        /// Code tries per day for password resets of one address, from one network.
        daily_tries_by_address: u32 = 20, within 1..=255;
        /// Wrong codes per hour, for all registrations and password resets, after which no code is accepted until the
        /// hour is over; the links in mails are. One network causes at most a quarter, and is then refused alone.
        refused_hourly: u32 = 1_000, within 10..=1_000_000;
        /// Wrong codes per hour, for addresses of one domain, after which no code for these is accepted until the hour
        /// is over. One network causes at most a quarter, and is then refused alone.
        refused_hourly_by_domain: u32 = 200, within 10..=1_000_000;
    }
}
