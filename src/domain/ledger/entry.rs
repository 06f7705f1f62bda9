//! The entry record: one side of a posting, as the account saw it.

use serde::{Deserialize, Serialize};

use super::{Account, AccountCounters, AccountId, LedgerRefusal, TransactionId};
use crate::types::{Timestamp, money::Amount};

/// A side of a posting. Stored by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EntrySide {
    /// Takes from the balance.
    Debit,
    /// Adds to the balance.
    Credit,
}

/// What one posting did to one account. Kept under `account | at | number`, so that a statement is a scan and a balance
/// at a time is one look-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The account.
    pub account: AccountId,
    /// When its transaction was posted; never before the entry in front of it.
    pub at: Timestamp,
    /// 1 for the account's first entry, and without gaps.
    pub number: u64,
    /// The transaction.
    pub transaction: TransactionId,
    /// Which posting of the transaction, from 0.
    pub posting: u16,
    /// The account's side of it.
    pub side: EntrySide,
    /// How much.
    pub amount: Amount,
    /// The account's counters after it.
    pub counters: AccountCounters,
}

/// Whether a balance can be told for `at`: not after `now`, or after the newest entry if that is later, which it may
/// be once the clock was set back. What is told for a time before that never changes.
pub fn check_reading_time(account: &Account, at: Timestamp, now: Timestamp) -> Result<(), LedgerRefusal> {
    let latest = now.max(account.last_entry_at);
    if at > latest { Err(LedgerRefusal::TimeAhead { latest }) } else { Ok(()) }
}
