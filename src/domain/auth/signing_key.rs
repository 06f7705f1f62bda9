//! Keys that sign access tokens.

use serde::{Deserialize, Serialize};

use crate::types::{Timestamp, id::KeyId};

/// The algorithm of a signing key (RFC 7518 section 3.1, RFC 8037). Stored by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bit.
    Rs256,
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl SigningAlgorithm {
    /// The value of `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

/// Where a key is in its life.
///
/// ```text
/// published --24 h--> signing --a newer one signs--> retiring --longest token ran out--> removed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStage {
    /// In the JWKS, so that other services have it before the first token comes.
    Published,
    /// Signs new tokens. Exactly one key does.
    Signing,
    /// Only checks tokens it signed.
    Retiring,
}

/// A signing key; the table that holds it is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// `kid` in tokens and in the JWKS.
    pub id: KeyId,
    /// What it signs by.
    pub algorithm: SigningAlgorithm,
    /// PKCS#8 (RFC 5208), DER.
    pub private_der: Vec<u8>,
    /// Where it is in its life.
    pub stage: KeyStage,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// When it entered its stage.
    pub stage_since: Timestamp,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
