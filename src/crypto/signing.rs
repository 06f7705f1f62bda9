//! Keys that sign access tokens: generated here, stored as PKCS#8 (RFC 5958), published as JWKs.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::jwk::{Jwk, JwkKey};
use crate::types::{SigningAlgorithm, id::KeyId};

/// Why a key cannot be generated, read or used. It never holds any part of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyFault {
    /// The cryptographic library failed to generate a key.
    #[error("a signing key could not be made")]
    NotMade,
    /// Stored bytes are not a key of the stored algorithm.
    #[error("the stored signing key {id} cannot be read as {algorithm}")]
    Unreadable {
        /// The id of the key.
        id: KeyId,
        algorithm: SigningAlgorithm,
    },
    /// The library failed to sign.
    #[error("signing failed")]
    NotSigned,
    /// Claims that cannot be encoded, or would make a token that is too long.
    #[error("the claims of a token cannot be written: {reason}")]
    Claims {
        /// The rule that they break.
        reason: &'static str,
    },
}

/// A private key, parsed once for all its signatures.
pub struct SigningKeyPair {
    id: KeyId,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A public key, parsed once for all verifications.
pub struct VerifyingKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    parsed: ParsedPublicKey,
    jwk: Jwk,
}

impl SigningKeyPair {
    /// Generates a key from the operating system's randomness; RS256 takes 0.1 s or more.
    pub fn generate(id: KeyId, algorithm: SigningAlgorithm) -> Result<Self, SigningKeyFault> {
        let pair = match algorithm {
            SigningAlgorithm::Rs256 => {
                Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningKeyFault::NotMade)?))
            }
            SigningAlgorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().map_err(|_| SigningKeyFault::NotMade)?),
            SigningAlgorithm::Es256 => Pair::P256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SigningKeyFault::NotMade)?,
            ),
        };
        Ok(Self { id, pair })
    }

    /// Parses a key from the bytes of `to_pkcs8`.
    pub fn from_pkcs8(id: KeyId, algorithm: SigningAlgorithm, bytes: &[u8]) -> Result<Self, SigningKeyFault> {
        let unreadable = |_| SigningKeyFault::Unreadable { id, algorithm };
        let pair = match algorithm {
            SigningAlgorithm::Rs256 => Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(bytes).map_err(unreadable)?)),
            SigningAlgorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(bytes).map_err(unreadable)?),
            SigningAlgorithm::Es256 => {
                Pair::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes).map_err(unreadable)?)
            }
        };
        Ok(Self { id, pair })
    }

    /// The private key as PKCS#8 DER, for a sealed record only.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyFault> {
        let bytes = match &self.pair {
            Pair::Rsa(pair) => pair.as_der().map_err(|_| SigningKeyFault::NotMade)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8().map_err(|_| SigningKeyFault::NotMade)?.as_ref().to_vec(),
            Pair::P256(pair) => pair.to_pkcs8v1().map_err(|_| SigningKeyFault::NotMade)?.as_ref().to_vec(),
        };
        Ok(Zeroizing::new(bytes))
    }

    /// The key's id (`kid`).
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match &self.pair {
            Pair::Rsa(_) => SigningAlgorithm::Rs256,
            Pair::Ed25519(_) => SigningAlgorithm::EdDsa,
            Pair::P256(_) => SigningAlgorithm::Es256,
        }
    }

    /// The signature of `message`, in the form of JWS.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningKeyFault> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| SigningKeyFault::NotSigned)?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => {
                Ok(pair.try_sign(message).map_err(|_| SigningKeyFault::NotSigned)?.as_ref().to_vec())
            }
            Pair::P256(pair) => {
                Ok(pair.sign(&random, message).map_err(|_| SigningKeyFault::NotSigned)?.as_ref().to_vec())
            }
        }
    }

    /// The public half.
    pub fn verifying_key(&self) -> Result<VerifyingKey, SigningKeyFault> {
        let (id, algorithm) = (self.id, self.algorithm());
        let unreadable = |_| SigningKeyFault::Unreadable { id, algorithm };
        let (parsed, key) = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let members = JwkKey::Rsa {
                    n: URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                    e: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
                };
                (ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).map_err(unreadable)?, members)
            }
            Pair::Ed25519(pair) => {
                let public = pair.public_key();
                let members = JwkKey::OctetPair { crv: "Ed25519".into(), x: URL_SAFE_NO_PAD.encode(public) };
                (ParsedPublicKey::new(&ED25519, public).map_err(unreadable)?, members)
            }
            Pair::P256(pair) => {
                let public = pair.public_key().as_ref();
                // SEC 1 section 2.3.3: an uncompressed point is 4, then the two coordinates.
                let Some((x, y)) = public.strip_prefix(&[4]).and_then(|point| point.split_at_checked(32)) else {
                    return Err(SigningKeyFault::Unreadable { id, algorithm });
                };
                let members =
                    JwkKey::Curve { crv: "P-256".into(), x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) };
                (ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).map_err(unreadable)?, members)
            }
        };
        let jwk = Jwk { kid: id.to_string(), alg: algorithm.to_string(), usage: "sig".into(), key };
        Ok(VerifyingKey { id, algorithm, parsed, jwk })
    }
}

impl VerifyingKey {
    /// The key's id (`kid`).
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The published key.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Whether `signature` over `message` was made by the private half.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for SigningKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyPair").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("jwk", &self.jwk).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id() -> KeyId {
        KeyId::from(Uuid::from_u128(7))
    }

    #[test]
    fn a_key_survives_being_stored() {
        for algorithm in SigningAlgorithm::ALL {
            let made = SigningKeyPair::generate(id(), algorithm).unwrap();
            let bytes = made.to_pkcs8().unwrap();
            let read = SigningKeyPair::from_pkcs8(id(), algorithm, &bytes).unwrap();
            assert_eq!(read.algorithm(), algorithm);
            assert_eq!(read.verifying_key().unwrap().jwk(), made.verifying_key().unwrap().jwk());
            let signature = read.sign(b"message").unwrap();
            let public = made.verifying_key().unwrap();
            assert!(public.verifies(b"message", &signature));
            assert!(!public.verifies(b"massage", &signature));
            assert!(!public.verifies(b"message", &signature[1..]));
        }
    }

    #[test]
    fn bytes_of_another_algorithm_are_refused() {
        for algorithm in SigningAlgorithm::ALL {
            let bytes = SigningKeyPair::generate(id(), algorithm).unwrap().to_pkcs8().unwrap();
            for other in SigningAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                let fault = SigningKeyPair::from_pkcs8(id(), other, &bytes).unwrap_err();
                assert_eq!(fault, SigningKeyFault::Unreadable { id: id(), algorithm: other });
            }
        }
    }

    #[test]
    fn the_ed25519_example_of_rfc_8037_comes_out_right() {
        // RFC 8037, appendices A.1, A.2 and A.4.
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pair =
            SigningKeyPair { id: id(), pair: Pair::Ed25519(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()) };
        let public = pair.verifying_key().unwrap();
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned();
        assert_eq!(public.jwk().key, JwkKey::OctetPair { crv: "Ed25519".into(), x });
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(message).unwrap());
        assert_eq!(signature, "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    }

    #[test]
    fn a_jwk_has_the_members_of_its_type_and_no_private_one() {
        for (algorithm, members) in [
            (SigningAlgorithm::Rs256, "alg e kid kty n use"),
            (SigningAlgorithm::EdDsa, "alg crv kid kty use x"),
            (SigningAlgorithm::Es256, "alg crv kid kty use x y"),
        ] {
            let public = SigningKeyPair::generate(id(), algorithm).unwrap().verifying_key().unwrap();
            let json = serde_json::to_value(public.jwk()).unwrap();
            let mut found: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
            found.sort();
            assert_eq!(found.join(" "), members);
            assert_eq!(serde_json::from_value::<Jwk>(json).unwrap(), *public.jwk());
        }
    }
}
