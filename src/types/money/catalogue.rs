//! Which currencies there are: those of the configuration, and those that were ever used.

use std::collections::BTreeMap;

use super::{Currency, CurrencyCode, CurrencyScale};
use crate::types::Invalid;

/// A custom asset as the configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetSetting {
    /// Its code; never one of ISO 4217.
    pub code: CurrencyCode,
    /// Its digits behind the point.
    pub scale: CurrencyScale,
}

/// All currencies that accounts have or may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CurrencyCatalogue {
    /// The value says whether new accounts may have the currency.
    known: BTreeMap<CurrencyCode, (Currency, Use)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Configured,
    RecordedOnly,
}

/// Why the configured currencies cannot be used: the process must not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueRefusal {
    /// Not a currency by ISO 4217 with an exponent.
    #[error("{code} is not a currency of ISO 4217 that has minor units; a custom asset needs a scale")]
    NotIso { code: CurrencyCode },
    /// A custom asset under a code of ISO 4217.
    #[error("{code} is a code of ISO 4217 and cannot be a custom asset")]
    IsoCodeOfAsset { code: CurrencyCode },
    /// The scale of a custom asset is not that of its first use, so all its amounts would change.
    #[error(
        "{code} has been used with {} digits behind the point and cannot have {} now",
        recorded.digits(),
        configured.digits()
    )]
    ScaleChanged {
        code: CurrencyCode,
        /// At its first use.
        recorded: CurrencyScale,
        /// In the configuration.
        configured: CurrencyScale,
    },
}

impl CurrencyCatalogue {
    /// From the configured currencies and assets, and the `recorded` ones: as they were when they were first used. For
    /// a currency by ISO 4217 the recorded exponent holds, also if the list has changed since.
    pub fn new(
        currencies: &[CurrencyCode],
        assets: &[AssetSetting],
        recorded: &[Currency],
    ) -> Result<Self, CatalogueRefusal> {
        let mut known: BTreeMap<_, _> = recorded.iter().map(|used| (used.code(), (*used, Use::RecordedOnly))).collect();
        for &code in currencies {
            let from_iso = Currency::iso(code);
            let used = known.get(&code).map(|(currency, _)| *currency).filter(|_| code.is_iso());
            let currency = used.or(from_iso).ok_or(CatalogueRefusal::NotIso { code })?;
            known.insert(code, (currency, Use::Configured));
        }
        for &AssetSetting { code, scale } in assets {
            let asset = Currency::asset(code, scale).ok_or(CatalogueRefusal::IsoCodeOfAsset { code })?;
            let recorded = known.get(&code).map_or(scale, |(used, _)| used.scale());
            if recorded != scale {
                return Err(CatalogueRefusal::ScaleChanged { code, recorded, configured: scale });
            }
            known.insert(code, (asset, Use::Configured));
        }
        Ok(Self { known })
    }

    /// The currency of that code, in which there may be accounts already.
    pub fn find(&self, code: &str) -> Result<Currency, Invalid> {
        let found = CurrencyCode::parse(code).ok().and_then(|code| self.known.get(&code));
        found.map(|(currency, _)| *currency).ok_or(UNKNOWN)
    }

    /// The currency of that code, in which accounts may be opened.
    pub fn find_open(&self, code: &str) -> Result<Currency, Invalid> {
        let found = CurrencyCode::parse(code).ok().and_then(|code| self.known.get(&code));
        match found {
            Some((currency, Use::Configured)) => Ok(*currency),
            Some((_, Use::RecordedOnly)) => Err(Invalid::new("currency_closed", "no new accounts have this currency")),
            None => Err(UNKNOWN),
        }
    }

    /// All of them by code.
    pub fn iter(&self) -> impl Iterator<Item = Currency> + '_ {
        self.known.values().map(|(currency, _)| *currency)
    }
}

const UNKNOWN: Invalid =
    Invalid::new("unknown_currency", "must be the code of a currency or asset that is in use here, in capital letters");
