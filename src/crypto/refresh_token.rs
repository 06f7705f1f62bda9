//! Refresh tokens: `mjr_` and base64url of session id (16 bytes), generation (4), MAC (32).
//!
//! No part of a token is stored. The session's record holds a sealed seed; the MAC under it proves a token of any
//! generation authentic, which distinguishes an old token from a forged one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::identifier::hmac_sha256;
use crate::types::{Secret, id::SessionId};

const PREFIX: &str = "mjr_";
const BYTES: usize = 16 + 4 + 32;
const TEXT_LENGTH: usize = PREFIX.len() + (BYTES * 4).div_ceil(3);

/// A presented token: well-formed, but not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    pub session: SessionId,
    pub generation: u32,
    mac: [u8; 32],
}

/// The text is not a refresh token of Majordomo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token")]
pub struct Unreadable;

impl RefreshToken {
    /// The token of a session and generation. The same arguments give the same token, so that a lost response can be
    /// repeated without storing it.
    pub fn make(session: SessionId, generation: u32, seed: &[u8; 32]) -> Self {
        Self { session, generation, mac: mac(session, generation, seed) }
    }

    /// Parses a token; only its canonical text is accepted.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        if text.len() != TEXT_LENGTH {
            return Err(Unreadable);
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(Unreadable)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Unreadable)?;
        let (session, rest) = bytes.split_first_chunk::<16>().ok_or(Unreadable)?;
        let (generation, rest) = rest.split_first_chunk::<4>().ok_or(Unreadable)?;
        let mac = <[u8; 32]>::try_from(rest).map_err(|_| Unreadable)?;
        Ok(Self {
            session: SessionId::from(Uuid::from_bytes(*session)),
            generation: u32::from_be_bytes(*generation),
            mac,
        })
    }

    /// Whether Majordomo made it for the session of that seed, in constant time.
    pub fn is_authentic(&self, seed: &[u8; 32]) -> bool {
        mac(self.session, self.generation, seed).ct_eq(&self.mac).into()
    }

    /// The text for the client.
    pub fn text(&self) -> Secret {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(self.session.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.mac);
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }
}

fn mac(session: SessionId, generation: u32, seed: &[u8; 32]) -> [u8; 32] {
    hmac_sha256(seed, &[b"majordomo refresh\0", session.as_bytes(), &generation.to_be_bytes()])
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken").field("generation", &self.generation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session() -> SessionId {
        SessionId::from(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
    }

    #[test]
    fn a_token_is_read_back_and_only_its_seed_proves_it() {
        let token = RefreshToken::make(session(), 3, &[1; 32]);
        let text = token.text();
        assert_eq!(text.reveal().len(), TEXT_LENGTH);
        let read = RefreshToken::parse(text.reveal()).unwrap();
        assert_eq!(read, token);
        assert!(read.is_authentic(&[1; 32]));
        assert!(!read.is_authentic(&[2; 32]));
        let renumbered = RefreshToken { generation: 4, ..read.clone() };
        assert!(!renumbered.is_authentic(&[1; 32]));
        let moved = RefreshToken { session: SessionId::from(Uuid::from_u128(9)), ..read };
        assert!(!moved.is_authentic(&[1; 32]));
    }

    #[test]
    fn other_texts_are_not_tokens() {
        let text = RefreshToken::make(session(), 0, &[1; 32]).text();
        let text = text.reveal();
        let padded = format!("{text}==");
        let spaced = format!(" {}", &text[1..]);
        let cut = &text[..text.len() - 1];
        let other_prefix = text.replace("mjr_", "mjx_");
        let plain_alphabet = format!("{}+{}", &text[..10], &text[11..]);
        // 52 bytes leave two unused bits in the last character; a set bit would be a second text for one token.
        let unused_bit = format!("{cut}B");
        for wrong in ["", "mjr_", &padded, &spaced, cut, &other_prefix, &plain_alphabet, &unused_bit, "mjr_\u{e9}"] {
            assert_eq!(RefreshToken::parse(wrong), Err(Unreadable), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_canonically(text in ".{0,90}") {
            if let Ok(token) = RefreshToken::parse(&text) {
                let canonical = token.text();
                prop_assert_eq!(canonical.reveal(), text);
            }
        }

        #[test]
        fn a_token_with_any_bit_flipped_is_not_authentic(bit in 0_usize..BYTES * 8) {
            let token = RefreshToken::make(session(), 7, &[1; 32]);
            let text = token.text();
            let mut bytes = URL_SAFE_NO_PAD.decode(&text.reveal()[4..]).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let flipped = RefreshToken::parse(&format!("mjr_{}", URL_SAFE_NO_PAD.encode(bytes))).unwrap();
            prop_assert!(!flipped.is_authentic(&[1; 32]));
        }
    }
}
