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
    User(UserId),
    /// The operator; the owner of every system account and of no other.
    System,
}

/// The movements that a freeze stops. Stored by position: new ones go to the end.
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
    Active,
    /// An administrator has stopped movements; a change of the owner's status does not lift the freeze.
    Frozen(FreezeScope),
    /// A closed account is never reopened.
    Closed {
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

/// The sums of an account's movements, in minor units, each 0 to `limits::COUNTER_MINOR_MAX`. The posted counters never
/// fall; the pending ones are the sums that active holds reserve, and fall when a hold ends.
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
    /// The balance: credits less debits.
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

    /// Whether the values that a posting on `side` raises are within their limits: the counter, and the balance.
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

/// The funds that can be debited now. Ordered: unlimited is more than any amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Available {
    /// A number of minor units; below zero only if the records are damaged.
    Minor(i128),
    /// Without a limit: a system account.
    Unlimited,
}

/// An account of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub owner: AccountOwner,
    /// What it is for.
    pub account_type: AccountType,
    /// Its currency, with the scale that was fixed at first use.
    pub currency: Currency,
    /// The unique alias; it stays reserved when the account is closed.
    pub alias: Option<AccountAlias>,
    /// The owner's name for the account.
    pub label: Option<AccountLabel>,
    /// Whether money may move.
    pub status: AccountStatus,
    /// The amount by which the balance may fall below zero; ignored for system accounts.
    pub credit_limit: AmountBound,
    /// The highest balance that a credit may lead to.
    pub max_balance: Option<AmountBound>,
    /// The sums of all movements.
    pub counters: AccountCounters,
    /// The number of entries, which is the number of the newest.
    pub entry_count: u64,
    /// The time of the newest entry, or of the opening while there is none.
    pub last_entry_at: Timestamp,
    /// The time of the opening.
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

    /// The funds that can be debited with `counters`: balance and credit limit, less the sum that holds reserve.
    pub fn available_with(&self, counters: &AccountCounters) -> Available {
        if self.is_system() {
            return Available::Unlimited;
        }
        let funds = counters.balance_minor().saturating_add(self.credit_limit.minor());
        Available::Minor(funds.saturating_sub(counters.debits_pending))
    }

    /// The funds that can be debited now.
    pub fn available(&self) -> Available {
        self.available_with(&self.counters)
    }

    /// Credits less debits, in minor units.
    pub fn balance_minor(&self) -> i128 {
        self.counters.balance_minor()
    }
}
