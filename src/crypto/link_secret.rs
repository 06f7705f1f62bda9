//! Secrets of the links in mails: `mjl_` and base64url of the owner's id (16 bytes) and a MAC (32).
//!
//! The MAC is over owner, purpose and the id of the code in the same mail, so no secret is stored. A secret is valid
//! for its purpose alone, until the code is used, ended or expired; new digits of the code do not end it.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::identifier::hmac_sha256;
use crate::types::{
    Invalid, Secret,
    id::{CodeId, UserId},
};

const PREFIX: &str = "mjl_";
const BYTES: usize = 16 + 32;
const TEXT_LENGTH: usize = PREFIX.len() + BYTES / 3 * 4;

/// The keys of the MACs; subkeys of the ring, the newest first.
pub struct LinkKeys(Vec<Zeroizing<[u8; 32]>>);

/// The code that the mail of a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedCode {
    /// The user or registration that owns the code.
    pub owner: UserId,
    /// The name of the act that the code allows.
    pub purpose: &'static str,
    /// The id of the code.
    pub code: CodeId,
}

/// A secret as a client sends it. It may belong to no code. Printed as `***`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LinkSecret {
    #[zeroize(skip)]
    owner: UserId,
    mac: [u8; 32],
}

impl LinkSecret {
    /// Reads the text of a secret; a text of another form is refused.
    pub fn parse(text: &Secret) -> Result<Self, Invalid> {
        const FORMAT: Invalid = Invalid::new("secret_format", "must be the secret of a link in a mail");
        let text = text.reveal();
        let encoded = text.strip_prefix(PREFIX).filter(|_| text.len() == TEXT_LENGTH).ok_or(FORMAT)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| FORMAT)?);
        let (owner, mac) = bytes.split_first_chunk::<16>().ok_or(FORMAT)?;
        let mac = mac.try_into().map_err(|_| FORMAT)?;
        Ok(Self { owner: UserId::from(Uuid::from_bytes(*owner)), mac })
    }

    /// The user or registration that it names; not proven before `LinkKeys::match_code`.
    pub fn owner(&self) -> UserId {
        self.owner
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl LinkKeys {
    /// Takes the subkeys, the newest first.
    pub fn new(keys: Vec<Zeroizing<[u8; 32]>>) -> Self {
        Self(keys)
    }

    /// The secret of the link to a code; `None` without a key.
    pub fn secret(&self, linked: &LinkedCode) -> Option<Secret> {
        let bytes = Zeroizing::new([linked.owner.as_bytes().as_slice(), &mac(self.0.first()?, linked)].concat());
        Some(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Whether `shown` is the secret of the link to a code, under any of the keys; compared in constant time.
    pub fn match_code(&self, shown: &LinkSecret, linked: &LinkedCode) -> bool {
        let equal = self.0.iter().map(|key| mac(key, linked).ct_eq(&shown.mac));
        let any = equal.fold(subtle::Choice::from(0), |any, equal| any | equal);
        shown.owner == linked.owner && bool::from(any)
    }
}

fn mac(key: &[u8; 32], linked: &LinkedCode) -> [u8; 32] {
    let LinkedCode { owner, purpose, code } = linked;
    hmac_sha256(key, &[b"majordomo link\0", purpose.as_bytes(), b"\0", owner.as_bytes(), code.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[u8]) -> LinkKeys {
        LinkKeys::new(keys.iter().map(|key| Zeroizing::new([*key; 32])).collect())
    }

    fn linked(number: u128) -> LinkedCode {
        let id = Uuid::from_u128(number);
        LinkedCode { owner: UserId::from(id), purpose: "verify_email", code: CodeId::from(id) }
    }

    fn matches(keys: &LinkKeys, text: &str, linked: &LinkedCode) -> bool {
        LinkSecret::parse(&Secret::new(text)).is_ok_and(|shown| keys.match_code(&shown, linked))
    }

    #[test]
    fn a_secret_is_that_of_its_code_and_purpose_alone() {
        let keys = keys(&[3]);
        let secret = keys.secret(&linked(1)).unwrap();
        let text = secret.reveal();
        assert_eq!((text.len(), text.starts_with(PREFIX)), (TEXT_LENGTH, true));
        assert_eq!(LinkSecret::parse(&secret).unwrap().owner(), linked(1).owner);
        assert!(matches(&keys, text, &linked(1)));
        let other_code = LinkedCode { code: linked(2).code, ..linked(1) };
        let other_owner = LinkedCode { owner: linked(2).owner, ..linked(1) };
        let other_act = LinkedCode { purpose: "reset_password", ..linked(1) };
        for other in [other_code, other_owner, other_act] {
            assert!(!matches(&keys, text, &other), "{other:?}");
        }
    }

    #[test]
    fn a_changed_secret_is_not_one() {
        let keys = keys(&[3]);
        let secret = keys.secret(&linked(1)).unwrap();
        let text = secret.reveal();
        for place in 0..text.len() {
            let other = if &text[place..=place] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            assert!(!matches(&keys, &changed, &linked(1)), "{place}");
        }
        for text in ["", "mjl_", &text[1..], &format!("{text}A"), &text.replace("mjl_", "mjd_")] {
            assert_eq!(LinkSecret::parse(&Secret::new(text)).unwrap_err().code, "secret_format", "{text}");
        }
    }

    #[test]
    fn a_secret_of_an_earlier_key_is_known_and_one_of_another_ring_is_not() {
        let secret = keys(&[3]).secret(&linked(1)).unwrap();
        assert!(matches(&keys(&[4, 3]), secret.reveal(), &linked(1)));
        assert!(!matches(&keys(&[4]), secret.reveal(), &linked(1)));
        assert!(keys(&[]).secret(&linked(1)).is_none());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = keys(&[3]).secret(&linked(1)).unwrap();
        assert_eq!(format!("{:?}", LinkSecret::parse(&secret).unwrap()), "***");
    }
}
