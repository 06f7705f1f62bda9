//! Converts the configuration into the settings of the domain's rules, which do not depend on the configuration.

use crate::{
    actors::hasher::HasherBounds,
    config::{self, RegistrationPolicy},
    crypto::password::PasswordCost,
    domain::{
        auth::{key_rotation::RotationRules, lockout::LockoutLimits, password_policy::PasswordPolicy},
        otp::CodeLimits,
    },
    types::CodeLength,
};

/// A setting as a count; the configuration has checked its range.
fn count(setting: u32) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

impl From<&config::PasswordConfig> for PasswordPolicy {
    fn from(settings: &config::PasswordConfig) -> Self {
        Self {
            min_length: count(settings.min_length),
            require_upper: settings.require_upper,
            require_lower: settings.require_lower,
            require_digit: settings.require_digit,
            require_symbol: settings.require_symbol,
        }
    }
}

impl From<&config::LockoutConfig> for LockoutLimits {
    fn from(settings: &config::LockoutConfig) -> Self {
        Self {
            failures: settings.failures,
            first: settings.first,
            longest: settings.longest,
            daily_failures: settings.daily_failures,
        }
    }
}

impl From<&config::AuthConfig> for CodeLimits {
    fn from(auth: &config::AuthConfig) -> Self {
        let settings = &auth.code;
        Self {
            // With `domains` an attacker can list the addresses of all users, and try codes of many users in parallel.
            length: match auth.registration {
                RegistrationPolicy::Domains => CodeLength::Eight,
                RegistrationPolicy::Open | RegistrationPolicy::Invite | RegistrationPolicy::Closed => CodeLength::Six,
            },
            lifetime: settings.lifetime,
            tries: u8::try_from(settings.tries).unwrap_or(u8::MAX),
            resend_after: settings.resend_after,
            renew_under: settings.renew_under,
            hourly: count(settings.hourly),
            daily: count(settings.daily),
            daily_of_all: count(settings.daily_of_all),
            refused_hourly: settings.refused_hourly,
            refused_hourly_by_domain: settings.refused_hourly_by_domain,
        }
    }
}

impl From<&config::TokenConfig> for RotationRules {
    fn from(settings: &config::TokenConfig) -> Self {
        Self {
            algorithm: settings.algorithm,
            rotate_every: settings.rotate_every,
            publish_before: settings.publish_before,
            longest_token: settings.lifetime,
        }
    }
}

impl From<&config::HashConfig> for PasswordCost {
    fn from(settings: &config::HashConfig) -> Self {
        Self { memory_kib: settings.memory_kib, passes: settings.iterations, lanes: settings.parallelism }
    }
}

impl From<&config::HashConfig> for HasherBounds {
    fn from(settings: &config::HashConfig) -> Self {
        Self { waiting: settings.places(), waiting_by_network: count(settings.queue_per_network) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_rules() {
        let auth = config::Config::default().auth;
        assert_eq!(PasswordPolicy::from(&auth.password), PasswordPolicy::default());
        assert_eq!(LockoutLimits::from(&auth.lockout), LockoutLimits::default());
        assert_eq!(CodeLimits::from(&auth), CodeLimits::default());
        assert_eq!(PasswordCost::from(&auth.hash), PasswordCost::default());
        assert_eq!(HasherBounds::from(&auth.hash), HasherBounds::default());
    }
}
