//! `[development]`

use super::section::section;

section! {
    /// What only development mode knows.
    pub struct DevelopmentConfig {
        /// Listen on other addresses than loopback in development mode; whoever reaches them can read the inbox.
        expose: bool = false;
    }
}
