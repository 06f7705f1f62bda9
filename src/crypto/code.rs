//! One-time codes: six digits.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::types::Invalid;

/// Number of digits of a code.
pub const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;
/// The greatest multiple of `CODES` that fits: a draw above it would favour low codes.
const FAIR_BELOW: u32 = u32::MAX - u32::MAX % CODES;

/// A code: its digits in ASCII. Printed as `***`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CodeDigits([u8; DIGITS]);

impl CodeDigits {
    /// Draws a code; every code is equally likely. `draw` returns four fresh random bytes per call; it is called again
    /// in one of 4,400 cases.
    pub fn draw(mut draw: impl FnMut() -> [u8; 4]) -> Self {
        loop {
            let drawn = u32::from_be_bytes(draw());
            if drawn < FAIR_BELOW {
                return Self::of(drawn % CODES);
            }
        }
    }

    fn of(number: u32) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            // A remainder of a division by 10 always fits.
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Self(digits)
    }

    /// Parses a typed code: six digits; spaces and hyphens between them are dropped.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FORMAT: Invalid = Invalid::new("code_format", "must be the 6 digits of the code");
        let mut digits = [b'0'; DIGITS];
        let mut places = digits.iter_mut();
        for byte in text.trim().bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
            match places.next() {
                Some(place) if byte.is_ascii_digit() => *place = byte,
                Some(_) | None => return Err(FORMAT),
            }
        }
        if places.next().is_some() { Err(FORMAT) } else { Ok(Self(digits)) }
    }

    /// The code of a stored record.
    pub fn of_record(digits: [u8; DIGITS]) -> Self {
        Self(digits)
    }

    /// The digits for a sealed record.
    pub fn for_record(&self) -> [u8; DIGITS] {
        self.0
    }

    /// The digits as text, for the notification.
    pub fn reveal(&self) -> String {
        self.0.iter().map(|digit| char::from(*digit)).collect()
    }

    /// Whether both codes are equal, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for CodeDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_favour_low_codes_is_drawn_again() {
        let mut draws = vec![0_u32, FAIR_BELOW - 1, FAIR_BELOW, u32::MAX];
        let code = CodeDigits::draw(|| draws.pop().unwrap().to_be_bytes());
        assert_eq!(code.reveal(), "999999");
        assert_eq!(draws, [0]);
        assert_eq!(FAIR_BELOW % CODES, 0);
        assert!(u64::from(FAIR_BELOW) + u64::from(CODES) > u64::from(u32::MAX));
    }

    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!(CodeDigits::draw(|| 42_u32.to_be_bytes()).reveal(), "000042");
    }

    #[test]
    fn what_people_type_is_understood_and_nothing_else() {
        for text in ["123456", "123 456", "123-456", " 123456\n", "1 2 3 4 5 6"] {
            assert_eq!(CodeDigits::parse(text).unwrap().reveal(), "123456", "{text:?}");
        }
        for text in ["", "12345", "1234567", "12345a", "１２３４５６", "123.456", "+12345"] {
            assert_eq!(CodeDigits::parse(text).unwrap_err().code, "code_format", "{text:?}");
        }
    }

    #[test]
    fn a_code_matches_itself_alone_and_is_not_printed() {
        let code = CodeDigits::parse("123456").unwrap();
        assert!(code.matches(&CodeDigits::parse("123456").unwrap()));
        assert!(!code.matches(&CodeDigits::parse("123457").unwrap()));
        assert_eq!(format!("{code:?}"), "***");
    }
}
