//! The last backward acceptance of a time.

use crate::{
    domain::operations::ClockAcceptance,
    persistence::machinery::{
        reader::{Reader, TxFault},
        record::Record,
        table::Table,
        tx::Tx,
    },
};

/// The record, in slot 0.
pub static CLOCK_ACCEPTANCE_BY_SLOT: Table<u8, ClockAcceptance> =
    Table::new(0x3c, "clock_acceptance_by_slot", "permanently, one row");

const SLOT: u8 = 0;

impl Record for ClockAcceptance {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "clock_acceptance";
}

/// The last backward acceptance, if there was one.
pub fn find(reader: &impl Reader) -> Result<Option<ClockAcceptance>, TxFault> {
    reader.get(&CLOCK_ACCEPTANCE_BY_SLOT, &SLOT)
}

/// Writes the last backward acceptance.
pub fn put(tx: &mut Tx<'_>, acceptance: &ClockAcceptance) -> Result<(), TxFault> {
    tx.put(&CLOCK_ACCEPTANCE_BY_SLOT, &SLOT, acceptance)
}
