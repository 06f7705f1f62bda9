//! Posting a transaction: the request, the records it reads, the records it writes.

use std::collections::BTreeMap;

use super::{
    Account, AccountId, Authority, EntrySide, LedgerEntry, LedgerPlace, LedgerRefusal, Transaction, TransactionId,
    TransactionKind, TransactionReference,
    settle::{PostingPlan, settle},
};
use crate::types::{
    Timestamp, limits,
    money::{Amount, AmountBound, Currency},
};

/// The recipient. `None`: the text names no account; this is refused only after all refusals that concern the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingRecipient {
    /// An account, by id or alias.
    Account(Option<AccountId>),
    /// The default account of a user, by `@username`. The refusal does not say why the user cannot be paid, because
    /// that would reveal whether the user exists.
    UserName(Option<AccountId>),
}

impl PostingRecipient {
    /// The account, if there is one.
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(account) | Self::UserName(account) => account,
        }
    }
}

/// A requested movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingDraft {
    /// The payer; `None`: the text names no account.
    pub debit: Option<AccountId>,
    /// The recipient of the money.
    pub credit: PostingRecipient,
    pub amount: Amount,
    /// The currency, which both accounts must have.
    pub currency: Currency,
}

/// A reference and whether it is free for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceClaim {
    pub reference: TransactionReference,
    /// The transaction of the same author with this reference.
    pub taken_by: Option<TransactionId>,
}

/// A requested transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostTransaction {
    /// The postings, applied in this order, all or none.
    pub postings: Vec<PostingDraft>,
    /// The application's own number for the transaction.
    pub reference: Option<ReferenceClaim>,
    /// The condition `availableAtLeast`: the least available funds of the account that is debited first, before the
    /// debit.
    pub available_at_least: Option<AmountBound>,
}

/// Whether the owner's status permits debits: not `locked` and not `disabled`. A login lockout has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerStanding {
    /// Debits are permitted; also for system accounts.
    Good,
    /// Debits are permitted to an operator only.
    Suspended,
}

/// An account that a command names, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvolvedAccount {
    pub account: Account,
    /// The effect of the owner's status.
    pub owner: OwnerStanding,
}

/// All existing accounts that a command names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InvolvedAccounts(BTreeMap<AccountId, InvolvedAccount>);

impl InvolvedAccounts {
    /// The account with this id.
    pub fn get(&self, id: AccountId) -> Option<&InvolvedAccount> {
        self.0.get(&id)
    }
}

impl FromIterator<InvolvedAccount> for InvolvedAccounts {
    fn from_iter<I: IntoIterator<Item = InvolvedAccount>>(accounts: I) -> Self {
        Self(accounts.into_iter().map(|involved| (involved.account.id, involved)).collect())
    }
}

/// The id and the time of a new transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingStamp {
    pub id: TransactionId,
    /// The time of the decision.
    pub now: Timestamp,
}

/// The records that a transaction writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub transaction: Transaction,
    /// Every changed account once, after the change, in the order of ids.
    pub accounts: Vec<Account>,
    /// Two new entries for each posting: the debit, then the credit.
    pub entries: Vec<LedgerEntry>,
}

/// Posts a transaction.
///
/// A user without further permissions debits accounts of their own in one currency; each posting sees the ones before
/// it. The order of `LedgerRefusal` is the order of the checks. Without writing the result this is a dry run.
pub fn post(
    command: &PostTransaction,
    authority: &Authority,
    involved: &InvolvedAccounts,
    stamp: PostingStamp,
) -> Result<Posted, LedgerRefusal> {
    check_form(&command.postings, authority)?;
    let reference = check_reference(command.reference.as_ref())?;
    let accounts = command.postings.iter().flat_map(|posting| [posting.debit, posting.credit.account()]);
    let is_issue = accounts.flatten().filter_map(|id| involved.get(id)).any(|involved| involved.account.is_system());
    let plan = PostingPlan {
        kind: if is_issue { TransactionKind::Issue } else { TransactionKind::Transfer },
        postings: &command.postings,
        available_at_least: command.available_at_least,
        reference,
        reverses: None,
    };
    settle(plan, authority, involved, stamp)
}

/// The reference, unless another transaction of the author has it.
pub(super) fn check_reference(claim: Option<&ReferenceClaim>) -> Result<Option<TransactionReference>, LedgerRefusal> {
    match claim {
        Some(ReferenceClaim { taken_by: Some(existing), .. }) => {
            Err(LedgerRefusal::DuplicateReference { existing: *existing })
        }
        Some(ReferenceClaim { reference, taken_by: None }) => Ok(Some(reference.clone())),
        None => Ok(None),
    }
}

/// The refusals that need no account.
pub(super) fn check_form(postings: &[PostingDraft], authority: &Authority) -> Result<(), LedgerRefusal> {
    let count = postings.len();
    let most = limits::POSTINGS_MAX;
    let Some(first) = postings.first().filter(|_| count <= most) else {
        return Err(LedgerRefusal::PostingCount { count, most });
    };
    let at = |position| LedgerPlace::Posting(position, EntrySide::Debit);
    let is_same = |posting: &PostingDraft| posting.debit.is_some() && posting.debit == posting.credit.account();
    if let Some(position) = postings.iter().position(is_same) {
        return Err(LedgerRefusal::SameAccount { at: at(position) });
    }
    let differs = |posting: &PostingDraft| posting.currency.code() != first.currency.code();
    let other = postings.iter().enumerate().find(|(_, posting)| authority.is_plain_user() && differs(posting));
    if let Some((position, other)) = other {
        let (first, found) = (first.currency.code(), other.currency.code());
        return Err(LedgerRefusal::SeveralCurrencies { at: at(position), first, found });
    }
    Ok(())
}
