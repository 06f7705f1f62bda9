//! New accounts: by request, by default, and those of the product.

use super::{
    Account, AccountAlias, AccountCounters, AccountId, AccountLabel, AccountOwner, AccountStatus, AccountType,
    Authority, LedgerRefusal, MoneyPower, SystemAccount,
};
use crate::types::{
    Timestamp,
    id::UserId,
    limits,
    money::{AmountBound, Currency},
};

/// An alias and whether it is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasClaim {
    pub alias: AccountAlias,
    /// The account that has it, closed or not.
    pub taken_by: Option<AccountId>,
}

/// A request for an account. The currency is one in which the catalogue permits new accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// What it is for.
    pub account_type: AccountType,
    pub currency: Currency,
    /// The owner; `None`: the author.
    pub owner: Option<UserId>,
    /// The owner's name for the account.
    pub label: Option<AccountLabel>,
    pub alias: Option<AliasClaim>,
    /// The amount by which the balance may fall below zero; `None`: zero.
    pub credit_limit: Option<AmountBound>,
    /// The highest balance that a credit may lead to.
    pub max_balance: Option<AmountBound>,
}

/// The id and the time of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningStamp {
    pub id: AccountId,
    /// The time of the decision.
    pub now: Timestamp,
}

/// An account that every user gets, by `payment.default_accounts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultAccount {
    pub owner: UserId,
    /// What it is for.
    pub account_type: AccountType,
    pub currency: Currency,
}

/// The state of a default account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultOpening {
    /// The account is new and must be written.
    Opened(Box<Account>),
    Exists,
    /// The account was closed; it is not opened again.
    ClosedBefore,
}

/// Opens an account. `owned` is the number of the owner's accounts, closed ones included.
///
/// Users open `wallet` and `savings`; other types, other owners and limits need `Operate`, an alias `Operate` or
/// `Move`.
pub fn open(
    command: &OpenAccount,
    authority: &Authority,
    owned: usize,
    stamp: OpeningStamp,
) -> Result<Account, LedgerRefusal> {
    check_members(command, authority)?;
    let owner = command.owner.or(authority.user_id()).ok_or(LedgerRefusal::OwnerRequired)?;
    let most = limits::ACCOUNTS_PER_USER;
    if owned >= most {
        return Err(LedgerRefusal::TooManyAccounts { most });
    }
    if command.alias.as_ref().is_some_and(|claim| claim.taken_by.is_some()) {
        return Err(LedgerRefusal::AliasTaken);
    }
    Ok(Account {
        alias: command.alias.as_ref().map(|claim| claim.alias.clone()),
        label: command.label.clone(),
        credit_limit: command.credit_limit.unwrap_or_default(),
        max_balance: command.max_balance,
        ..empty(AccountOwner::User(owner), command.account_type, command.currency, stamp)
    })
}

/// Opens a user's default account at its first use. `existing` is the account with its alias. The limit on a user's
/// accounts does not apply.
pub fn open_default(default: DefaultAccount, existing: Option<&Account>, stamp: OpeningStamp) -> DefaultOpening {
    let DefaultAccount { owner, account_type, currency } = default;
    match existing.map(|account| account.status) {
        Some(AccountStatus::Closed { .. }) => DefaultOpening::ClosedBefore,
        Some(AccountStatus::Active | AccountStatus::Frozen(_)) => DefaultOpening::Exists,
        None => DefaultOpening::Opened(Box::new(Account {
            alias: Some(AccountAlias::of_default(owner, account_type, currency.code())),
            ..empty(AccountOwner::User(owner), account_type, currency, stamp)
        })),
    }
}

/// A system account at its first use.
pub fn open_system(account: &SystemAccount, currency: Currency, stamp: OpeningStamp) -> Account {
    Account {
        alias: Some(account.alias(currency.code())),
        ..empty(AccountOwner::System, AccountType::System, currency, stamp)
    }
}

fn check_members(command: &OpenAccount, authority: &Authority) -> Result<(), LedgerRefusal> {
    let is_operator = authority.has(MoneyPower::Operate);
    let is_for_other = command.owner.is_some() && command.owner != authority.user_id();
    match command.account_type {
        AccountType::System => Err(LedgerRefusal::TypeNotOpenable { account_type: command.account_type }),
        AccountType::Wallet | AccountType::Savings | AccountType::Merchant => Ok(()),
    }?;
    let members = [
        ("type", command.account_type == AccountType::Merchant, is_operator),
        ("ownerId", is_for_other, is_operator),
        ("creditLimit", command.credit_limit.is_some(), is_operator),
        ("maxBalance", command.max_balance.is_some(), is_operator),
        ("alias", command.alias.is_some(), is_operator || authority.has(MoneyPower::Move)),
    ];
    match members.iter().find(|(_, is_set, is_allowed)| *is_set && !is_allowed) {
        Some((member, _, _)) => Err(LedgerRefusal::AdministratorsOnly { member }),
        None => Ok(()),
    }
}

fn empty(owner: AccountOwner, account_type: AccountType, currency: Currency, stamp: OpeningStamp) -> Account {
    Account {
        id: stamp.id,
        owner,
        account_type,
        currency,
        alias: None,
        label: None,
        status: AccountStatus::Active,
        credit_limit: AmountBound::ZERO,
        max_balance: None,
        counters: AccountCounters::default(),
        entry_count: 0,
        last_entry_at: stamp.now,
        opened_at: stamp.now,
    }
}
