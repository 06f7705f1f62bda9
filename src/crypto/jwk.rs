//! Public keys as JSON Web Keys: RFC 7517, 7518 section 6, 8037 section 2.

use serde::{Deserialize, Serialize};

/// One public signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The key's id (`kid`), as in the header of the tokens that it signs.
    pub kid: String,
    /// `RS256`, `EdDSA` or `ES256`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The type and the members of the key.
    #[serde(flatten)]
    pub key: JwkKey,
}

/// The members of a public key; all are base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum JwkKey {
    /// Modulus and exponent, big-endian without leading zeros.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus (RFC 7518 section 6.3.1.1).
        n: String,
        /// The exponent (RFC 7518 section 6.3.1.2).
        e: String,
    },
    /// An octet key pair; the curve is `Ed25519`.
    #[serde(rename = "OKP")]
    OctetPair {
        crv: String,
        /// The public key, 32 bytes (RFC 8037 section 2).
        x: String,
    },
    /// A point on a curve; the curve is `P-256`.
    #[serde(rename = "EC")]
    Curve {
        crv: String,
        /// The first coordinate, 32 bytes.
        x: String,
        /// The second coordinate, 32 bytes.
        y: String,
    },
}

/// The body of `/.well-known/jwks.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// All published keys, the signing key first.
    pub keys: Vec<Jwk>,
}
