//! `[auth.password]`

use crate::config::section::section;

section! {
    /// The rules on passwords; common passwords, the user name and the address are refused too. NIST SP 800-63B
    /// recommends a minimum length and advises against composition rules.
    pub struct PasswordConfig {
        /// The fewest characters.
        min_length: u32 = 12, within 8..=64;
        /// Require an upper-case letter.
        require_upper: bool = false;
        /// Require a lower-case letter.
        require_lower: bool = false;
        /// Require a digit.
        require_digit: bool = false;
        /// Require a character that is neither letter nor digit.
        require_symbol: bool = false;
    }
}
