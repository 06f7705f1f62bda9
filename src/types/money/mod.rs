//! Money: currencies, amounts in integer minor units, their decimal text, and division without loss.
//!
//! Owns: amounts, their text form, and the division of a total. Must not know: accounts, payments, or where a currency
//! is used. Floating point is not used, and only `allocation.rs` rounds. Begin with `amount.rs`.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

pub mod allocation;
mod amount;
mod catalogue;
mod currency;

pub use allocation::{AllocationRefusal, BasisPoints, PercentageSplit};
pub use amount::{Amount, AmountBound, AmountRefusal};
pub use catalogue::{AssetSetting, CatalogueRefusal, CurrencyCatalogue};
pub use currency::{Currency, CurrencyCode, CurrencyScale};

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
