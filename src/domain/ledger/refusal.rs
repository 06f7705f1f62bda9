//! The refusals of the ledger.

use super::{AccountStatus, AccountType, EntrySide, FreezeScope, TransactionId};
use crate::types::{
    Timestamp,
    money::{AmountBound, Currency, CurrencyCode},
};

/// The part of a command that a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerPlace {
    /// The account of a command that names one account.
    Account,
    /// One side of a posting, by its position from 0. For a reversal it is the posting of the original transaction.
    Posting(usize, EntrySide),
}

impl LedgerPlace {
    /// A JSON pointer (RFC 6901) into a body with postings; empty for a command without postings.
    pub fn pointer(self) -> String {
        match self {
            Self::Account => String::new(),
            Self::Posting(position, _) => format!("/postings/{position}"),
        }
    }
}

/// Why a command is refused, in order of precedence: if several apply, the first is returned. A transaction is checked
/// in rounds: its form; then, in the order of its postings, everything about the payers; then, in the same order,
/// everything about the recipients, so that a payer without funds learns nothing about a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerRefusal {
    // -- the form of a transaction
    /// No postings, or more than the limit.
    #[error("a transaction has 1 to {most} postings, not {count}")]
    PostingCount {
        count: usize,
        /// The limit on postings.
        most: usize,
    },
    /// A posting from an account to itself.
    #[error("an account cannot be debited and credited by the same posting")]
    SameAccount { at: LedgerPlace },
    /// A user's transaction in several currencies.
    #[error("a transaction of a user has one currency: {first}, not also {found}")]
    SeveralCurrencies {
        /// The first posting that differs.
        at: LedgerPlace,
        /// The currency of the first posting.
        first: CurrencyCode,
        /// The currency of the posting that differs.
        found: CurrencyCode,
    },
    /// The author has used the reference before.
    #[error("the reference names another transaction already")]
    DuplicateReference {
        /// The transaction with this reference.
        existing: TransactionId,
    },

    // -- a reversal as a whole
    /// The author owns no account of the transaction.
    #[error("there is no such transaction")]
    TransactionNotFound,
    /// The author did not receive the money.
    #[error("only the recipient of the money can reverse a transaction")]
    ReversalForbidden,
    /// The transaction is a reversal itself.
    #[error("a reversal cannot be reversed")]
    ReversalOfReversal { reverses: TransactionId },
    /// The whole transaction was reversed before.
    #[error("the transaction was reversed before")]
    AlreadyReversed { by: TransactionId },

    // -- a new account
    /// Accounts of this type are not opened by a request.
    #[error("accounts of type {} are not opened by request", account_type.as_str())]
    TypeNotOpenable { account_type: AccountType },
    /// A field that only administrators may set.
    #[error("{member} is set by administrators")]
    AdministratorsOnly {
        /// The JSON member of the request's body.
        member: &'static str,
    },
    /// The request names no owner, and the author is not a user.
    #[error("an account needs an owner")]
    OwnerRequired,
    /// The owner has the highest number of accounts.
    #[error("a user has at most {most} accounts")]
    TooManyAccounts {
        /// The limit on accounts of a user, closed ones included.
        most: usize,
    },

    // -- an account, for any command: its rights, then its state
    /// The account does not exist, or the author may not see it.
    #[error("there is no such account")]
    AccountNotFound {
        /// The place in the command that names the account.
        at: LedgerPlace,
    },
    /// A system account, without the permission to issue money.
    #[error("system accounts need the permission issue_money")]
    SystemAccountReserved {
        /// The place in the command that names the account.
        at: LedgerPlace,
    },
    /// The command needs an operator's permission.
    #[error("this needs the permission operate_money")]
    OperatorsOnly,
    /// A system account cannot be frozen, closed, named or limited.
    #[error("a system account cannot be changed")]
    SystemAccountFixed,
    /// The author uses a permission that needs a reason.
    #[error("a reason is required")]
    ReasonRequired,
    /// The currency of the posting differs from the account's.
    #[error("the account's currency is {account}, not {posting}")]
    CurrencyMismatch {
        at: LedgerPlace,
        /// The currency of the account.
        account: CurrencyCode,
        /// The currency of the posting.
        posting: CurrencyCode,
    },
    /// The account is closed.
    #[error("the account is closed")]
    AccountClosed { at: LedgerPlace },
    /// The account is frozen.
    #[error("the account is frozen")]
    AccountFrozen {
        at: LedgerPlace,
        /// The movements that the freeze stops.
        scope: FreezeScope,
    },
    /// The owner of the account is locked or disabled, which stops debits.
    #[error("the owner of the account is locked or disabled")]
    OwnerSuspended { at: LedgerPlace },

    // -- amounts
    /// The condition `availableAtLeast` does not hold.
    #[error("less is available than the request asks for as its condition")]
    ConditionFailed {
        /// The account that is debited first.
        at: LedgerPlace,
        /// The available funds, in minor units.
        available_minor: i128,
        /// The amount in the condition.
        wanted: AmountBound,
        /// The currency of both amounts.
        currency: Currency,
    },
    /// The available funds are below the amount.
    #[error(
        "the account has {} {currency} available, and {} are required",
        currency.format(*available_minor),
        currency.format(*required_minor)
    )]
    InsufficientFunds {
        at: LedgerPlace,
        /// The available funds before the posting, in minor units.
        available_minor: i128,
        /// The amount of the posting, in minor units.
        required_minor: i128,
        /// The currency of both amounts.
        currency: Currency,
    },
    /// The credit would raise the balance above the account's limit. The figures belong to the recipient and are not
    /// returned.
    #[error("the recipient's account cannot take the amount")]
    MaxBalanceExceeded { at: LedgerPlace },
    /// A balance or counter would exceed its range.
    #[error("the balance would exceed the range of an account")]
    AmountOverflow { at: LedgerPlace },
    /// A recipient, named by user name, who cannot be paid for any reason.
    #[error("the recipient cannot be paid")]
    RecipientUnavailable { at: LedgerPlace },

    // -- changes of an account
    /// Another account has the alias, or had it.
    #[error("the alias is taken")]
    AliasTaken,
    /// The account has an alias, which is permanent.
    #[error("the account has an alias already, which cannot be changed")]
    AliasFixed,
    /// Holds are active on the account.
    #[error("the account has active holds")]
    HoldsActive,
    /// The account cannot be closed with this balance.
    #[error("the account's balance is {} {currency}, and must be zero", currency.format(*balance_minor))]
    AccountNotEmpty {
        /// The balance in minor units; negative if the owner owes money.
        balance_minor: i128,
        currency: Currency,
    },
    /// The credit limit would be below the credit in use.
    #[error("the credit limit must be at least {} {currency}, which is in use", currency.format(*used_minor))]
    CreditLimitInUse {
        /// The credit in use, in minor units.
        used_minor: i128,
        currency: Currency,
    },
    /// The limit on the balance would be below the balance.
    #[error("the highest balance must be at least {} {currency}, the present balance", currency.format(*balance_minor))]
    MaxBalanceBelowBalance {
        /// The balance in minor units.
        balance_minor: i128,
        currency: Currency,
    },

    // -- reading
    /// The requested time of a balance is in the future.
    #[error("the time must not be after {latest}")]
    TimeAhead {
        /// The latest time for which a balance can be answered.
        latest: Timestamp,
    },
}

impl LedgerRefusal {
    /// The code, which is stable and meant for programs.
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

    /// The part of the command that the refusal is about, if it is a posting or an account.
    pub fn place(mut self) -> Option<LedgerPlace> {
        self.place_mut().copied()
    }

    /// The same refusal with the positions of the postings mapped.
    pub(super) fn at_posting(mut self, renumber: impl Fn(usize) -> usize) -> Self {
        if let Some(LedgerPlace::Posting(position, _)) = self.place_mut() {
            *position = renumber(*position);
        }
        self
    }

    /// The refusal of a status that permits no debit (`EntrySide::Debit`) or no credit (`EntrySide::Credit`).
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
