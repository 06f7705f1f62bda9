//! The settings that differ from the recommendations of standards.

use std::{fmt, time::Duration};

use super::{Config, HashConfig};

/// A setting that differs from a standard. It is no error: the operator may have reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The key.
    pub key: &'static str,
    /// Its value as TOML.
    pub value: String,
    /// The standard and its section.
    pub standard: &'static str,
    /// The requirement of the standard.
    pub asks: &'static str,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {} asks for {}", self.key, self.value, self.standard, self.asks)
    }
}

/// Memory in KiB and passes that the OWASP cheat sheet considers equal; each is sufficient.
const ARGON2ID_ENOUGH: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// Whether passwords are hashed with at least the cost of the cheat sheet.
pub(super) fn is_hard_enough(hash: &HashConfig) -> bool {
    ARGON2ID_ENOUGH.iter().any(|(memory, passes)| hash.memory_kib >= *memory && hash.iterations >= *passes)
}

/// The deviations of `config` from NIST SP 800-63B-4, OWASP ASVS 5.0 and the OWASP cheat sheets, in the order of the
/// keys.
pub fn deviations(config: &Config) -> Vec<Deviation> {
    let (auth, password, hash) = (&config.auth, &config.auth.password, &config.auth.hash);
    let hard_enough = is_hard_enough(hash);
    const COMPOSITION: &str = "NIST SP 800-63B-4 section 3.1.1.2 and ASVS 6.2.5";
    const NO_RULES: &str = "no rules about kinds of characters";
    const UNTOLD: (&str, &str) = ("ASVS 6.3.8", "answers that do not reveal who is a user");
    let rows = [
        (
            !config.edge.rate_limits.enabled,
            "edge.rate_limits.enabled",
            "NIST SP 800-63B-4 section 3.2.2 and ASVS 6.3.1",
            "limits on guessing",
        ),
        (
            config.secrets.pepper_file.is_none(),
            "secrets.pepper_file",
            "NIST SP 800-63B-4 section 3.1.1.2",
            "an additional keyed hash (\"should\")",
        ),
        (!auth.require_verified_email, "auth.require_verified_email", UNTOLD.0, UNTOLD.1),
        (auth.reveal_taken_addresses, "auth.reveal_taken_addresses", UNTOLD.0, UNTOLD.1),
        (
            password.min_length < 15,
            "auth.password.min_length",
            "NIST SP 800-63B-4 section 3.1.1.2",
            "15 characters where the password is the only factor (ASVS 6.2.1: 8, better 15)",
        ),
        (password.require_upper, "auth.password.require_upper", COMPOSITION, NO_RULES),
        (password.require_lower, "auth.password.require_lower", COMPOSITION, NO_RULES),
        (password.require_digit, "auth.password.require_digit", COMPOSITION, NO_RULES),
        (password.require_symbol, "auth.password.require_symbol", COMPOSITION, NO_RULES),
        (
            !hard_enough,
            "auth.hash.memory_kib",
            "the OWASP cheat sheet on storing passwords",
            "19456 KiB with 2 iterations, or an equal pair",
        ),
        (
            auth.lockout.daily_failures > 100,
            "auth.lockout.daily_failures",
            "NIST SP 800-63B-4 section 3.2.2",
            "at most 100 failures in a row",
        ),
        (
            auth.session.absolute > Duration::from_hours(720),
            "auth.session.absolute",
            "NIST SP 800-63B-4 section 2.1.3",
            "a new login every 30 days at the latest",
        ),
        (auth.code.lifetime > Duration::from_mins(10), "auth.code.lifetime", "ASVS 6.5.5", "at most 10 minutes"),
    ];
    rows.into_iter()
        .filter(|(applies, ..)| *applies)
        .map(|(_, key, standard, asks)| Deviation {
            key,
            value: super::print::shown(config, key).unwrap_or_default(),
            standard,
            asks,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &Config) -> Vec<&'static str> {
        deviations(config).into_iter().map(|deviation| deviation.key).collect()
    }

    #[test]
    fn the_defaults_deviate_where_the_handbook_says_so_and_nowhere_else() {
        assert_eq!(keys(&Config::default()), ["secrets.pepper_file", "auth.password.min_length"]);
    }

    #[test]
    fn weaker_settings_are_named() {
        let mut config = Config::default();
        config.secrets.pepper_file = Some("pepper".into());
        config.auth.password.min_length = 15;
        assert_eq!(keys(&config), Vec::<&str>::new());
        config.auth.hash.memory_kib = 12_288;
        assert_eq!(keys(&config), ["auth.hash.memory_kib"]);
        config.auth.hash.iterations = 3;
        assert_eq!(keys(&config), Vec::<&str>::new());
        config.auth.password.require_digit = true;
        config.edge.rate_limits.enabled = false;
        assert_eq!(keys(&config), ["edge.rate_limits.enabled", "auth.password.require_digit"]);
    }
}
