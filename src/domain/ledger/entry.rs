//! The entry record: one side of a posting, with the account's counters after it.

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

/// The effect of one posting on one account. Stored under `account | at | number`, so that a statement is a scan and a
/// balance at a time is one look-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub account: AccountId,
    /// The time of the transaction; never before the previous entry's.
    pub at: Timestamp,
    /// The number in the account, from 1 and without gaps.
    pub number: u64,
    pub transaction: TransactionId,
    /// The position of the posting in the transaction, from 0.
    pub posting: u16,
    /// Debit or credit of the account.
    pub side: EntrySide,
    pub amount: Amount,
    /// The account's counters after the entry.
    pub counters: AccountCounters,
}

/// Whether a balance at `at` can be answered: `at` is not after `now`, or not after the newest entry if that is later,
/// as after the clock was set back. The answer for a past time never changes.
pub fn check_reading_time(account: &Account, at: Timestamp, now: Timestamp) -> Result<(), LedgerRefusal> {
    let latest = now.max(account.last_entry_at);
    if at > latest { Err(LedgerRefusal::TimeAhead { latest }) } else { Ok(()) }
}
