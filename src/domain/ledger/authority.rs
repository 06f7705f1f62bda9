//! The author of a command, and the accounts that the author may use.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Account, AccountOwner, LedgerPlace, LedgerRefusal, SystemAccount, TransactionKind};
use crate::types::id::UserId;

/// Who ordered a transaction. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransactionAuthor {
    /// A user, for themselves or by a permission.
    User(UserId),
    /// An operator at the command line.
    Operator,
    /// The product: settlement, upkeep.
    Product,
}

/// A permission that reaches beyond the author's own accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoneyPower {
    /// `operate_money`: any user's account, with a reason; the only one that also reverses, freezes and closes.
    Operate,
    /// `move_money`: debits any user's account.
    Move,
    /// `issue_money`: system accounts, with a reason.
    Issue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Given,
    NotGiven,
    NotNeeded,
}

/// The author of a command, the author's permissions, and whether a reason was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    author: TransactionAuthor,
    powers: BTreeSet<MoneyPower>,
    reason: Reason,
}

impl Authority {
    /// A user without permissions for other users' accounts.
    pub fn user(user: UserId) -> Self {
        Self { author: TransactionAuthor::User(user), powers: BTreeSet::new(), reason: Reason::NotGiven }
    }

    /// An operator at the command line: may operate and issue, with a reason.
    pub fn operator() -> Self {
        let powers = BTreeSet::from([MoneyPower::Operate, MoneyPower::Issue]);
        Self { author: TransactionAuthor::Operator, powers, reason: Reason::NotGiven }
    }

    /// The product itself, which needs no reason.
    pub fn product() -> Self {
        let powers = BTreeSet::from([MoneyPower::Operate, MoneyPower::Move, MoneyPower::Issue]);
        Self { author: TransactionAuthor::Product, powers, reason: Reason::NotNeeded }
    }

    /// With a further permission.
    pub fn with(mut self, power: MoneyPower) -> Self {
        self.powers.insert(power);
        self
    }

    /// With a reason, which the caller stores.
    pub fn with_reason(mut self) -> Self {
        self.reason = match self.reason {
            Reason::Given | Reason::NotGiven => Reason::Given,
            Reason::NotNeeded => Reason::NotNeeded,
        };
        self
    }

    /// The author for the record.
    pub fn author(&self) -> TransactionAuthor {
        self.author
    }

    /// Whether it has that permission.
    pub fn has(&self, power: MoneyPower) -> bool {
        self.powers.contains(&power)
    }

    /// Whether the author may use only the author's own accounts.
    pub fn is_plain_user(&self) -> bool {
        self.powers.is_empty()
    }

    /// The user who is the author.
    pub(super) fn user_id(&self) -> Option<UserId> {
        match self.author {
            TransactionAuthor::User(user) => Some(user),
            TransactionAuthor::Operator | TransactionAuthor::Product => None,
        }
    }

    /// Whether the account is the author's own.
    pub fn owns(&self, account: &Account) -> bool {
        match account.owner {
            AccountOwner::User(owner) => self.user_id() == Some(owner),
            AccountOwner::System => false,
        }
    }

    /// Whether the author may see the account; to others it does not exist.
    pub(super) fn sees(&self, account: &Account) -> bool {
        self.owns(account) || !self.is_plain_user()
    }

    /// Refuses a permission that needs a reason when none was given.
    pub(super) fn check_reason(&self) -> Result<(), LedgerRefusal> {
        match self.reason {
            Reason::Given | Reason::NotNeeded => Ok(()),
            Reason::NotGiven => Err(LedgerRefusal::ReasonRequired),
        }
    }

    /// Whether the author may debit the account.
    pub(super) fn check_debit(
        &self,
        account: &Account,
        kind: TransactionKind,
        at: LedgerPlace,
    ) -> Result<(), LedgerRefusal> {
        if account.is_system() {
            return self.check_system(account, kind, at);
        }
        if self.owns(account) || self.has(MoneyPower::Move) {
            return Ok(());
        }
        if self.has(MoneyPower::Operate) {
            return self.check_reason();
        }
        Err(LedgerRefusal::AccountNotFound { at })
    }

    /// Whether the author may credit the account: every user's account may be credited.
    pub(super) fn check_credit(
        &self,
        account: &Account,
        kind: TransactionKind,
        at: LedgerPlace,
    ) -> Result<(), LedgerRefusal> {
        if account.is_system() { self.check_system(account, kind, at) } else { Ok(()) }
    }

    fn check_system(&self, account: &Account, kind: TransactionKind, at: LedgerPlace) -> Result<(), LedgerRefusal> {
        if self.is_plain_user() {
            return Err(LedgerRefusal::AccountNotFound { at });
        }
        // A caller who may close the account may also move its balance to another account of its owner.
        let unclaimed = SystemAccount::Unclaimed.alias(account.currency.code());
        let is_swept_there = kind == TransactionKind::Sweep && account.alias.as_ref() == Some(&unclaimed);
        if self.has(MoneyPower::Issue) || (is_swept_there && self.has(MoneyPower::Operate)) {
            return self.check_reason();
        }
        Err(LedgerRefusal::SystemAccountReserved { at })
    }
}
