//! Wrong codes of an hour, of the whole installation and by domain.

use crate::{
    domain::otp::RefusedCodes,
    persistence::machinery::{
        reader::{Reader, TxFault},
        record::Record,
        table::Table,
        tx::Tx,
    },
};

/// The counts; slot 0 is the installation's.
pub static REFUSED_CODES_BY_SLOT: Table<u64, RefusedCodes> =
    Table::new(0x2e, "refused_codes_by_slot", "permanently, 1,025 rows at most");

/// Domains share this many slots, so that the rows are bounded. Two domains of one slot share its ceiling.
const DOMAIN_SLOTS: u32 = 1_024;

impl Record for RefusedCodes {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "refused_codes";
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
            Self::Domain(domain) => u64::from(crc32c::crc32c(domain.to_lowercase().as_bytes()) % DOMAIN_SLOTS) + 1,
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
