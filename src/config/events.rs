//! `[events]`

use std::time::Duration;

use super::{section::section, value::days};

section! {
    /// The event log.
    pub struct EventsConfig {
        /// How long an event is kept; longer while a subscriber has not received it.
        retention: Duration = days(30), within Duration::from_hours(1)..=days(3650);
        /// Whether each ordinary refresh of a session writes an event and an audit entry; a refresh token that is used
        /// too late always does.
        session_refreshed: bool = false;
    }
}
