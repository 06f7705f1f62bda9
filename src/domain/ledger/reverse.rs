//! Reversal: the opposite of an earlier transaction, posted as a new one.

use serde::{Deserialize, Serialize};

use super::{
    Account, AccountId, Authority, InvolvedAccounts, LedgerRefusal, MoneyPower, Posted, Posting, PostingDraft,
    PostingRecipient, PostingStamp, ReferenceClaim, Transaction, TransactionId, TransactionKind,
    post::{check_form, check_reference},
    settle::{PostingPlan, settle},
};
use crate::types::money::Amount;

/// The amounts of a transaction that were reversed so far. A record of its own, because the transaction never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversalTotals {
    pub original: TransactionId,
    /// For each posting in order: the minor units that were reversed, 0 to its amount.
    pub reversed_minor: Vec<i128>,
    /// The reversals, oldest first.
    pub reversals: Vec<TransactionId>,
}

/// A reversal of the rest of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReverseTransaction<'a> {
    pub original: &'a Transaction,
    /// The amounts that were reversed before; `None`: nothing.
    pub earlier: Option<&'a ReversalTotals>,
    /// The application's own number for the reversal.
    pub reference: Option<ReferenceClaim>,
}

/// The records that a reversal writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversed {
    /// The new transaction, accounts and entries.
    pub posted: Posted,
    /// The record that replaces `ReverseTransaction::earlier`.
    pub totals: ReversalTotals,
}

/// Reverses the rest of a transaction: its postings from the last to the first, each with its sides exchanged, checked
/// as any transaction.
///
/// The owner of every credited account may do it, and an author with `Operate`. `involved` holds the accounts of the
/// original. Places in refusals count the postings of the original.
pub fn reverse(
    command: &ReverseTransaction<'_>,
    authority: &Authority,
    involved: &InvolvedAccounts,
    stamp: PostingStamp,
) -> Result<Reversed, LedgerRefusal> {
    let original = command.original;
    let reference = check_reference(command.reference.as_ref())?;
    check_rights(original, authority, involved)?;
    if let Some(reverses) = original.reverses {
        return Err(LedgerRefusal::ReversalOfReversal { reverses });
    }
    let latest_first = original.postings.iter().enumerate().rev();
    let left: Vec<(usize, PostingDraft)> = latest_first
        .filter_map(|(position, posting)| Some((position, opposite(posting, command.earlier, position)?)))
        .collect();
    if left.is_empty() {
        let by = command.earlier.and_then(|earlier| earlier.reversals.last()).copied().unwrap_or(original.id);
        return Err(LedgerRefusal::AlreadyReversed { by });
    }
    let (positions, postings): (Vec<usize>, Vec<PostingDraft>) = left.into_iter().unzip();
    let as_in_original = |position: usize| positions.get(position).copied().unwrap_or(position);
    let plan = PostingPlan {
        kind: TransactionKind::Reversal,
        postings: &postings,
        available_at_least: None,
        reference,
        reverses: Some(original.id),
    };
    let posted = check_form(&postings, authority)
        .and_then(|()| settle(plan, authority, involved, stamp))
        .map_err(|refusal| refusal.at_posting(as_in_original))?;
    let mut reversals = command.earlier.map(|earlier| earlier.reversals.clone()).unwrap_or_default();
    reversals.push(stamp.id);
    let reversed_minor = original.postings.iter().map(|posting| posting.amount.minor()).collect();
    Ok(Reversed { posted, totals: ReversalTotals { original: original.id, reversed_minor, reversals } })
}

fn check_rights(
    original: &Transaction,
    authority: &Authority,
    involved: &InvolvedAccounts,
) -> Result<(), LedgerRefusal> {
    let account = |id: AccountId| involved.get(id).map(|found| &found.account);
    let sees = |id: AccountId| account(id).is_some_and(|account: &Account| authority.sees(account));
    if !original.postings.iter().any(|posting| sees(posting.debit) || sees(posting.credit)) {
        return Err(LedgerRefusal::TransactionNotFound);
    }
    let was_paid = |posting: &Posting| account(posting.credit).is_some_and(|account| authority.owns(account));
    if !authority.has(MoneyPower::Operate) && !original.postings.iter().all(was_paid) {
        return Err(LedgerRefusal::ReversalForbidden);
    }
    Ok(())
}

/// The opposite of the rest of a posting; `None`: no rest.
fn opposite(posting: &Posting, earlier: Option<&ReversalTotals>, position: usize) -> Option<PostingDraft> {
    let reversed = earlier.and_then(|earlier| earlier.reversed_minor.get(position)).copied().unwrap_or(0);
    let amount = Amount::from_minor(posting.amount.minor().saturating_sub(reversed)).ok()?;
    Some(PostingDraft {
        debit: Some(posting.credit),
        credit: PostingRecipient::Account(Some(posting.debit)),
        amount,
        currency: posting.currency,
    })
}
