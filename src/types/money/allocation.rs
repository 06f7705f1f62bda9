//! Division of an amount into parts that add up to it. The only place where money is rounded.

use super::Amount;
use crate::types::{Invalid, limits};

const WHOLE: i128 = 10_000;

/// A part of a whole in hundredths of a percent: 0 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct BasisPoints(u16);

/// An amount in two parts, each 0 or more minor units, which add up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentageSplit {
    /// The percentage, rounded half to even.
    pub part_minor: i128,
    /// The whole less the part.
    pub rest_minor: i128,
}

/// Why an amount cannot be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllocationRefusal {
    /// No parts, or more than `limits::ALLOCATION_PARTS_MAX`.
    #[error("{count} parts; there must be 1 to {}", limits::ALLOCATION_PARTS_MAX)]
    PartCount { count: usize },
    /// Every weight is zero.
    #[error("one weight at least must be more than zero")]
    NoWeight,
}

impl BasisPoints {
    /// Checks the range.
    pub fn new(points: u16) -> Result<Self, Invalid> {
        if i128::from(points) > WHOLE {
            return Err(Invalid::new("out_of_range", "must be at most 10000 basis points"));
        }
        Ok(Self(points))
    }

    /// Hundredths of a percent.
    pub const fn points(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for BasisPoints {
    type Error = Invalid;
    fn try_from(points: u16) -> Result<Self, Invalid> {
        Self::new(points)
    }
}

impl From<BasisPoints> for u16 {
    fn from(points: BasisPoints) -> Self {
        points.0
    }
}

/// Divides `total` by `weights`, in minor units: each part gets its share rounded down, and the rest is added one unit
/// at a time to the largest remainders, the earlier part first among equals. The parts add up to `total`.
pub fn allocate(total: Amount, weights: &[u32]) -> Result<Vec<i128>, AllocationRefusal> {
    let count = weights.len();
    if !(1..=limits::ALLOCATION_PARTS_MAX).contains(&count) {
        return Err(AllocationRefusal::PartCount { count });
    }
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    // At most 10^27 * 2^32, which is less than 2^122: the products below cannot overflow.
    let product = |weight: u32| total.minor().saturating_mul(i128::from(weight));
    let share = |weight: u32| product(weight).checked_div(sum).ok_or(AllocationRefusal::NoWeight);
    let mut parts = weights.iter().map(|weight| share(*weight)).collect::<Result<Vec<_>, _>>()?;
    let left = total.minor().saturating_sub(parts.iter().sum());

    let mut by_remainder: Vec<usize> = (0..count).collect();
    let remainder = |at: &usize| weights.get(*at).and_then(|weight| product(*weight).checked_rem(sum));
    by_remainder.sort_by(|a, b| remainder(b).cmp(&remainder(a)).then(a.cmp(b)));
    // Fewer than `count` units are left, since each part lost less than one.
    for at in by_remainder.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        if let Some(part) = parts.get_mut(at) {
            *part = part.saturating_add(1);
        }
    }
    Ok(parts)
}

/// A percentage of `total`, rounded half to even, and the rest of it.
pub fn split_percentage(total: Amount, points: BasisPoints) -> PercentageSplit {
    // At most 10^27 * 10^4.
    let product = total.minor().saturating_mul(i128::from(points.0));
    let (floor, remainder) = (product.div_euclid(WHOLE), product.rem_euclid(WHOLE));
    let is_up = match remainder.saturating_mul(2).cmp(&WHOLE) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => floor.rem_euclid(2) == 1,
        std::cmp::Ordering::Greater => true,
    };
    let part_minor = floor.saturating_add(i128::from(is_up));
    PercentageSplit { part_minor, rest_minor: total.minor().saturating_sub(part_minor) }
}
