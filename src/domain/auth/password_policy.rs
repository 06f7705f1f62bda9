//! The rules on new passwords: a minimum length, and no common passwords (NIST SP 800-63B section 5.1.1.2).

use unicode_normalization::UnicodeNormalization;

use super::blocklist;
use crate::types::{EmailAddress, Invalid, UserName, limits};

/// A local part shorter than this occurs in many good passwords, so it is not checked.
const TELLING: usize = 3;

/// The settings of `[auth.password]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The fewest characters (code points after NFC).
    pub min_length: usize,
    /// Requires an upper-case letter.
    pub require_upper: bool,
    /// Requires a lower-case letter.
    pub require_lower: bool,
    /// Requires a digit.
    pub require_digit: bool,
    /// Requires a character that is neither letter nor digit.
    pub require_symbol: bool,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: 12, require_upper: false, require_lower: false, require_digit: false, require_symbol: false }
    }
}

/// The owner of the password, whose address and user name it must not contain.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordContext<'a> {
    /// The address, if known.
    pub email: Option<&'a EmailAddress>,
    /// The user name, if any.
    pub username: Option<&'a UserName>,
}

/// All violations of `policy` by `password`; empty if it is allowed. The password is checked as typed, including white
/// space at its ends.
pub fn check(password: &str, policy: impl Into<PasswordPolicy>, context: PasswordContext<'_>) -> Vec<Invalid> {
    policy.into().objections(password, &context)
}

impl PasswordPolicy {
    fn objections(&self, password: &str, context: &PasswordContext<'_>) -> Vec<Invalid> {
        // The other checks are skipped for a text that is far too long: they would cost time.
        if password.len() > limits::PASSWORD_INPUT_MAX {
            return vec![too_long()];
        }
        let text: zeroize::Zeroizing<String> = zeroize::Zeroizing::new(password.nfc().collect());
        let mut objections = Vec::new();
        let length = text.chars().count();
        if length < self.min_length {
            let detail = format!("must be at least {} characters long", self.min_length);
            objections.push(Invalid::detailed("password_too_short", detail));
        }
        if length > limits::PASSWORD_MAX {
            objections.push(too_long());
        }
        objections.extend(self.missing(&text));
        if text.chars().any(char::is_control) {
            objections.push(Invalid::new("control_character", "must not contain control characters"));
        }
        objections.extend(telling(&text, context));
        if (self.min_length..=limits::PASSWORD_MAX).contains(&length) && blocklist::is_listed(&text) {
            objections.push(Invalid::new(
                "password_common",
                "is one of those that are tried first; use several words, or let a password manager make one",
            ));
        }
        objections
    }

    fn missing(&self, text: &str) -> impl Iterator<Item = Invalid> {
        let is_symbol = |c: char| !c.is_alphanumeric();
        let demands = [
            (self.require_upper, text.chars().any(char::is_uppercase), "password_needs_upper", "an upper-case letter"),
            (self.require_lower, text.chars().any(char::is_lowercase), "password_needs_lower", "a lower-case letter"),
            (self.require_digit, text.chars().any(char::is_numeric), "password_needs_digit", "a digit"),
            (
                self.require_symbol,
                text.chars().any(is_symbol),
                "password_needs_symbol",
                "a character that is neither letter nor digit",
            ),
        ];
        let missing = demands.into_iter().filter(|(demanded, found, _, _)| *demanded && !found);
        missing.map(|(_, _, code, what)| Invalid::detailed(code, format!("must contain {what}")))
    }
}

fn too_long() -> Invalid {
    Invalid::detailed("password_too_long", format!("must be at most {} characters long", limits::PASSWORD_MAX))
}

fn telling(text: &str, context: &PasswordContext<'_>) -> Vec<Invalid> {
    let lowered = zeroize::Zeroizing::new(text.to_lowercase());
    let mut objections = Vec::new();
    if let Some(email) = context.email {
        let local = email.local_part().to_ascii_lowercase();
        if local.len() >= TELLING && lowered.contains(&local) {
            let detail = "must not contain the part of the address before '@'";
            objections.push(Invalid::new("password_contains_email", detail));
        } else if lowered.contains(email.normal().as_str()) {
            objections.push(Invalid::new("password_contains_email", "must not contain the address"));
        }
    }
    if context.username.is_some_and(|name| lowered.contains(name.as_str())) {
        objections.push(Invalid::new("password_contains_username", "must not contain the user name"));
    }
    objections
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(policy: &PasswordPolicy, password: &str) -> Vec<&'static str> {
        let email = EmailAddress::parse("Ann.Smith@example.com").unwrap();
        let username = UserName::parse("annie").unwrap();
        let context = PasswordContext { email: Some(&email), username: Some(&username) };
        check(password, *policy, context).into_iter().map(|objection| objection.code).collect()
    }

    #[test]
    fn length_is_counted_in_characters_after_composition() {
        let policy = PasswordPolicy::default();
        assert_eq!(codes(&policy, "eleven chrs"), ["password_too_short"]);
        assert!(codes(&policy, "twelve chars").is_empty());
        // `e` with a combining accent is one character, not two.
        assert_eq!(codes(&policy, "e\u{301}x e\u{301}y e\u{301}z "), ["password_too_short"]);
        assert!(codes(&policy, "ключ от дома").is_empty());
        let longest: String = "four words and more ".chars().cycle().take(128).collect();
        assert!(codes(&policy, &longest).is_empty());
        assert_eq!(codes(&policy, &format!("{longest}x")), ["password_too_long"]);
        assert_eq!(codes(&policy, &"x".repeat(1_000_000)), ["password_too_long"]);
    }

    #[test]
    fn white_space_counts_and_is_never_trimmed() {
        let policy = PasswordPolicy::default();
        assert!(codes(&policy, "  ten chars ").is_empty());
        assert_eq!(codes(&policy, "  nine chr "), ["password_too_short"]);
    }

    #[test]
    fn public_words_about_the_user_are_no_password() {
        let policy = PasswordPolicy::default();
        assert_eq!(codes(&policy, "my ANN.SMITH key"), ["password_contains_email"]);
        assert_eq!(codes(&policy, "hey Annie get your"), ["password_contains_username"]);
        let email = EmailAddress::parse("an@example.com").unwrap();
        let context = PasswordContext { email: Some(&email), username: None };
        assert!(check("a bridge to banana land", policy, context).is_empty());
        for whole in ["an@example.com", "1 AN@Example.com"] {
            let objections = check(whole, policy, context);
            assert!(objections.iter().any(|objection| objection.code == "password_contains_email"), "{whole}");
        }
    }

    #[test]
    fn a_common_password_is_refused() {
        let policy = PasswordPolicy::default();
        assert_eq!(codes(&policy, "P@ssw0rd1234"), ["password_common"]);
        let shorter = PasswordPolicy { min_length: 8, ..policy };
        assert_eq!(codes(&shorter, "sunshine"), ["password_common"]);
        assert_eq!(codes(&shorter, "12345678"), ["password_common"]);
    }

    #[test]
    fn composition_is_demanded_only_when_set_and_all_objections_come_at_once() {
        let strict = PasswordPolicy {
            require_upper: true,
            require_lower: true,
            require_digit: true,
            require_symbol: true,
            ..PasswordPolicy::default()
        };
        assert_eq!(
            codes(&strict, "\u{1}"),
            [
                "password_too_short",
                "password_needs_upper",
                "password_needs_lower",
                "password_needs_digit",
                "control_character"
            ]
        );
        assert!(codes(&strict, "Four words, 1 digit").is_empty());
    }
}
