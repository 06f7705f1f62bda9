//! An error in the settings, and its correction.

use std::fmt;

use super::{SettingOrigin, Written};

/// One error in the configuration. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, or empty if the error concerns a whole source.
    pub key: String,
    /// The value in a form that may be printed: secrets are `***`. `None` if the error concerns no value.
    pub value: Option<String>,
    /// The source of the value.
    pub origin: SettingOrigin,
    /// The problem.
    pub problem: String,
    /// The correction.
    pub fix: String,
}

impl fmt::Display for ConfigError {
    /// One line: `edge.listen = "8080" (majordomo.toml:3): not an address with its port; write an address ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.key.is_empty()) {
            (Some(value), false) => write!(f, "{} = {value} ({})", self.key, self.origin)?,
            (None, false) => write!(f, "{} ({})", self.key, self.origin)?,
            (Some(_) | None, true) => write!(f, "{}", self.origin)?,
        }
        write!(f, ": {}; {}", self.problem, self.fix)
    }
}

impl std::error::Error for ConfigError {}

/// A warning for the operator that does not prevent a start. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The key of the warning.
    pub key: String,
    /// The source of the value.
    pub origin: SettingOrigin,
    /// The text of the warning.
    pub text: String,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.origin, self.text)
    }
}

/// Words in the name of an unknown key that make its value a secret.
const SECRETIVE: [&str; 7] = ["password", "secret", "token", "pepper", "credential", "private", "smtp"];

/// The printable value of an unknown key: it may be a secret under a misspelt name.
pub(super) fn show_unknown(key: &str, written: &Written) -> String {
    if SECRETIVE.iter().any(|word| key.contains(word)) {
        return "***".to_owned();
    }
    match written {
        Written::Toml(toml::Value::Table(_)) => "{ ... }".to_owned(),
        Written::Toml(_) | Written::Plain(_) => mask(&written.show()),
    }
}

/// `shown` without the user and password of an address in it (`scheme://user:password@host`).
pub(super) fn mask(shown: &str) -> String {
    let Some((scheme, rest)) = shown.split_once("://") else { return shown.to_owned() };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}"),
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_inside_an_address_is_masked() {
        for (shown, masked) in [
            ("\"https://u:hunter2@example.com/x\"", "\"https://***@example.com/x\""),
            ("\"https://u:hun@ter2@example.com\"", "\"https://***@example.com\""),
            ("[\"http://u:hunter2@a\", \"http://u:hunter2@b\"]", "[\"http://***@b\"]"),
            ("\"https://example.com\"", "\"https://example.com\""),
            ("5", "5"),
        ] {
            assert_eq!(mask(shown), masked);
        }
    }

    #[test]
    fn the_value_of_an_unknown_key_that_sounds_secret_is_masked() {
        let written = Written::Plain("hunter2".to_owned());
        assert_eq!(show_unknown("notify.email.smtp_ulr", &written), "***");
        assert_eq!(show_unknown("auth.passwort", &written), "\"hunter2\"");
        assert_eq!(show_unknown("db.password", &written), "***");
    }
}
