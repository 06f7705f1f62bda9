//! `[auth.session]`

use std::time::Duration;

use crate::{
    config::{section::section, value::days},
    types::limits,
};

section! {
    /// The lifetimes of sessions.
    pub struct SessionConfig {
        /// The time after the last refresh at which a session ends.
        sliding: Duration = days(7), within Duration::from_mins(1)..=days(365);
        /// The time after its login at which a session ends, however often it is refreshed.
        absolute: Duration = days(30), within Duration::from_mins(1)..=days(365);
        /// How long a refresh token may be sent again after the first use of its successor: two tabs, a lost answer.
        reuse_grace: Duration = Duration::from_secs(30), within Duration::ZERO..=Duration::from_mins(5);
        /// Sessions of one user; a further login ends the session that was unused for longest.
        max_per_user: u32 = 100, within 1..=1_000;
    }
}

impl SessionConfig {
    /// The most sessions of one user.
    pub fn most(&self) -> usize {
        usize::try_from(self.max_per_user).unwrap_or(limits::SESSIONS_PER_USER)
    }
}
