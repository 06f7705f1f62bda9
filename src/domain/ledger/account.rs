//! The account record.

use serde::{Deserialize, Serialize};

use super::{AccountAlias, AccountId, AccountLabel, EntrySide};
use crate::types::{
    Timestamp,
    id::UserId,
    limits,
    money::{Amount, AmountBound, Currency},
};

/// What an account is for. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccountType {
    /// A user's money for daily use.
    Wallet,
    /// A user's money that is put aside.
    Savings,
    /// Takes payments of others; opened by administrators.
    Merchant,
    /// The operator's own; see `SystemAccount`.
    System,
}

impl AccountType {
    /// The name on the wire and in aliases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Savings => "savings",
            Self::Merchant => "merchant",
            Self::System => "system",
        }
    }
}

/// Whose an account is. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccountOwner {
    /// A user's.
    User(UserId),
    /// The operator's: of every system account and of no other.
    System,
}

/// What a freeze stops. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FreezeScope {
    /// Debits, new holds and reversals out of the account.
    Debits,
    /// Those, and credits, captures, voids and expiry as well.
    All,
}

impl FreezeScope {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debits => "debits",
            Self::All => "all",
        }
    }
}

/// Whether money may move. Stored by position: new ones go to the end.
///
/// ```text
///            freeze               close, with a balance of zero
/// [active] ----------> [frozen]   active ----------> [closed]
///     ^    <----------    |
///     |     unfreeze      |
///     '---- another scope-'  (frozen -> frozen)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccountStatus {
    /// It may.
    Active,
    /// An administrator has stopped it; survives what becomes of the owner.
    Frozen(FreezeScope),
    /// For good.
    Closed {
        /// Since when.
        at: Timestamp,
    },
}

impl AccountStatus {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Frozen(_) => "frozen",
            Self::Closed { .. } => "closed",
        }
    }
}

/// What went through an account, in minor units, each 0 to `limits::COUNTER_MINOR_MAX`. The posted counters never
/// fall; the pending ones are what active holds reserve and fall when a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct AccountCounters {
    /// The sum of all debits.
    pub debits_posted: i128,
    /// The sum of all credits.
    pub credits_posted: i128,
    /// Reserved by holds to be debited.
    pub debits_pending: i128,
    /// Reserved by holds to be credited.
    pub credits_pending: i128,
}

impl AccountCounters {
    /// Credits less debits.
    pub const fn balance_minor(&self) -> i128 {
        self.credits_posted.saturating_sub(self.debits_posted)
    }

    /// After `amount` was posted on `side`; `None`: past the end of `i128`.
    pub fn after(self, side: EntrySide, amount: Amount) -> Option<Self> {
        Some(match side {
            EntrySide::Debit => Self { debits_posted: self.debits_posted.checked_add(amount.minor())?, ..self },
            EntrySide::Credit => Self { credits_posted: self.credits_posted.checked_add(amount.minor())?, ..self },
        })
    }

    /// Whether what a posting on `side` raises is within its limits: the counter, and the balance in that direction.
    pub fn is_in_range_on(&self, side: EntrySide) -> bool {
        match side {
            EntrySide::Debit => {
                self.debits_posted <= limits::COUNTER_MINOR_MAX && self.balance_minor() >= -limits::AMOUNT_MINOR_MAX
            }
            EntrySide::Credit => {
                self.credits_posted <= limits::COUNTER_MINOR_MAX && self.balance_minor() <= limits::AMOUNT_MINOR_MAX
            }
        }
    }

    /// Whether all counters and the balance are within their limits.
    pub fn is_in_range(&self) -> bool {
        let counters = [self.debits_posted, self.credits_posted, self.debits_pending, self.credits_pending];
        counters.iter().all(|counter| (0..=limits::COUNTER_MINOR_MAX).contains(counter))
            && self.is_in_range_on(EntrySide::Debit)
            && self.is_in_range_on(EntrySide::Credit)
    }
}

/// How much may be debited now. Ordered: unlimited is more than any amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Available {
    /// So many minor units; below zero only in damaged books.
    Minor(i128),
    /// Without a limit: a system account.
    Unlimited,
}

/// An account of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id.
    pub id: AccountId,
    /// Whose it is.
    pub owner: AccountOwner,
    /// What it is for.
    pub account_type: AccountType,
    /// Its currency, with the scale that was fixed at first use.
    pub currency: Currency,
    /// Its unique name, if it was given one; kept when the account is closed.
    pub alias: Option<AccountAlias>,
    /// What its owner calls it.
    pub label: Option<AccountLabel>,
    /// Whether money may move.
    pub status: AccountStatus,
    /// How far the balance may fall below zero; without meaning for system accounts.
    pub credit_limit: AmountBound,
    /// What a credit must not take the balance above.
    pub max_balance: Option<AmountBound>,
    /// What went through it.
    pub counters: AccountCounters,
    /// The entries so far; the number of the newest.
    pub entry_count: u64,
    /// The time of the newest entry; when there is none, that of the opening.
    pub last_entry_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Account {
    /// Whether it is one of `SystemAccount`.
    pub fn is_system(&self) -> bool {
        match self.owner {
            AccountOwner::System => true,
            AccountOwner::User(_) => false,
        }
    }

    /// What may be debited when the counters are `counters`: balance and credit limit, less what holds reserve.
    pub fn available_with(&self, counters: &AccountCounters) -> Available {
        if self.is_system() {
            return Available::Unlimited;
        }
        let funds = counters.balance_minor().saturating_add(self.credit_limit.minor());
        Available::Minor(funds.saturating_sub(counters.debits_pending))
    }

    /// What may be debited now.
    pub fn available(&self) -> Available {
        self.available_with(&self.counters)
    }

    /// Credits less debits, in minor units.
    pub fn balance_minor(&self) -> i128 {
        self.counters.balance_minor()
    }
}
