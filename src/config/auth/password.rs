//! `[auth.password]`

use crate::config::section::section;

section! {
    /// What a password must be, besides not being a common one, the user name or the address. NIST SP 800-63B advises
    /// length and against rules of composition.
    pub struct PasswordConfig {
        /// Characters at least.
        min_length: u32 = 12, within 8..=64;
        /// Demand an upper-case letter.
        require_upper: bool = false;
        /// Demand a lower-case letter.
        require_lower: bool = false;
        /// Demand a digit.
        require_digit: bool = false;
        /// Demand a character that is neither letter nor digit.
        require_symbol: bool = false;
    }
}
