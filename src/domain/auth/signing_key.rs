//! Keys that sign access tokens.

use serde::{Deserialize, Serialize};

use crate::types::{SigningAlgorithm, Timestamp, id::KeyId};

/// The stage of a key.
///
/// ```text
/// published --24 h--> signing --a newer one signs--> retiring --longest token ran out--> removed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStage {
    /// In the JWKS, so that other services know it before they receive the first token.
    Published,
    /// Signs new tokens. Exactly one key does.
    Signing,
    /// Only verifies tokens that it signed.
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
    pub algorithm: SigningAlgorithm,
    /// PKCS#8 (RFC 5208), DER.
    pub private_der: Vec<u8>,
    /// The stage of the key.
    pub stage: KeyStage,
    /// The time of creation and publication.
    pub created_at: Timestamp,
    /// The start of the current stage.
    pub stage_since: Timestamp,
}

impl SigningKey {
    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        Self { created_at: self.created_at.min(now), stage_since: self.stage_since.min(now), ..self.clone() }
    }
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
