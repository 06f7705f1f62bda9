//! Closing an account.

use super::{
    Account, AccountId, AccountStatus, Authority, EntrySide, InvolvedAccounts, LedgerPlace, LedgerRefusal, MoneyPower,
    Posted, PostingDraft, PostingRecipient, PostingStamp, TransactionKind,
    post::check_form,
    settle::{PostingPlan, settle},
};
use crate::types::money::Amount;

/// An account that is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseAccount {
    pub account: AccountId,
    /// The account that receives the balance. `None`: the balance must be zero.
    pub sweep_to: Option<PostingRecipient>,
}

/// The records that closing writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedAccount {
    pub account: Account,
    /// The transaction that moved the balance, if there was one; its `accounts` lacks the closed one.
    pub sweep: Option<Posted>,
}

/// Closes an account and moves its balance in the same decision.
///
/// The owner may, and an author with `Operate` and a reason. A frozen account is unfrozen first; active holds and a
/// negative balance are refused. A refusal of the sweep is at posting 0.
pub fn close(
    command: CloseAccount,
    authority: &Authority,
    involved: &InvolvedAccounts,
    stamp: PostingStamp,
) -> Result<ClosedAccount, LedgerRefusal> {
    let at = LedgerPlace::Account;
    let found = involved.get(command.account).filter(|found| authority.sees(&found.account));
    let account = &found.ok_or(LedgerRefusal::AccountNotFound { at })?.account;
    check_rights(account, authority)?;
    LedgerRefusal::of_status(account.status, EntrySide::Debit, at)?;
    if account.counters.debits_pending != 0 || account.counters.credits_pending != 0 {
        return Err(LedgerRefusal::HoldsActive);
    }
    let balance_minor = account.balance_minor();
    let (mut closed, sweep) = match (balance_minor, command.sweep_to) {
        (0, _) => (account.clone(), None),
        (1.., Some(target)) => {
            let mut posted = sweep(account, target, authority, (involved, stamp))?;
            let swept = posted.accounts.iter().position(|swept| swept.id == account.id);
            let account = swept.map_or_else(|| account.clone(), |position| posted.accounts.remove(position));
            (account, Some(posted))
        }
        (_, Some(_) | None) => {
            return Err(LedgerRefusal::AccountNotEmpty { balance_minor, currency: account.currency });
        }
    };
    closed.status = AccountStatus::Closed { at: closed.last_entry_at.max(stamp.now) };
    Ok(ClosedAccount { account: closed, sweep })
}

fn check_rights(account: &Account, authority: &Authority) -> Result<(), LedgerRefusal> {
    if account.is_system() {
        return Err(LedgerRefusal::SystemAccountFixed);
    }
    if authority.owns(account) {
        return Ok(());
    }
    if !authority.has(MoneyPower::Operate) {
        return Err(LedgerRefusal::OperatorsOnly);
    }
    authority.check_reason()
}

fn sweep(
    account: &Account,
    target: PostingRecipient,
    authority: &Authority,
    (involved, stamp): (&InvolvedAccounts, PostingStamp),
) -> Result<Posted, LedgerRefusal> {
    let overflow = LedgerRefusal::AmountOverflow { at: LedgerPlace::Account };
    let amount = Amount::from_minor(account.balance_minor()).map_err(|_| overflow)?;
    let postings = [PostingDraft { debit: Some(account.id), credit: target, amount, currency: account.currency }];
    check_form(&postings, authority)?;
    let plan = PostingPlan {
        kind: TransactionKind::Sweep,
        postings: &postings,
        available_at_least: None,
        reference: None,
        reverses: None,
    };
    settle(plan, authority, involved, stamp)
}
