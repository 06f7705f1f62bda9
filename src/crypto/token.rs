//! Access tokens: JWTs (RFC 7519) by the profile of RFC 9068, signed as compact JWS (RFC 7515).
//!
//! Only tokens that Majordomo made are accepted, so the header is not interpreted: its encoded text must be, byte for
//! byte, the one that Majordomo writes for one of its keys. That text fixes algorithm, type and key; a token cannot
//! choose how it is verified (RFC 8725 sections 2.1, 3.1, 3.11).

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{
    jwk::JwkSet,
    signing::{SigningKeyFault, SigningKeyPair, VerifyingKey},
};
use crate::types::{
    Roles, Secret, Timestamp,
    id::{SessionId, UserId},
    limits,
};

/// `typ` of access tokens (RFC 9068 section 2.1).
pub const TYPE: &str = "at+jwt";
/// Names that an extra claim must not have: they are used, or have a registered meaning.
pub const RESERVED_CLAIMS: [&str; 15] = [
    "iss",
    "aud",
    "sub",
    "exp",
    "iat",
    "nbf",
    "jti",
    "sid",
    "gen",
    "client_id",
    "scope",
    "roles",
    "auth_time",
    "amr",
    "cnf",
];

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer: the setting `auth.issuer`.
    pub iss: String,
    /// The audience: the setting `auth.audience`.
    pub aud: String,
    pub sub: UserId,
    /// The second from which on it is invalid.
    pub exp: i64,
    /// The second of its issue.
    pub iat: i64,
    /// The id of the token.
    pub jti: String,
    pub sid: SessionId,
    /// The refresh generation of its issue.
    #[serde(rename = "gen")]
    pub generation: u32,
    /// `app` for tokens of users.
    pub client_id: String,
    /// Scopes, separated by spaces; omitted if there are none, since RFC 6749 section 3.3 has no empty list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The user's roles at its issue.
    #[serde(serialize_with = "roles_to_names", deserialize_with = "roles_from_names")]
    pub roles: Roles,
    /// The second in which the user last authenticated.
    pub auth_time: i64,
    /// The methods of authentication (RFC 8176).
    pub amr: Vec<String>,
    /// The claims of `auth.token.extra_claims`.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl AccessClaims {
    /// Refuses a token that has expired at `now`, or that was issued later.
    pub fn check_times(&self, now: Timestamp) -> Result<(), TokenRefusal> {
        if now.as_seconds() >= self.exp {
            return Err(TokenRefusal::Expired);
        }
        if now.as_seconds() < self.iat { Err(TokenRefusal::NotYet) } else { Ok(()) }
    }
}

fn roles_to_names<S: Serializer>(roles: &Roles, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(roles.iter().map(|role| role.as_str()))
}

fn roles_from_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Roles, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| name.parse().map_err(serde::de::Error::custom)).collect()
}

/// The required issuer and audience; compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedClaims {
    pub issuer: String,
    pub audience: String,
}

/// Why a token is refused, in the order of the checks. Logs may hold the reason, responses do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// More than `limits::ACCESS_TOKEN_MAX` bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts, or a part that is not base64url.
    #[error("the token is not a compact JWS")]
    Malformed,
    /// A header that Majordomo does not write, or of a key that is no longer accepted.
    #[error("the token's header names no known key")]
    NotOurs,
    /// The signature does not fit.
    #[error("the token's signature does not fit")]
    Signature,
    /// The claims cannot be read.
    #[error("the token's claims cannot be read")]
    Claims,
    /// The issuer is another one.
    #[error("the token has another issuer")]
    Issuer,
    /// The audience is another one.
    #[error("the token has another audience")]
    Audience,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token was issued later than now, before an operator accepted an earlier time.
    #[error("the token was issued in the future")]
    NotYet,
}

/// The signing key and all accepted keys, parsed. Immutable: a rotation makes a new set.
pub struct KeySet {
    signer: SigningKeyPair,
    signer_header: String,
    /// Keyed by the encoded header of the tokens that they verify.
    verifiers: HashMap<String, VerifyingKey>,
    jwks: JwkSet,
}

impl KeySet {
    /// A set in which `signer` signs. `others` are published and accepted; they do not sign yet, or no longer.
    pub fn new(signer: SigningKeyPair, others: Vec<VerifyingKey>) -> Result<Self, SigningKeyFault> {
        let mut keys = vec![signer.verifying_key()?];
        keys.extend(others.into_iter().filter(|key| key.id() != signer.id()));
        let jwks = JwkSet { keys: keys.iter().map(|key| key.jwk().clone()).collect() };
        let signer_header = encoded_header(&keys[0]);
        let verifiers = keys.into_iter().map(|key| (encoded_header(&key), key)).collect();
        Ok(Self { signer, signer_header, verifiers, jwks })
    }

    /// The keys with which other services verify tokens.
    pub fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    /// Signs `claims`. Takes from 20 us (EdDSA) to 1 ms (RS256).
    pub fn sign(&self, claims: &AccessClaims) -> Result<Secret, SigningKeyFault> {
        if claims.extra.keys().any(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
            return Err(SigningKeyFault::Claims { reason: "an extra claim has a reserved name" });
        }
        let payload = serde_json::to_vec(claims).map_err(|_| SigningKeyFault::Claims { reason: "not JSON" })?;
        let mut token = self.signer_header.clone();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signer.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > limits::ACCESS_TOKEN_MAX {
            return Err(SigningKeyFault::Claims { reason: "the token would be too long" });
        }
        Ok(Secret::new(token))
    }

    /// Verifies a token and its claims at `now`. The caller checks that session and user are still valid.
    pub fn verify(&self, token: &str, expected: &ExpectedClaims, now: Timestamp) -> Result<AccessClaims, TokenRefusal> {
        if token.len() > limits::ACCESS_TOKEN_MAX {
            return Err(TokenRefusal::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenRefusal::Malformed)?;
        let key = self.verifiers.get(header).ok_or(TokenRefusal::NotOurs)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenRefusal::Malformed)?;
        if !key.verifies(message.as_bytes(), &signature) {
            return Err(TokenRefusal::Signature);
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenRefusal::Malformed)?;
        let claims: AccessClaims = serde_json::from_slice(&payload).map_err(|_| TokenRefusal::Claims)?;
        if claims.iss != expected.issuer {
            return Err(TokenRefusal::Issuer);
        }
        if claims.aud != expected.audience {
            return Err(TokenRefusal::Audience);
        }
        // No leeway: the same clock stamped the token.
        claims.check_times(now)?;
        Ok(claims)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet").field("signer", &self.signer).field("keys", &self.verifiers.len()).finish()
    }
}

/// Algorithm names and ids need no escaping in JSON.
fn encoded_header(key: &VerifyingKey) -> String {
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{}","typ":"{TYPE}","kid":"{}"}}"#, key.algorithm(), key.id()))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
