//! Currencies by ISO 4217, and assets of the operator's own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::{Invalid, limits};

const CODE_BYTES: usize = 16;

/// A code by ISO 4217, such as `USD`, or of a custom asset: `[A-Z][A-Z0-9_]{2,15}`. Filled up with zero bytes, so that
/// the order of the bytes is that of the texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CurrencyCode([u8; CODE_BYTES]);

/// The number of decimal digits of the minor unit: 0 to `limits::CURRENCY_SCALE_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct CurrencyScale(u8);

/// A currency or custom asset. The scale is part of it: minor units mean nothing without it, and two records that
/// disagree on it are not of the same currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Currency {
    code: CurrencyCode,
    scale: CurrencyScale,
}

impl CurrencyCode {
    /// Checks the form alone, not whether there is such a currency. Lower case is refused.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bytes = text.as_bytes();
        let first_ok = bytes.first().is_some_and(u8::is_ascii_uppercase);
        let rest_ok = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
        if !(first_ok && rest_ok && (3..=CODE_BYTES).contains(&bytes.len())) {
            return Err(Invalid::new(
                "currency_format",
                "must be 3 to 16 characters: capital letters, digits or '_', beginning with a letter",
            ));
        }
        let mut code = [0; CODE_BYTES];
        for (to, from) in code.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(Self(code))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let filled = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(filled).unwrap_or_default()
    }

    /// Whether ISO 4217 lists the code, also for codes such as `XAU` and `XTS` that are no money: no asset may take
    /// such a code.
    pub fn is_iso(&self) -> bool {
        iso_currency::Currency::from_code(self.as_str()).is_some()
    }
}

impl fmt::Display for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<CurrencyCode> for String {
    fn from(code: CurrencyCode) -> Self {
        code.as_str().to_owned()
    }
}

impl TryFrom<String> for CurrencyCode {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl CurrencyScale {
    /// Checks the range.
    pub fn new(digits: u8) -> Result<Self, Invalid> {
        if digits > limits::CURRENCY_SCALE_MAX {
            return Err(Invalid::detailed("out_of_range", format!("must be at most {}", limits::CURRENCY_SCALE_MAX)));
        }
        Ok(Self(digits))
    }

    /// Digits behind the point.
    pub const fn digits(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for CurrencyScale {
    type Error = Invalid;
    fn try_from(digits: u8) -> Result<Self, Invalid> {
        Self::new(digits)
    }
}

impl From<CurrencyScale> for u8 {
    fn from(scale: CurrencyScale) -> Self {
        scale.0
    }
}

impl Currency {
    /// A currency by ISO 4217 with the exponent that it has there. `None`: not listed, or listed without an exponent,
    /// as metals and codes for tests are.
    pub fn iso(code: CurrencyCode) -> Option<Self> {
        let exponent = iso_currency::Currency::from_code(code.as_str())?.exponent()?;
        let scale = CurrencyScale::new(u8::try_from(exponent).ok()?).ok()?;
        Some(Self { code, scale })
    }

    /// A custom asset. `None`: the code is one of ISO 4217.
    pub fn asset(code: CurrencyCode, scale: CurrencyScale) -> Option<Self> {
        (!code.is_iso()).then_some(Self { code, scale })
    }

    /// The code.
    pub const fn code(self) -> CurrencyCode {
        self.code
    }

    /// Digits behind the point.
    pub const fn scale(self) -> CurrencyScale {
        self.scale
    }

    /// The decimal text of `minor` units, always with all digits behind the point: `12.30`, `-0.05`.
    pub fn format(self, minor: i128) -> String {
        let sign = if minor < 0 { "-" } else { "" };
        let scale = usize::from(self.scale.0);
        let digits = format!("{:0>width$}", minor.unsigned_abs(), width = scale.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}
