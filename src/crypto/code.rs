//! One-time codes: six digits, or eight.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::types::{CodeLength, Invalid};

/// A code: its digits in ASCII. Printed as `***`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CodeDigits(Vec<u8>);

impl CodeDigits {
    /// Draws a code; every code of the length is equally likely. `draw` returns four fresh random bytes per call; it is
    /// called again in one of 4,400 cases for six digits, and in one of 45 for eight.
    pub fn draw(length: CodeLength, mut draw: impl FnMut() -> [u8; 4]) -> Self {
        loop {
            let drawn = u32::from_be_bytes(draw());
            if drawn < fair_below(length) {
                return Self::of(length, drawn % length.codes());
            }
        }
    }

    fn of(length: CodeLength, number: u32) -> Self {
        let mut digits = vec![b'0'; length.digits()];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            // A remainder of a division by 10 always fits.
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Self(digits)
    }

    /// Parses a typed code of either length; spaces and hyphens between the digits are dropped.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FORMAT: Invalid = Invalid::new("code_format", "must be the digits of the code: 6, or 8");
        let typed = || text.trim().bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        let is_code = CodeLength::ALL.iter().any(|length| length.digits() == typed().count());
        if is_code && typed().all(|byte| byte.is_ascii_digit()) { Ok(Self(typed().collect())) } else { Err(FORMAT) }
    }

    /// The code of a stored record.
    pub fn of_record(digits: Vec<u8>) -> Self {
        Self(digits)
    }

    /// The digits for a sealed record.
    pub fn for_record(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// The digits as text, for the notification.
    pub fn reveal(&self) -> String {
        self.0.iter().map(|digit| char::from(*digit)).collect()
    }

    /// Whether both codes are equal, in constant time for codes of one length.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The greatest multiple of the number of codes that fits: a draw above it would favour low codes.
fn fair_below(length: CodeLength) -> u32 {
    u32::MAX - u32::MAX % length.codes()
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
        for (length, highest) in [(CodeLength::Six, "999999"), (CodeLength::Eight, "99999999")] {
            let fair = fair_below(length);
            let mut draws = vec![0_u32, fair - 1, fair, u32::MAX];
            let code = CodeDigits::draw(length, || draws.pop().unwrap().to_be_bytes());
            assert_eq!(code.reveal(), highest);
            assert_eq!(draws, [0]);
            assert_eq!(fair % length.codes(), 0);
            assert!(u64::from(fair) + u64::from(length.codes()) > u64::from(u32::MAX));
            assert_eq!(10_u32.pow(u32::try_from(length.digits()).unwrap()), length.codes());
        }
    }

    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!(CodeDigits::draw(CodeLength::Six, || 42_u32.to_be_bytes()).reveal(), "000042");
        assert_eq!(CodeDigits::draw(CodeLength::Eight, || 42_u32.to_be_bytes()).reveal(), "00000042");
    }

    #[test]
    fn what_people_type_is_understood_and_nothing_else() {
        for text in ["123456", "123 456", "123-456", " 123456\n", "1 2 3 4 5 6"] {
            assert_eq!(CodeDigits::parse(text).unwrap().reveal(), "123456", "{text:?}");
        }
        for text in ["12345678", "1234 5678", "1234-5678 "] {
            assert_eq!(CodeDigits::parse(text).unwrap().reveal(), "12345678", "{text:?}");
        }
        for text in ["", "12345", "1234567", "123456789", "12345a", "１２３４５６", "123.456", "+12345"] {
            assert_eq!(CodeDigits::parse(text).unwrap_err().code, "code_format", "{text:?}");
        }
    }

    #[test]
    fn a_code_matches_itself_alone_and_is_not_printed() {
        let code = CodeDigits::parse("123456").unwrap();
        assert!(code.matches(&CodeDigits::parse("123456").unwrap()));
        for other in ["123457", "12345600", "00123456"] {
            assert!(!code.matches(&CodeDigits::parse(other).unwrap()), "{other}");
        }
        assert_eq!(format!("{code:?}"), "***");
    }
}
