//! Posting a transaction: what is asked for, what it needs to know, what comes of it.

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

/// Who is to be credited. `None`: the text names nothing, which is told only after all that concerns the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingRecipient {
    /// An account, by id or alias.
    Account(Option<AccountId>),
    /// The default account of a user, by `@username`. Why one cannot be paid is not told: whether there is such a user
    /// is nobody's business.
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

/// One movement as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingDraft {
    /// Who pays; `None`: the text names no account.
    pub debit: Option<AccountId>,
    /// Who is paid.
    pub credit: PostingRecipient,
    /// How much.
    pub amount: Amount,
    /// In which currency; both accounts must have it.
    pub currency: Currency,
}

/// A reference and whether it is free for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceClaim {
    /// The reference.
    pub reference: TransactionReference,
    /// The transaction of the same author that has it already.
    pub taken_by: Option<TransactionId>,
}

/// A transaction as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostTransaction {
    /// Applied in this order, all or none.
    pub postings: Vec<PostingDraft>,
    /// The application's own number for it.
    pub reference: Option<ReferenceClaim>,
    /// The condition `availableAtLeast`: what the account that is debited first must have available beforehand.
    pub available_at_least: Option<AmountBound>,
}

/// Whether the owner of an account lets money go out: not while `locked` or `disabled`. A login lockout does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerStanding {
    /// They may pay; also for system accounts.
    Good,
    /// They may not, except on an operator's word.
    Suspended,
}

/// An account that a command names, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvolvedAccount {
    /// The record.
    pub account: Account,
    /// How its owner stands.
    pub owner: OwnerStanding,
}

/// All accounts that a command names and that exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InvolvedAccounts(BTreeMap<AccountId, InvolvedAccount>);

impl InvolvedAccounts {
    /// The account of that id.
    pub fn get(&self, id: AccountId) -> Option<&InvolvedAccount> {
        self.0.get(&id)
    }
}

impl FromIterator<InvolvedAccount> for InvolvedAccounts {
    fn from_iter<I: IntoIterator<Item = InvolvedAccount>>(accounts: I) -> Self {
        Self(accounts.into_iter().map(|involved| (involved.account.id, involved)).collect())
    }
}

/// What a new transaction is given from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingStamp {
    /// Its id.
    pub id: TransactionId,
    /// The time of the decision.
    pub now: Timestamp,
}

/// What a transaction leaves to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The new transaction.
    pub transaction: Transaction,
    /// Every account that it touched, once, as it is afterwards; in the order of their ids.
    pub accounts: Vec<Account>,
    /// Two new entries a posting: the debit, then the credit.
    pub entries: Vec<LedgerEntry>,
}

/// Posts a transaction, if nothing speaks against it.
///
/// A user without further permissions debits accounts of their own in one currency; each posting sees the ones before
/// it. Refuses as `LedgerRefusal` is ordered. Without writing what it returns this is a dry run.
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

/// The reference, if it is free.
pub(super) fn check_reference(claim: Option<&ReferenceClaim>) -> Result<Option<TransactionReference>, LedgerRefusal> {
    match claim {
        Some(ReferenceClaim { taken_by: Some(existing), .. }) => {
            Err(LedgerRefusal::DuplicateReference { existing: *existing })
        }
        Some(ReferenceClaim { reference, taken_by: None }) => Ok(Some(reference.clone())),
        None => Ok(None),
    }
}

/// What can be refused without looking at an account.
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
