//! Wrong codes of an hour, of the whole installation and by domain, and what each network has caused of them.

use super::TICK;
use crate::{
    domain::otp::{NetworkRefusedCodes, RefusedCodes},
    persistence::machinery::{
        reader::{Reader, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{Network, Timestamp, limits},
};

/// The counts; slot 0 is the installation's.
pub static REFUSED_CODES_BY_SLOT: Table<u64, RefusedCodes> =
    Table::new(0x2e, "refused_codes_by_slot", "permanently, 1,025 rows at most");
/// The counts by network, under the start of the hour of the slot's count.
pub static REFUSED_CODES_BY_NETWORK: Table<(Timestamp, u64, Network), NetworkRefusedCodes> =
    Table::new(0x2f, "refused_codes_by_network", "1 h");

impl Record for RefusedCodes {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "refused_codes";
}

impl Record for NetworkRefusedCodes {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "network_refused_codes";
}

/// Where wrong codes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalScope<'a> {
    /// All codes of the installation.
    All,
    /// The addresses of one domain.
    Domain(&'a str),
}

impl RefusalScope<'_> {
    fn slot(self) -> u64 {
        match self {
            Self::All => 0,
            Self::Domain(domain) => {
                let hash = crc32c::crc32c(domain.to_lowercase().as_bytes());
                u64::from(hash % limits::REFUSED_CODES_DOMAINS) + 1
            }
        }
    }
}

/// The count of a scope.
pub fn find(reader: &impl Reader, scope: RefusalScope<'_>) -> Result<Option<RefusedCodes>, TxFault> {
    reader.get(&REFUSED_CODES_BY_SLOT, &scope.slot())
}

/// Writes the count of a scope.
pub fn put(tx: &mut Tx<'_>, scope: RefusalScope<'_>, refused: &RefusedCodes) -> Result<(), TxFault> {
    tx.put(&REFUSED_CODES_BY_SLOT, &scope.slot(), refused)
}

/// What a network has caused of the count of a scope.
pub fn of_network(
    reader: &impl Reader,
    (scope, refused): (RefusalScope<'_>, &RefusedCodes),
    network: Network,
) -> Result<NetworkRefusedCodes, TxFault> {
    Ok(reader.get(&REFUSED_CODES_BY_NETWORK, &(refused.since, scope.slot(), network))?.unwrap_or_default())
}

/// Writes what a network has caused of the count of a scope.
pub fn put_of_network(
    tx: &mut Tx<'_>,
    (scope, refused): (RefusalScope<'_>, &RefusedCodes),
    (network, caused): (Network, &NetworkRefusedCodes),
) -> Result<(), TxFault> {
    tx.put(&REFUSED_CODES_BY_NETWORK, &(refused.since, scope.slot(), network), caused)
}

/// Removes the counts of networks whose hour is over, and those of an hour that begins later than now, which no count
/// of a slot names after an operator has accepted an earlier time; at most `limit`. Returns their number.
pub fn remove_ended(tx: &mut Tx<'_>, limit: usize) -> Result<usize, TxFault> {
    let first_of = |begin: Timestamp| (begin.plus(TICK), 0, Network::UNKNOWN);
    let over = Scan::below(&first_of(RefusedCodes::is_over_since(tx.now()))).limit(limit);
    let mut ended = tx.keys(&REFUSED_CODES_BY_NETWORK, over)?;
    let later = Scan::all().after(&first_of(tx.now())).limit(limit - ended.len());
    ended.extend(tx.keys(&REFUSED_CODES_BY_NETWORK, later)?);
    for key in &ended {
        tx.delete(&REFUSED_CODES_BY_NETWORK, key)?;
    }
    Ok(ended.len())
}
