//! Changes of an account that move no money. All but the label need an operator's permission and a reason.

use super::{
    Account, AccountLabel, AccountStatus, AliasClaim, Authority, EntrySide, FreezeScope, LedgerPlace, LedgerRefusal,
    MoneyPower,
};
use crate::types::money::AmountBound;

/// The result of a change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// The account has this value already: nothing is written.
    Unchanged,
    /// The record after the change.
    Changed(Box<Account>),
}

/// Stops debits of the account, or all movements; also changes the scope of a freeze.
pub fn freeze(account: &Account, scope: FreezeScope, authority: &Authority) -> Result<AccountChange, LedgerRefusal> {
    check_operator(account, authority)?;
    Ok(changed(account, Account { status: AccountStatus::Frozen(scope), ..account.clone() }))
}

/// Ends a freeze.
pub fn unfreeze(account: &Account, authority: &Authority) -> Result<AccountChange, LedgerRefusal> {
    check_operator(account, authority)?;
    Ok(changed(account, Account { status: AccountStatus::Active, ..account.clone() }))
}

/// Sets the amount by which the balance may fall below zero; at least the credit in use.
pub fn set_credit_limit(
    account: &Account,
    limit: AmountBound,
    authority: &Authority,
) -> Result<AccountChange, LedgerRefusal> {
    check_operator(account, authority)?;
    let used_minor = account.counters.debits_pending.saturating_sub(account.balance_minor()).max(0);
    if limit.minor() < used_minor {
        return Err(LedgerRefusal::CreditLimitInUse { used_minor, currency: account.currency });
    }
    Ok(changed(account, Account { credit_limit: limit, ..account.clone() }))
}

/// Sets the highest balance that credits may lead to, at least the balance; `None`: no limit.
pub fn set_max_balance(
    account: &Account,
    most: Option<AmountBound>,
    authority: &Authority,
) -> Result<AccountChange, LedgerRefusal> {
    check_operator(account, authority)?;
    let balance_minor = account.balance_minor();
    if most.is_some_and(|most| most.minor() < balance_minor) {
        return Err(LedgerRefusal::MaxBalanceBelowBalance { balance_minor, currency: account.currency });
    }
    Ok(changed(account, Account { max_balance: most, ..account.clone() }))
}

/// Gives the account an alias, once.
pub fn assign_alias(
    account: &Account,
    claim: &AliasClaim,
    authority: &Authority,
) -> Result<AccountChange, LedgerRefusal> {
    check_operator(account, authority)?;
    if account.alias.as_ref() == Some(&claim.alias) {
        return Ok(AccountChange::Unchanged);
    }
    if account.alias.is_some() {
        return Err(LedgerRefusal::AliasFixed);
    }
    if claim.taken_by.is_some() {
        return Err(LedgerRefusal::AliasTaken);
    }
    Ok(changed(account, Account { alias: Some(claim.alias.clone()), ..account.clone() }))
}

/// Sets or removes the label. The owner may, and an author with `Operate`; no reason is needed.
pub fn relabel(
    account: &Account,
    label: Option<AccountLabel>,
    authority: &Authority,
) -> Result<AccountChange, LedgerRefusal> {
    if !authority.owns(account) {
        check_power(account, authority)?;
    }
    check_open(account)?;
    Ok(changed(account, Account { label, ..account.clone() }))
}

fn check_operator(account: &Account, authority: &Authority) -> Result<(), LedgerRefusal> {
    check_power(account, authority)?;
    authority.check_reason()?;
    check_open(account)
}

fn check_power(account: &Account, authority: &Authority) -> Result<(), LedgerRefusal> {
    if !authority.sees(account) {
        return Err(LedgerRefusal::AccountNotFound { at: LedgerPlace::Account });
    }
    if !authority.has(MoneyPower::Operate) {
        return Err(LedgerRefusal::OperatorsOnly);
    }
    if account.is_system() {
        return Err(LedgerRefusal::SystemAccountFixed);
    }
    Ok(())
}

/// A frozen account may be changed, a closed one may not.
fn check_open(account: &Account) -> Result<(), LedgerRefusal> {
    match account.status {
        AccountStatus::Active | AccountStatus::Frozen(_) => Ok(()),
        AccountStatus::Closed { .. } => {
            LedgerRefusal::of_status(account.status, EntrySide::Credit, LedgerPlace::Account)
        }
    }
}

fn changed(before: &Account, after: Account) -> AccountChange {
    if *before == after { AccountChange::Unchanged } else { AccountChange::Changed(Box::new(after)) }
}
