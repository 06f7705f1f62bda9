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
    /// The alias.
    pub alias: AccountAlias,
    /// The account that has it, closed or not.
    pub taken_by: Option<AccountId>,
}

/// An account as it is asked for. The currency is one that the catalogue lets accounts be opened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// What it is for.
    pub account_type: AccountType,
    /// Its currency.
    pub currency: Currency,
    /// Whose it shall be; `None`: the author's.
    pub owner: Option<UserId>,
    /// What its owner calls it.
    pub label: Option<AccountLabel>,
    /// Its unique name.
    pub alias: Option<AliasClaim>,
    /// How far the balance may fall below zero; `None`: not at all.
    pub credit_limit: Option<AmountBound>,
    /// What a credit must not take the balance above.
    pub max_balance: Option<AmountBound>,
}

/// What a new account is given from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningStamp {
    /// Its id.
    pub id: AccountId,
    /// The time of the decision.
    pub now: Timestamp,
}

/// An account that every user is to have, by `payment.default_accounts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultAccount {
    /// Whose.
    pub owner: UserId,
    /// What it is for.
    pub account_type: AccountType,
    /// Its currency.
    pub currency: Currency,
}

/// What becomes of a default account that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultOpening {
    /// It is new: write it.
    Opened(Box<Account>),
    /// It is there.
    Exists,
    /// It was there and was closed; it is not opened again.
    ClosedBefore,
}

/// Opens an account, if nothing speaks against it. `owned` is how many the owner has, closed ones included.
///
/// Users open `wallet` and `savings`; other types, other owners and limits need `Operate`, an alias that or `Move`.
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

/// Opens a user's default account once, by its first use. `existing` is the account that has its alias. The number of
/// a user's accounts does not stop it.
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
