//! `[auth.token]`

use std::time::Duration;

pub use crate::types::SigningAlgorithm;

use crate::config::{
    section::section,
    value::{Choice, days},
};

section! {
    /// Access tokens: JWT by RFC 9068, checked by others with the keys of /.well-known/jwks.json.
    pub struct TokenConfig {
        /// How tokens are signed: "RS256" (known everywhere), "EdDSA" or "ES256" (faster to make, shorter).
        algorithm: SigningAlgorithm = SigningAlgorithm::Rs256;
        /// How long a token is good for.
        lifetime: Duration = Duration::from_mins(15), within Duration::from_secs(10)..=Duration::from_hours(24);
        /// What a token says of its user besides who it is: any of "email", "username", "locale".
        extra_claims: Vec<TokenClaim> = vec![TokenClaim::Email];
        /// How often a new signing key takes over.
        rotate_every: Duration = days(30), within Duration::from_hours(1)..=days(730);
        /// How long a key is published before it signs, so that nobody meets a token whose key they do not have.
        publish_before: Duration = Duration::from_hours(24), within Duration::ZERO..=days(30);
    }
}

impl Choice for SigningAlgorithm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("RS256", Self::Rs256), ("EdDSA", Self::EdDsa), ("ES256", Self::Es256)];
}

/// What an access token may say of its user besides who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClaim {
    /// `email`, the address.
    Email,
    /// `preferred_username`, the user name.
    Username,
    /// `locale`.
    Locale,
}

impl Choice for TokenClaim {
    const WORDS: &'static [(&'static str, Self)] =
        &[("email", Self::Email), ("username", Self::Username), ("locale", Self::Locale)];
}
