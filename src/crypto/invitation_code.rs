//! Codes of invitations as users read and type them: four groups of four characters of Crockford's Base32, 80 bits.

use subtle::ConstantTimeEq;

use crate::types::{Invalid, Secret};

const BYTES: usize = 10;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NOT_A_CODE: Invalid = Invalid::new("not_an_invitation_code", "must be sixteen letters and digits");

/// An invitation code.
#[derive(Clone)]
pub struct InvitationCode([u8; BYTES]);

impl InvitationCode {
    /// The code of random bytes.
    pub fn of(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// Parses a typed code: case, spaces and hyphens are ignored, O is 0, I and L are 1.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let mut bits: u128 = 0;
        let mut letters = 0;
        for letter in typed.chars().filter(|letter| !matches!(letter, '-' | ' ')) {
            let letter = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|known| char::from(*known) == letter).ok_or(NOT_A_CODE)?;
            letters += 1;
            if letters > BYTES * 8 / 5 {
                return Err(NOT_A_CODE);
            }
            bits = bits << 5 | value as u128;
        }
        if letters < BYTES * 8 / 5 {
            return Err(NOT_A_CODE);
        }
        let mut code = [0; BYTES];
        code.copy_from_slice(&bits.to_be_bytes()[16 - BYTES..]);
        Ok(Self(code))
    }

    /// The form in a mail: `7K2M-0QZP-4C9V-XH31`.
    pub fn text(&self) -> Secret {
        let mut wide = [0; 16];
        wide[16 - BYTES..].copy_from_slice(&self.0);
        let bits = u128::from_be_bytes(wide);
        let mut text = String::with_capacity(19);
        for place in 0..BYTES * 8 / 5 {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            let value = bits >> (5 * (15 - place)) & 31;
            text.push(char::from(ALPHABET[usize::try_from(value).unwrap_or_default()]));
        }
        Secret::new(text)
    }

    /// Whether both codes are equal, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = InvitationCode::of([0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x00]);
        let text = code.text();
        assert_eq!(text.reveal(), "ZW01-28HK-8HAP-CXR0");
        for typed in ["zw01-28hk-8hap-cxr0", "ZWOI28HK8HAPCXRO", " zw0l 28hk 8hap cxr0 "] {
            assert!(InvitationCode::parse(typed).unwrap().matches(&code), "{typed}");
        }
        for wrong in
            ["", "ZW01-28HK-8HAP-CXR", "ZW01-28HK-8HAP-CXR00", "ZW01-28HK-8HAP-CXRU", "ZW01-28HK-8HAP-CXR\u{661}"]
        {
            assert!(InvitationCode::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_code_comes_back(bytes: [u8; 10], other: [u8; 10]) {
            let code = InvitationCode::of(bytes);
            let read = InvitationCode::parse(code.text().reveal()).unwrap();
            prop_assert!(read.matches(&code));
            prop_assert_eq!(read.matches(&InvitationCode::of(other)), bytes == other);
        }
    }
}
