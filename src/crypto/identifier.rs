//! Keyed hashes of identifiers, where the identifier itself must not be stored or shown.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::types::limits;

/// The key of the hashes; a subkey of the ring.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct IdentifierKey([u8; 32]);

impl IdentifierKey {
    /// Takes the subkey.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key of the failure counters of an identifier without a user. Case, compatibility forms and white space at
    /// the ends are normalized, as in the lookup of a user.
    pub fn digest(&self, identifier: &str) -> [u8; 32] {
        let shortened: String = identifier.trim().chars().take(limits::IDENTIFIER_INPUT_MAX).collect();
        let normal: String = shortened.nfkc().flat_map(char::to_lowercase).collect();
        self.mac("identifier", normal.as_bytes())
    }

    /// Eight hexadecimal digits that represent a key of any kind for operators: equal keys have equal digits, and the
    /// digits do not reveal the key.
    pub fn short(&self, shown: &[u8]) -> String {
        self.mac("display", shown)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn mac(&self, purpose: &'static str, value: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.0, &[b"majordomo ", purpose.as_bytes(), b"\0", value])
    }
}

/// HMAC-SHA-256 (RFC 2104) over the concatenated parts.
pub(super) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // Padded with zeros to the block size of the hash, as in RFC 2104 section 2, so that the type guarantees the
    // length.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_identifier_however_typed_is_counted_as_one() {
        let key = IdentifierKey::new([7; 32]);
        let digest = key.digest("Ann@Example.com");
        for typed in ["ann@example.com", " ANN@example.COM ", "ann@example\u{ff0e}com"] {
            assert_eq!(key.digest(typed), digest, "{typed}");
        }
        assert_ne!(key.digest("bob@example.com"), digest);
        assert_ne!(IdentifierKey::new([8; 32]).digest("ann@example.com"), digest);
    }

    #[test]
    fn a_short_form_is_eight_digits_and_another_value_than_the_digest() {
        let key = IdentifierKey::new([7; 32]);
        let short = key.short(b"ann@example.com");
        assert_eq!(short.len(), 8);
        assert!(short.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let digest: String = key.digest("ann@example.com")[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_ne!(short, digest);
    }

    #[test]
    fn the_mac_is_that_of_rfc_4231() {
        // Test case 6 has a longer key; case 2 padded with zeros to 32 bytes is the same key (RFC 2104 section 2).
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = hmac_sha256(&key, &[b"what do ya want ", b"for nothing?"]);
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
