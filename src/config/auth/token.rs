//! `[auth.token]`

use std::time::Duration;

pub use crate::types::SigningAlgorithm;

use crate::config::{
    section::section,
    value::{Choice, days},
};

section! {
    /// Access tokens: JWTs by RFC 9068; services verify them with the keys of /.well-known/jwks.json.
    pub struct TokenConfig {
        /// The signature algorithm: "RS256" (widely supported), "EdDSA" or "ES256" (faster to create, shorter).
        algorithm: SigningAlgorithm = SigningAlgorithm::Rs256;
        /// The lifetime of a token.
        lifetime: Duration = Duration::from_mins(15), within Duration::from_secs(10)..=Duration::from_hours(24);
        /// Additional claims about the user: any of "email", "username", "locale".
        extra_claims: Vec<TokenClaim> = vec![TokenClaim::Email];
        /// The time between two rotations of the signing key.
        rotate_every: Duration = days(30), within Duration::from_hours(1)..=days(730);
        /// How long a key is published before it signs, so that every service has the key of each token it receives.
        publish_before: Duration = Duration::from_hours(24), within Duration::ZERO..=days(30);
    }
}

impl Choice for SigningAlgorithm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("RS256", Self::Rs256), ("EdDSA", Self::EdDsa), ("ES256", Self::Es256)];
}

/// An additional claim of access tokens.
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
