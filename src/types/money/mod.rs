//! Money: currencies, amounts in integer minor units, their decimal text, and division without loss.
//!
//! Owns: what an amount is, how it is read and written, and how a total is divided. Must not know: accounts, payments,
//! or where a currency is used. There is no floating point here and nothing rounds but `allocation.rs`.
//! Begin with `amount.rs`.
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
