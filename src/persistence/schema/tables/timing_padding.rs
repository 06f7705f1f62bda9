//! A row that means nothing: written where a commit must cost what another one costs, so that known and unknown
//! identifiers cannot be told apart by how long an answer takes.

use crate::persistence::machinery::{reader::TxFault, record::Record, table::Table, tx::Tx};

/// The row.
pub static TIMING_PADDING_BY_SLOT: Table<u8, TimingPadding> =
    Table::new(0x13, "timing_padding_by_slot", "for ever, 256 rows at most");

/// Random bytes, about as many as a code's record has.
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
