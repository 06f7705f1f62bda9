//! A row without content, written where a commit must cost as much as another one, so that the response time does not
//! reveal whether an identifier is known.

use crate::persistence::machinery::{reader::TxFault, record::Record, table::Table, tx::Tx};

/// The row.
pub static TIMING_PADDING_BY_SLOT: Table<u8, TimingPadding> =
    Table::new(0x13, "timing_padding_by_slot", "permanently, 256 rows at most");

/// Random bytes, about as many as in the record of a code.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimingPadding(Vec<u8>);

impl Record for TimingPadding {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "timing_padding";
}

/// Writes the row.
pub fn leave(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    let [slot] = tx.random();
    let bytes: [u8; 128] = tx.random();
    tx.put(&TIMING_PADDING_BY_SLOT, &slot, &TimingPadding(bytes.to_vec()))
}
