//! Keys that sign access tokens.

use serde::{Deserialize, Serialize};

use crate::types::{SigningAlgorithm, Timestamp, id::KeyId};

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

impl KeyStage {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Retiring => "retiring",
        }
    }
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
