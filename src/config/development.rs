//! `[development]`

use super::section::section;

section! {
    /// Settings of development mode.
    pub struct DevelopmentConfig {
        /// Accept other than loopback addresses in development mode; every client that reaches them can read the inbox.
        expose: bool = false;
    }
}
