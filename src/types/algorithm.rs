//! The signature algorithms of access tokens.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Invalid;

/// A signature algorithm of JWS (RFC 7518 section 3.1, RFC 8037). Stored by position: new ones are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 bits: every library can verify it.
    Rs256,
    /// Ed25519: the fastest to sign, the shortest tokens.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl SigningAlgorithm {
    /// All algorithms, in the order of display.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::EdDsa, Self::Es256];

    /// The value of `alg`, and of the setting `auth.token.algorithm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SigningAlgorithm {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(Invalid::new("unknown_algorithm", "must be one of RS256, EdDSA, ES256"))
    }
}
