//! Amounts in minor units and the strict reading of their decimal text.

use serde::{Deserialize, Serialize};

use super::Currency;
use crate::types::{Invalid, limits};

/// Digits before the point at most: those of `limits::AMOUNT_MINOR_MAX`, less one.
const WHOLE_DIGITS_MAX: usize = 27;

/// An amount that is moved: 1 to `limits::AMOUNT_MINOR_MAX` minor units of a currency that is known from beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i128", into = "i128")]
pub struct Amount(i128);

/// A threshold that an amount or a balance is compared with, such as a credit limit: 0 to `limits::AMOUNT_MINOR_MAX`
/// minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "i128", into = "i128")]
pub struct AmountBound(i128);

/// Why a text or a number is not an amount. The first refusal that applies is returned, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AmountRefusal {
    /// Nothing was sent.
    #[error("must not be empty")]
    Empty,
    /// A character beyond ASCII, such as a full-width digit.
    #[error("must be written in ASCII digits")]
    NotAscii,
    /// Below zero.
    #[error("must not be negative; the debited and the credited account give the direction")]
    Negative,
    /// With an exponent, such as `1e3`.
    #[error("must be written out, without an exponent")]
    Exponent,
    /// `NaN` or an infinity.
    #[error("must be a finite number")]
    NotFinite,
    /// Not a decimal in any other way: signs, spaces, separators of thousands, a point without digits on both sides.
    #[error("must be a decimal such as 12.34: digits, and a point with digits on both sides of it")]
    NotDecimal,
    /// Zeros before the first digit.
    #[error("must not begin with needless zeros")]
    LeadingZero,
    /// More than `limits::AMOUNT_MINOR_MAX` minor units.
    #[error("is too large: at most 10^27 minor units, and at most 27 digits before the point")]
    TooLarge,
    /// More digits behind the point than the currency has; nothing is ever rounded.
    #[error("must have at most {scale} digits behind the point")]
    TooPrecise {
        /// The digits that the currency has.
        scale: u8,
    },
    /// Zero, where something must be moved.
    #[error("must be more than zero")]
    Zero,
}

impl AmountRefusal {
    /// Sent as a JSON number rather than a string. The text never reaches this parser: the edge refuses it by this.
    pub const NOT_A_STRING: Invalid =
        Invalid::new("amount_not_a_string", "must be a string such as \"12.34\": a JSON number may lose digits");

    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "amount_empty",
            Self::NotAscii => "amount_not_ascii",
            Self::Negative => "amount_negative",
            Self::Exponent => "amount_exponent",
            Self::NotFinite => "amount_not_finite",
            Self::NotDecimal => "amount_format",
            Self::LeadingZero => "amount_leading_zero",
            Self::TooLarge => "amount_too_large",
            Self::TooPrecise { .. } => "amount_precision",
            Self::Zero => "amount_zero",
        }
    }
}

impl From<AmountRefusal> for Invalid {
    fn from(refusal: AmountRefusal) -> Self {
        Self::detailed(refusal.code(), refusal.to_string())
    }
}

impl Amount {
    /// Reads a decimal by `^(0|[1-9]\d{0,26})(\.\d+)?$` with at most as many digits behind the point as `currency`
    /// has; refuses zero.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountRefusal> {
        parse_minor(text, currency.scale().digits()).and_then(Self::from_minor)
    }

    /// From minor units.
    pub const fn from_minor(minor: i128) -> Result<Self, AmountRefusal> {
        match minor {
            ..0 => Err(AmountRefusal::Negative),
            0 => Err(AmountRefusal::Zero),
            1..=limits::AMOUNT_MINOR_MAX => Ok(Self(minor)),
            _ => Err(AmountRefusal::TooLarge),
        }
    }

    /// Minor units: 1 to `limits::AMOUNT_MINOR_MAX`.
    pub const fn minor(self) -> i128 {
        self.0
    }
}

impl AmountBound {
    /// Zero minor units.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal as `Amount::parse` does, and accepts zero.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountRefusal> {
        parse_minor(text, currency.scale().digits()).and_then(Self::from_minor)
    }

    /// From minor units.
    pub const fn from_minor(minor: i128) -> Result<Self, AmountRefusal> {
        match minor {
            ..0 => Err(AmountRefusal::Negative),
            0..=limits::AMOUNT_MINOR_MAX => Ok(Self(minor)),
            _ => Err(AmountRefusal::TooLarge),
        }
    }

    /// Minor units: 0 to `limits::AMOUNT_MINOR_MAX`.
    pub const fn minor(self) -> i128 {
        self.0
    }
}

impl TryFrom<i128> for Amount {
    type Error = AmountRefusal;
    fn try_from(minor: i128) -> Result<Self, AmountRefusal> {
        Self::from_minor(minor)
    }
}

impl TryFrom<i128> for AmountBound {
    type Error = AmountRefusal;
    fn try_from(minor: i128) -> Result<Self, AmountRefusal> {
        Self::from_minor(minor)
    }
}

impl From<Amount> for i128 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl From<AmountBound> for i128 {
    fn from(bound: AmountBound) -> Self {
        bound.0
    }
}

/// The minor units of a decimal text: 0 to `limits::AMOUNT_MINOR_MAX`.
fn parse_minor(text: &str, scale: u8) -> Result<i128, AmountRefusal> {
    let Some((whole, fraction)) = decimal_parts(text) else {
        return Err(why_not_decimal(text));
    };
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(AmountRefusal::LeadingZero);
    }
    if whole.len() > WHOLE_DIGITS_MAX {
        return Err(AmountRefusal::TooLarge);
    }
    let missing = usize::from(scale).checked_sub(fraction.len()).ok_or(AmountRefusal::TooPrecise { scale })?;
    let zeros = std::iter::repeat_n(b'0', missing);
    let minor = whole.bytes().chain(fraction.bytes()).chain(zeros).try_fold(0_i128, |minor, digit| {
        let value = i128::from(digit.wrapping_sub(b'0'));
        minor.checked_mul(10).and_then(|minor| minor.checked_add(value))
    });
    minor.filter(|minor| *minor <= limits::AMOUNT_MINOR_MAX).ok_or(AmountRefusal::TooLarge)
}

/// The digits before and behind the point; `None`: not a plain decimal. Without a point there are none behind it.
fn decimal_parts(text: &str) -> Option<(&str, &str)> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => (digits(whole) && digits(fraction)).then_some((whole, fraction)),
        None => digits(text).then_some((text, "")),
    }
}

/// Names what is wrong with a text that is not a plain decimal.
fn why_not_decimal(text: &str) -> AmountRefusal {
    if text.is_empty() {
        return AmountRefusal::Empty;
    }
    if !text.is_ascii() {
        return AmountRefusal::NotAscii;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if ["nan", "inf", "infinity"].iter().any(|name| unsigned.eq_ignore_ascii_case(name)) {
        return AmountRefusal::NotFinite;
    }
    if text.starts_with('-') && decimal_parts(unsigned).is_some() {
        return AmountRefusal::Negative;
    }
    let exponent = unsigned.split_once(['e', 'E']).filter(|(mantissa, power)| {
        let power = power.strip_prefix(['-', '+']).unwrap_or(power);
        decimal_parts(mantissa).is_some() && decimal_parts(power).is_some_and(|(_, fraction)| fraction.is_empty())
    });
    if exponent.is_some() { AmountRefusal::Exponent } else { AmountRefusal::NotDecimal }
}
