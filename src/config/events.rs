//! `[events]`

use std::time::Duration;

use super::{ByteSize, section::section, value::days};

section! {
    /// The event log.
    pub struct Events {
        /// How long an event is kept; longer while a subscriber has not seen it.
        retention: Duration = days(30), within Duration::from_hours(1)..=days(3650);
        /// Size above which a subscriber that is not of the house no longer holds events back.
        max_bytes: ByteSize = ByteSize::gib(4), within ByteSize::mib(16)..=ByteSize::gib(1_024);
    }
}
