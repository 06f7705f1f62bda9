//! Why the ledger says no.

use super::{AccountStatus, AccountType, EntrySide, FreezeScope, TransactionId};
use crate::types::{
    Timestamp,
    money::{AmountBound, Currency, CurrencyCode},
};

/// Which part of a command a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerPlace {
    /// The account that the command names as a whole.
    Account,
    /// One side of a posting, by its position from 0. For a reversal it is the posting of the original.
    Posting(usize, EntrySide),
}

impl LedgerPlace {
    /// A JSON pointer (RFC 6901) into a body with postings; empty for the command as a whole.
    pub fn pointer(self) -> String {
        match self {
            Self::Account => String::new(),
            Self::Posting(position, _) => format!("/postings/{position}"),
        }
    }
}

/// Why a command is refused. In order of precedence: of several that apply, the first is told. A transaction is judged
/// in rounds: its form; then in the order of its postings all that concerns the payers; then in the same order all that
/// concerns the recipients, so that nothing is learned about a recipient by who could not pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerRefusal {
    // -- the form of a transaction
    /// No postings, or too many.
    #[error("a transaction has 1 to {most} postings, not {count}")]
    PostingCount {
        /// The postings.
        count: usize,
        /// The most there may be.
        most: usize,
    },
    /// A posting from an account to itself.
    #[error("an account cannot be debited and credited by the same posting")]
    SameAccount {
        /// The posting.
        at: LedgerPlace,
    },
    /// A user's transaction in several currencies.
    #[error("a transaction of a user has one currency: {first}, not also {found}")]
    SeveralCurrencies {
        /// The first posting that differs.
        at: LedgerPlace,
        /// The currency of the first posting.
        first: CurrencyCode,
        /// That of the one that differs.
        found: CurrencyCode,
    },
    /// The author has used the reference before.
    #[error("the reference names another transaction already")]
    DuplicateReference {
        /// The transaction that has it.
        existing: TransactionId,
    },

    // -- a reversal as a whole
    /// The author has nothing to do with the transaction.
    #[error("there is no such transaction")]
    TransactionNotFound,
    /// The author did not receive the money.
    #[error("a transaction is reversed by who received the money")]
    ReversalForbidden,
    /// The transaction is a reversal itself.
    #[error("a reversal cannot be reversed")]
    ReversalOfReversal {
        /// What it reverses.
        reverses: TransactionId,
    },
    /// All of it was reversed before.
    #[error("the transaction was reversed before")]
    AlreadyReversed {
        /// The last reversal.
        by: TransactionId,
    },

    // -- a new account
    /// Accounts of that type are not opened by a request.
    #[error("accounts of type {} are not opened by request", account_type.as_str())]
    TypeNotOpenable {
        /// The type.
        account_type: AccountType,
    },
    /// What only administrators set.
    #[error("{member} is set by administrators")]
    AdministratorsOnly {
        /// The member of the request's body.
        member: &'static str,
    },
    /// Somebody must own the account.
    #[error("an account needs an owner")]
    OwnerRequired,
    /// The owner has as many accounts as one may have.
    #[error("a user has at most {most} accounts")]
    TooManyAccounts {
        /// The most there may be, closed ones included.
        most: usize,
    },

    // -- an account, for any command: its rights, then its state
    /// There is none, or none that the author may know of.
    #[error("there is no such account")]
    AccountNotFound {
        /// Where it is named.
        at: LedgerPlace,
    },
    /// A system account, without the permission to issue money.
    #[error("system accounts need the permission issue_money")]
    SystemAccountReserved {
        /// Where it is named.
        at: LedgerPlace,
    },
    /// The command is an operator's.
    #[error("this needs the permission operate_money")]
    OperatorsOnly,
    /// A system account cannot be frozen, closed, named or limited.
    #[error("a system account cannot be changed")]
    SystemAccountFixed,
    /// A permission was used that asks for a reason.
    #[error("a reason is required")]
    ReasonRequired,
    /// The posting's currency is not the account's.
    #[error("the account's currency is {account}, not {posting}")]
    CurrencyMismatch {
        /// The account.
        at: LedgerPlace,
        /// The currency of the account.
        account: CurrencyCode,
        /// The currency of the posting.
        posting: CurrencyCode,
    },
    /// The account is closed.
    #[error("the account is closed")]
    AccountClosed {
        /// The account.
        at: LedgerPlace,
    },
    /// The account is frozen.
    #[error("the account is frozen")]
    AccountFrozen {
        /// The account.
        at: LedgerPlace,
        /// What the freeze stops.
        scope: FreezeScope,
    },
    /// The account's owner is locked or disabled, which stops money going out.
    #[error("the owner of the account is locked or disabled")]
    OwnerSuspended {
        /// The account.
        at: LedgerPlace,
    },

    // -- amounts
    /// The condition `availableAtLeast` does not hold.
    #[error("less is available than the request asks for as its condition")]
    ConditionFailed {
        /// The account that is debited first.
        at: LedgerPlace,
        /// What is available, in minor units.
        available_minor: i128,
        /// What the condition asks for.
        wanted: AmountBound,
        /// Of both.
        currency: Currency,
    },
    /// The account cannot pay.
    #[error(
        "the account has {} {currency} available, and {} are required",
        currency.format(*available_minor),
        currency.format(*required_minor)
    )]
    InsufficientFunds {
        /// The account.
        at: LedgerPlace,
        /// What is available before the posting, in minor units.
        available_minor: i128,
        /// What the posting takes, in minor units.
        required_minor: i128,
        /// Of both.
        currency: Currency,
    },
    /// The credit would take the balance above the account's highest. The figures are the recipient's and not told.
    #[error("the recipient's account cannot take the amount")]
    MaxBalanceExceeded {
        /// The account.
        at: LedgerPlace,
    },
    /// A balance or counter would leave its range.
    #[error("the balance would be beyond what an account can hold")]
    AmountOverflow {
        /// The account.
        at: LedgerPlace,
    },
    /// A recipient named by user name who cannot be paid, for whatever reason.
    #[error("the recipient cannot be paid")]
    RecipientUnavailable {
        /// The posting.
        at: LedgerPlace,
    },

    // -- changes of an account
    /// The alias is another account's, or was.
    #[error("the alias is taken")]
    AliasTaken,
    /// The account has an alias, which stays.
    #[error("the account has an alias already, which cannot be changed")]
    AliasFixed,
    /// Holds are active on the account.
    #[error("the account has active holds")]
    HoldsActive,
    /// The account cannot be closed with that balance.
    #[error("the account's balance is {} {currency}, and must be zero", currency.format(*balance_minor))]
    AccountNotEmpty {
        /// The balance in minor units; below zero it is owed.
        balance_minor: i128,
        /// Its currency.
        currency: Currency,
    },
    /// The credit limit would be below what is used of it.
    #[error("the credit limit must be at least {} {currency}, which are in use", currency.format(*used_minor))]
    CreditLimitInUse {
        /// What is used, in minor units.
        used_minor: i128,
        /// Its currency.
        currency: Currency,
    },
    /// The highest balance would be below the balance.
    #[error("the highest balance must be at least {} {currency}, which are there", currency.format(*balance_minor))]
    MaxBalanceBelowBalance {
        /// The balance in minor units.
        balance_minor: i128,
        /// Its currency.
        currency: Currency,
    },

    // -- reading
    /// A balance was asked for at a time that is not over.
    #[error("the time must not be after {latest}")]
    TimeAhead {
        /// The latest time there is an answer for.
        latest: Timestamp,
    },
}

impl LedgerRefusal {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PostingCount { .. } => "posting_count",
            Self::SameAccount { .. } => "same_account",
            Self::SeveralCurrencies { .. } => "several_currencies",
            Self::DuplicateReference { .. } => "duplicate_reference",
            Self::TransactionNotFound => "transaction_not_found",
            Self::ReversalForbidden => "reversal_forbidden",
            Self::ReversalOfReversal { .. } => "reversal_of_reversal",
            Self::AlreadyReversed { .. } => "already_reversed",
            Self::TypeNotOpenable { .. } => "account_type_not_openable",
            Self::AdministratorsOnly { .. } => "administrators_only",
            Self::OwnerRequired => "owner_required",
            Self::TooManyAccounts { .. } => "too_many_accounts",
            Self::AccountNotFound { .. } => "account_not_found",
            Self::SystemAccountReserved { .. } => "system_account_reserved",
            Self::OperatorsOnly => "operators_only",
            Self::SystemAccountFixed => "system_account_fixed",
            Self::ReasonRequired => "reason_required",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::AccountClosed { .. } => "account_closed",
            Self::AccountFrozen { .. } => "account_frozen",
            Self::OwnerSuspended { .. } => "owner_suspended",
            Self::ConditionFailed { .. } => "condition_failed",
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::MaxBalanceExceeded { .. } => "max_balance_exceeded",
            Self::AmountOverflow { .. } => "amount_overflow",
            Self::RecipientUnavailable { .. } => "recipient_unavailable",
            Self::AliasTaken => "alias_taken",
            Self::AliasFixed => "alias_fixed",
            Self::HoldsActive => "holds_active",
            Self::AccountNotEmpty { .. } => "account_not_empty",
            Self::CreditLimitInUse { .. } => "credit_limit_in_use",
            Self::MaxBalanceBelowBalance { .. } => "max_balance_below_balance",
            Self::TimeAhead { .. } => "time_ahead",
        }
    }

    /// The part of the command that it is about, where that is a posting or an account.
    pub fn place(mut self) -> Option<LedgerPlace> {
        self.place_mut().copied()
    }

    /// The same refusal with the postings counted otherwise.
    pub(super) fn at_posting(mut self, renumber: impl Fn(usize) -> usize) -> Self {
        if let Some(LedgerPlace::Posting(position, _)) = self.place_mut() {
            *position = renumber(*position);
        }
        self
    }

    /// The refusal of a status that lets no money out (`EntrySide::Debit`) or in (`EntrySide::Credit`).
    pub(super) fn of_status(status: AccountStatus, side: EntrySide, at: LedgerPlace) -> Result<(), Self> {
        match (status, side) {
            (AccountStatus::Closed { .. }, EntrySide::Debit | EntrySide::Credit) => Err(Self::AccountClosed { at }),
            (AccountStatus::Frozen(scope), EntrySide::Debit)
            | (AccountStatus::Frozen(scope @ FreezeScope::All), EntrySide::Credit) => {
                Err(Self::AccountFrozen { at, scope })
            }
            (AccountStatus::Frozen(FreezeScope::Debits), EntrySide::Credit)
            | (AccountStatus::Active, EntrySide::Debit | EntrySide::Credit) => Ok(()),
        }
    }

    fn place_mut(&mut self) -> Option<&mut LedgerPlace> {
        match self {
            Self::SameAccount { at }
            | Self::SeveralCurrencies { at, .. }
            | Self::AccountNotFound { at }
            | Self::SystemAccountReserved { at }
            | Self::CurrencyMismatch { at, .. }
            | Self::AccountClosed { at }
            | Self::AccountFrozen { at, .. }
            | Self::OwnerSuspended { at }
            | Self::ConditionFailed { at, .. }
            | Self::InsufficientFunds { at, .. }
            | Self::MaxBalanceExceeded { at }
            | Self::AmountOverflow { at }
            | Self::RecipientUnavailable { at } => Some(at),
            Self::PostingCount { .. }
            | Self::DuplicateReference { .. }
            | Self::TransactionNotFound
            | Self::ReversalForbidden
            | Self::ReversalOfReversal { .. }
            | Self::AlreadyReversed { .. }
            | Self::TypeNotOpenable { .. }
            | Self::AdministratorsOnly { .. }
            | Self::OwnerRequired
            | Self::TooManyAccounts { .. }
            | Self::OperatorsOnly
            | Self::SystemAccountFixed
            | Self::ReasonRequired
            | Self::AliasTaken
            | Self::AliasFixed
            | Self::HoldsActive
            | Self::AccountNotEmpty { .. }
            | Self::CreditLimitInUse { .. }
            | Self::MaxBalanceBelowBalance { .. }
            | Self::TimeAhead { .. } => None,
        }
    }
}
