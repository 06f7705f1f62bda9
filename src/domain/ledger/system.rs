//! Accounts that belong to no user: sources of money and intermediate accounts.

use super::{AccountAlias, ProviderName};
use crate::types::money::CurrencyCode;

/// A system account of one currency. It has no credit limit, is created at its first use, and is never frozen, closed
/// or limited.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemAccount {
    /// Money outside: debited when an operator issues money, credited when it is taken back.
    World,
    /// The account of the operator's earnings.
    Fees,
    /// Money whose intended account could not be credited.
    Suspense,
    /// The operator's account at a bank.
    Bank,
    /// Exchange between two currencies.
    Fx,
    /// Balances of accounts whose owners were deleted.
    Unclaimed,
    /// Money that a provider holds for the operator.
    Clearing(ProviderName),
    /// Money that a provider took back while a dispute is open.
    Disputes(ProviderName),
    /// The fees of a provider.
    ProviderFees(ProviderName),
}

impl SystemAccount {
    /// The alias in `currency`, e.g. `system:world:USD`.
    pub fn alias(&self, currency: CurrencyCode) -> AccountAlias {
        let name = match self {
            Self::World => "world",
            Self::Fees => "fees",
            Self::Suspense => "suspense",
            Self::Bank => "bank",
            Self::Fx => "fx",
            Self::Unclaimed => "unclaimed",
            Self::Clearing(provider) => &format!("clearing:{provider}"),
            Self::Disputes(provider) => &format!("disputes:{provider}"),
            Self::ProviderFees(provider) => &format!("provider-fees:{provider}"),
        };
        AccountAlias::built_in(format!("system:{name}:{currency}"))
    }

    /// The account and the currency that an alias names; `None`: it names no system account.
    pub fn named(alias: &AccountAlias) -> Option<(Self, CurrencyCode)> {
        let (name, currency) = alias.as_str().strip_prefix("system:")?.rsplit_once(':')?;
        let currency = CurrencyCode::parse(currency).ok()?;
        let account = match name.split_once(':') {
            None => match name {
                "world" => Self::World,
                "fees" => Self::Fees,
                "suspense" => Self::Suspense,
                "bank" => Self::Bank,
                "fx" => Self::Fx,
                "unclaimed" => Self::Unclaimed,
                _ => return None,
            },
            Some((name, provider)) => {
                let provider = ProviderName::parse(provider).ok()?;
                match name {
                    "clearing" => Self::Clearing(provider),
                    "disputes" => Self::Disputes(provider),
                    "provider-fees" => Self::ProviderFees(provider),
                    _ => return None,
                }
            }
        };
        Some((account, currency))
    }
}
