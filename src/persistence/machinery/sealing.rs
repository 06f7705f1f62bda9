//! Sealing: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) under keys derived by HKDF-SHA-256 (RFC 5869).
//!
//! The nonce is computed, not drawn: an HMAC over associated data, plain text and a salt of the transaction. Two
//! different texts do not share a nonce even if a seed were used twice, and a transaction that runs again seals to the
//! same bytes.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEAD: usize = 1 + 4 + NONCE;

/// Why sealed bytes were not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// The bytes are not sealed, or in a form that this program does not have.
    #[error("these bytes are not sealed in a form that is known")]
    Form,
    /// The key they were sealed under is not in the ring.
    #[error("sealed under key {0}, which is not in the key ring")]
    NoKey(u32),
    /// The key does not match, or the bytes were changed or moved.
    #[error("the seal is broken")]
    Broken,
}

/// A key for one purpose, with a second key for its nonces.
#[derive(Clone)]
pub struct Subkey {
    cipher: Zeroizing<[u8; 32]>,
    nonces: Zeroizing<[u8; 32]>,
}

impl Subkey {
    /// The subkey of `root` for `purpose`, e.g. `table/session_by_id`.
    pub fn derive(root: &[u8; 32], purpose: &str) -> Self {
        Self { cipher: expand(root, purpose, "cipher"), nonces: expand(root, purpose, "nonce") }
    }

    fn nonce(&self, salt: &[u8; 16], associated: &[u8], plain: &[u8]) -> [u8; NONCE] {
        let mut tag = mac(&self.nonces);
        tag.update(salt);
        tag.update(&(associated.len() as u64).to_be_bytes());
        tag.update(associated);
        tag.update(plain);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&tag.finalize().into_bytes()[..NONCE]);
        nonce
    }
}

/// Derives 32 bytes for `purpose` from `root`: deterministic, and independent of those for other purposes.
pub fn expand(root: &[u8; 32], purpose: &str, part: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let info = ["majordomo/1/", purpose, "/", part].concat();
    let expanded = Hkdf::<Sha256>::new(None, root).expand(info.as_bytes(), out.as_mut_slice());
    debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's bound");
    out
}

/// What is bound to sealed bytes without being part of them, and the salt that makes equal texts seal to different
/// bytes.
pub struct SealContext<'a> {
    /// The place of the sealed bytes; they do not open at another place.
    pub associated: &'a [u8],
    /// A salt from the transaction's stream of random bytes.
    pub salt: [u8; 16],
}

/// Seals `plain`: `version u8 | key id u32 | nonce | cipher text and tag`.
pub fn seal(key: &Subkey, key_id: u32, around: &SealContext<'_>, plain: &[u8]) -> Result<Vec<u8>, SealFault> {
    let nonce = key.nonce(&around.salt, around.associated, plain);
    let sealed = cipher(key)
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: around.associated })
        .map_err(|_| SealFault::Broken)?;
    let mut out = Vec::with_capacity(HEAD + sealed.len());
    out.push(VERSION);
    out.extend_from_slice(&key_id.to_be_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The id of the key that `sealed` was sealed under.
pub fn key_id(sealed: &[u8]) -> Result<u32, SealFault> {
    match sealed {
        [VERSION, a, b, c, d, ..] if sealed.len() >= HEAD => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(SealFault::Form),
    }
}

/// Opens what `seal` sealed for the same place.
pub fn unseal(key: &Subkey, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
    key_id(sealed)?;
    let (head, text) = sealed.split_at(HEAD);
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&head[HEAD - NONCE..]);
    cipher(key)
        .decrypt(&XNonce::from(nonce), Payload { msg: text, aad: associated })
        .map(Zeroizing::new)
        .map_err(|_| SealFault::Broken)
}

fn cipher(key: &Subkey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.cipher).into())
}

/// A truncated HMAC.
pub type ShortMac = [u8; 16];

/// The truncated HMAC of `content`.
pub fn short_mac(key: &[u8; 32], content: &[u8]) -> ShortMac {
    let mut tag = mac(key);
    tag.update(content);
    let mut short = [0; 16];
    short.copy_from_slice(&tag.finalize().into_bytes()[..16]);
    short
}

/// Whether `found` is the truncated HMAC of `content`.
pub fn is_short_mac(key: &[u8; 32], content: &[u8], found: &ShortMac) -> bool {
    let mut tag = mac(key);
    tag.update(content);
    tag.verify_truncated_left(found).is_ok()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
fn mac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_open_only_where_they_were_put_and_under_their_key() {
        let key = Subkey::derive(&[1; 32], "table/a");
        let sealed = seal(&key, 7, &SealContext { associated: b"here", salt: [0; 16] }, b"text").unwrap();
        assert_eq!(key_id(&sealed), Ok(7));
        assert_eq!(unseal(&key, b"here", &sealed).unwrap().as_slice(), b"text");
        assert_eq!(unseal(&key, b"there", &sealed).unwrap_err(), SealFault::Broken);
        let other = Subkey::derive(&[1; 32], "table/b");
        assert_eq!(unseal(&other, b"here", &sealed).unwrap_err(), SealFault::Broken);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let opened = unseal(&key, b"here", &changed);
            // The key's id selects a key of the ring and is not authenticated.
            assert_eq!(opened.is_ok(), (1..5).contains(&at), "byte {at}");
        }
    }

    #[test]
    fn nonces_differ_by_text_by_place_and_by_salt() {
        let key = Subkey::derive(&[1; 32], "table/a");
        let nonce = |salt, at: &'static [u8], text: &'static [u8]| {
            seal(&key, 1, &SealContext { associated: at, salt }, text).unwrap()[5..HEAD].to_vec()
        };
        let first = nonce([0; 16], b"here", b"text");
        assert_eq!(first, nonce([0; 16], b"here", b"text"));
        assert_ne!(first, nonce([0; 16], b"here", b"tex!"));
        assert_ne!(first, nonce([0; 16], b"heret", b"ext"));
        assert_ne!(first, nonce([1; 16], b"here", b"text"));
    }
}
