//! Device tokens: `mjd_` and base64url of user id (16 bytes), device (16), time of issue (8), MAC (32).
//!
//! Such a token proves that its holder once signed in as that user. It grants no access by itself; it only keeps failed
//! logins of other clients from locking its holder out. A login accepts it until the user's password changes.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::identifier::hmac_sha256;
use crate::types::{Secret, Timestamp, id::UserId};

const PREFIX: &str = "mjd_";
const BYTES: usize = 16 + 16 + 8 + 32;
const TEXT_LENGTH: usize = PREFIX.len() + (BYTES * 4).div_ceil(3);

/// The key of the MAC of device tokens; a subkey of the ring.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DeviceKey([u8; 32]);

/// A device that has signed in before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownDevice {
    /// Random bytes that identify the device; they stay the same when its token is renewed.
    pub device: [u8; 16],
    /// The time of issue of its token.
    pub issued: Timestamp,
}

impl DeviceKey {
    /// Takes the subkey.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The token of `known` for `user`.
    pub fn issue(&self, user: UserId, known: &KnownDevice) -> Secret {
        let issued = known.issued.as_micros().to_be_bytes();
        let mac = self.mac(user, known);
        let bytes = [user.as_bytes().as_slice(), &known.device, &issued, &mac].concat();
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The device, if `text` is a token of Majordomo for `user` that was issued less than `life` ago; `None` for every
    /// other text.
    pub fn recognise(&self, text: &str, user: UserId, now: Timestamp, life: Duration) -> Option<KnownDevice> {
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (named, rest) = bytes.split_first_chunk::<16>()?;
        let (device, rest) = rest.split_first_chunk::<16>()?;
        let (issued, mac) = rest.split_first_chunk::<8>()?;
        let issued = Timestamp::from_micros(i64::from_be_bytes(*issued));
        let known = KnownDevice { device: *device, issued };
        let authentic: bool = self.mac(UserId::from(Uuid::from_bytes(*named)), &known).ct_eq(mac).into();
        (authentic && named == user.as_bytes() && issued.is_within(life, now)).then_some(known)
    }

    fn mac(&self, user: UserId, known: &KnownDevice) -> [u8; 32] {
        let issued = known.issued.as_micros().to_be_bytes();
        hmac_sha256(&self.0, &[b"majordomo device\0", user.as_bytes(), &known.device, &issued])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(180 * 24 * 3_600);
    const KNOWN: KnownDevice = KnownDevice { device: [5; 16], issued: Timestamp::from_micros(1_000_000) };

    fn user(number: u128) -> UserId {
        UserId::from(Uuid::from_u128(number))
    }

    #[test]
    fn a_device_is_known_to_its_user_for_its_life() {
        let key = DeviceKey::new([3; 32]);
        let token = key.issue(user(1), &KNOWN);
        let token = token.reveal();
        let last = KNOWN.issued.plus(LIFE - Duration::from_micros(1));
        assert_eq!(key.recognise(token, user(1), last, LIFE), Some(KNOWN));
        assert_eq!(key.recognise(token, user(1), KNOWN.issued.plus(LIFE), LIFE), None);
        assert_eq!(key.recognise(token, user(2), last, LIFE), None);
        assert_eq!(DeviceKey::new([4; 32]).recognise(token, user(1), last, LIFE), None);
    }

    #[test]
    fn a_changed_token_is_not_known() {
        let key = DeviceKey::new([3; 32]);
        let token = key.issue(user(1), &KNOWN);
        let bytes = URL_SAFE_NO_PAD.decode(&token.reveal()[4..]).unwrap();
        for place in 0..BYTES {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(key.recognise(&text, user(1), KNOWN.issued, LIFE), None, "byte {place}");
        }
        for text in ["", "mjd_", "x", &token.reveal()[1..]] {
            assert_eq!(key.recognise(text, user(1), KNOWN.issued, LIFE), None, "{text}");
        }
    }
}
