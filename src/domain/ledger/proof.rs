//! What must hold whatever was decided: checked on each commit's changes, and entry by entry.

use std::collections::BTreeMap;

use super::{Account, AccountCounters, AccountId, Available, LedgerEntry};
use crate::types::money::CurrencyCode;

/// An account as a commit found it and leaves it.
#[derive(Debug, Clone, Copy)]
pub struct AccountDelta<'a> {
    /// Before; `None`: the commit opened it.
    pub before: Option<&'a Account>,
    /// Afterwards.
    pub after: &'a Account,
}

/// A commit that must not be made: a rule of the ledger itself is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerBreach {
    /// An account changed what it never changes, or a counter that never falls fell.
    #[error("account {account} was changed in a way that no command does")]
    Altered {
        /// The account.
        account: AccountId,
    },
    /// Balance or counters are out of their range, or more is taken than may be.
    #[error("account {account} is past its limit")]
    PastLimit {
        /// The account.
        account: AccountId,
    },
    /// Debits and credits differ.
    #[error("the changes in {currency} do not balance: debits less credits are {posted} posted and {pending} pending")]
    Unbalanced {
        /// The currency.
        currency: CurrencyCode,
        /// Posted debits less posted credits, in minor units.
        posted: i128,
        /// The same of what is pending.
        pending: i128,
    },
}

/// What is wrong with an entry behind another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryBreach {
    /// Its number is not the next.
    #[error("entry {found} stands where entry {expected} should")]
    Number {
        /// The next number.
        expected: u64,
        /// The entry's.
        found: u64,
    },
    /// It is another account's.
    #[error("the entry is another account's")]
    Account,
    /// It is earlier than the one before.
    #[error("the entry is earlier than the one before it")]
    Time,
    /// Its counters are not those before with its amount added.
    #[error("the entry's counters do not follow from those before it")]
    Counters,
}

/// Checks the changes of a commit: for each currency debits and credits are equal, posted and pending ones, and no
/// account is past its limit.
pub fn check_commit(changes: &[AccountDelta<'_>]) -> Result<(), LedgerBreach> {
    let mut differences: BTreeMap<CurrencyCode, (i128, i128)> = BTreeMap::new();
    for AccountDelta { before, after } in changes {
        check_account(*before, after)?;
        let was = before.map(|before| before.counters).unwrap_or_default();
        let is = after.counters;
        let difference = |debits: [i128; 2], credits: [i128; 2]| {
            let [debit, credit] = [debits, credits].map(|[was, is]| is.saturating_sub(was));
            debit.saturating_sub(credit)
        };
        let (posted, pending) = differences.entry(after.currency.code()).or_default();
        let more = difference([was.debits_posted, is.debits_posted], [was.credits_posted, is.credits_posted]);
        *posted = posted.saturating_add(more);
        let more = difference([was.debits_pending, is.debits_pending], [was.credits_pending, is.credits_pending]);
        *pending = pending.saturating_add(more);
    }
    match differences.into_iter().find(|(_, difference)| *difference != (0, 0)) {
        Some((currency, (posted, pending))) => Err(LedgerBreach::Unbalanced { currency, posted, pending }),
        None => Ok(()),
    }
}

fn check_account(before: Option<&Account>, after: &Account) -> Result<(), LedgerBreach> {
    let account = after.id;
    if let Some(before) = before {
        let stays = before.id == after.id
            && before.owner == after.owner
            && before.account_type == after.account_type
            && before.currency == after.currency
            && before.opened_at == after.opened_at
            && (before.alias.is_none() || before.alias == after.alias);
        let rises = before.counters.debits_posted <= after.counters.debits_posted
            && before.counters.credits_posted <= after.counters.credits_posted
            && before.entry_count <= after.entry_count
            && before.last_entry_at <= after.last_entry_at;
        if !(stays && rises) {
            return Err(LedgerBreach::Altered { account });
        }
    }
    let is_above = after.max_balance.is_some_and(|most| after.balance_minor() > most.minor());
    if !after.counters.is_in_range() || is_above || after.available() < Available::Minor(0) {
        return Err(LedgerBreach::PastLimit { account });
    }
    Ok(())
}

/// Checks an entry against the one before it of the same account; `None`: it is the account's first. Pending counters
/// move without entries when holds end, so only the posted ones are compared.
pub fn check_entry(before: Option<&LedgerEntry>, entry: &LedgerEntry) -> Result<(), EntryBreach> {
    let (number, counters) = before.map_or((0, AccountCounters::default()), |before| (before.number, before.counters));
    let expected = number.saturating_add(1);
    if before.is_some_and(|before| before.account != entry.account) {
        return Err(EntryBreach::Account);
    }
    if entry.number != expected {
        return Err(EntryBreach::Number { expected, found: entry.number });
    }
    if before.is_some_and(|before| before.at > entry.at) {
        return Err(EntryBreach::Time);
    }
    let posted = |counters: AccountCounters| (counters.debits_posted, counters.credits_posted);
    if counters.after(entry.side, entry.amount).map(posted) != Some(posted(entry.counters)) {
        return Err(EntryBreach::Counters);
    }
    Ok(())
}
