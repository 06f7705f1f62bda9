//! Invariants of the ledger, checked on the changes of each commit and on each entry.

use std::collections::BTreeMap;

use super::{Account, AccountCounters, AccountId, Available, LedgerEntry};
use crate::types::money::CurrencyCode;

/// An account before and after a commit.
#[derive(Debug, Clone, Copy)]
pub struct AccountDelta<'a> {
    /// The account before; `None`: the commit opened it.
    pub before: Option<&'a Account>,
    /// The account after the commit.
    pub after: &'a Account,
}

/// A commit that breaks a rule of the ledger and must not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerBreach {
    /// A field that never changes was changed, or a counter that never falls has fallen.
    #[error("account {account} was changed in a way that no command does")]
    Altered { account: AccountId },
    /// Balance or counters are out of their range, or the debits exceed the available funds.
    #[error("account {account} is past its limit")]
    PastLimit { account: AccountId },
    /// Debits and credits differ.
    #[error("the changes in {currency} do not balance: debits less credits are {posted} posted and {pending} pending")]
    Unbalanced {
        currency: CurrencyCode,
        /// Posted debits less posted credits, in minor units.
        posted: i128,
        /// Pending debits less pending credits, in minor units.
        pending: i128,
    },
}

/// The rule that an entry breaks, compared with the previous entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryBreach {
    /// The number is not the next one.
    #[error("entry {found} is in the place of entry {expected}")]
    Number { expected: u64, found: u64 },
    /// The entry belongs to another account.
    #[error("the entry is another account's")]
    Account,
    /// The time is before the previous entry's.
    #[error("the entry is earlier than the one before it")]
    Time,
    /// The counters are not the previous ones with the amount added.
    #[error("the entry's counters do not follow from those before it")]
    Counters,
}

/// Checks the changes of a commit: in each currency the debits equal the credits, posted and pending, and no account
/// exceeds its limit.
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

/// Checks an entry against the previous one of the same account; `None`: it is the first. Pending counters change
/// without entries when holds end, so only the posted ones are compared.
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
