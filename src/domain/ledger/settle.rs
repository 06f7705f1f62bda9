//! The only place where balances change: it checks and applies postings.

use std::collections::BTreeMap;

use super::{
    Account, AccountCounters, AccountId, Authority, Available, EntrySide, InvolvedAccount, InvolvedAccounts,
    LedgerEntry, LedgerPlace, LedgerRefusal, MoneyPower, OwnerStanding, Posted, Posting, PostingDraft,
    PostingRecipient, PostingStamp, Transaction, TransactionId, TransactionKind, TransactionReference,
};
use crate::types::money::AmountBound;

/// A transaction whose form is valid.
pub(super) struct PostingPlan<'a> {
    /// The origin of the transaction.
    pub(super) kind: TransactionKind,
    /// The postings, in the order of application.
    pub(super) postings: &'a [PostingDraft],
    /// The condition on the account that is debited first.
    pub(super) available_at_least: Option<AmountBound>,
    /// The reference, which is free for its author.
    pub(super) reference: Option<TransactionReference>,
    /// The transaction that this one corrects.
    pub(super) reverses: Option<TransactionId>,
}

/// A posting whose payer may pay and has the funds.
struct Paid {
    posting: Posting,
    debited: AccountCounters,
    credited: AccountCounters,
}

/// Checks `plan` and applies it.
pub(super) fn settle(
    plan: PostingPlan<'_>,
    authority: &Authority,
    involved: &InvolvedAccounts,
    stamp: PostingStamp,
) -> Result<Posted, LedgerRefusal> {
    let round = Judgement { plan: &plan, authority, involved };
    let paid = round.judge_payers()?;
    let postings = round.judge_recipients(paid)?;
    Ok(write(plan, postings, authority, (involved, stamp)))
}

struct Judgement<'a> {
    plan: &'a PostingPlan<'a>,
    authority: &'a Authority,
    involved: &'a InvolvedAccounts,
}

impl<'a> Judgement<'a> {
    /// Checks the debited accounts, in the order of the postings. A recipient that does not exist yet takes part
    /// without counters: nothing can be debited from it, so it has no effect on a payer.
    fn judge_payers(&self) -> Result<Vec<Option<Paid>>, LedgerRefusal> {
        let mut running: BTreeMap<AccountId, AccountCounters> = BTreeMap::new();
        let mut paid = Vec::with_capacity(self.plan.postings.len());
        for (position, draft) in self.plan.postings.iter().enumerate() {
            let at = LedgerPlace::Posting(position, EntrySide::Debit);
            let payer = self.payer(draft, at)?;
            let before = running.get(&payer.id).copied().unwrap_or(payer.counters);
            let available = payer.available_with(&before);
            if position == 0 {
                self.check_condition(payer, available, at)?;
            }
            check_funds(payer, available, draft, at)?;
            let overflow = LedgerRefusal::AmountOverflow { at };
            let debited = before.after(EntrySide::Debit, draft.amount).ok_or(overflow)?;
            if !debited.is_in_range_on(EntrySide::Debit) {
                return Err(overflow);
            }
            running.insert(payer.id, debited);

            let Some(recipient) = draft.credit.account().and_then(|id| self.involved.get(id)) else {
                paid.push(None);
                continue;
            };
            let recipient = &recipient.account;
            let before = running.get(&recipient.id).copied().unwrap_or(recipient.counters);
            let credited = before.after(EntrySide::Credit, draft.amount).ok_or(overflow)?;
            running.insert(recipient.id, credited);
            let posting =
                Posting { debit: payer.id, credit: recipient.id, amount: draft.amount, currency: draft.currency };
            paid.push(Some(Paid { posting, debited, credited }));
        }
        Ok(paid)
    }

    /// The account that pays, if it may be debited.
    fn payer(&self, draft: &PostingDraft, at: LedgerPlace) -> Result<&'a Account, LedgerRefusal> {
        let found = draft.debit.and_then(|id| self.involved.get(id));
        let InvolvedAccount { account, owner } = found.ok_or(LedgerRefusal::AccountNotFound { at })?;
        self.authority.check_debit(account, self.plan.kind, at)?;
        check_currency(account, draft, at)?;
        LedgerRefusal::of_status(account.status, EntrySide::Debit, at)?;
        match owner {
            OwnerStanding::Suspended if !self.authority.has(MoneyPower::Operate) => {
                Err(LedgerRefusal::OwnerSuspended { at })
            }
            OwnerStanding::Suspended | OwnerStanding::Good => Ok(account),
        }
    }

    fn check_condition(&self, payer: &Account, available: Available, at: LedgerPlace) -> Result<(), LedgerRefusal> {
        match (self.plan.available_at_least, available) {
            (Some(wanted), Available::Minor(available_minor)) if available_minor < wanted.minor() => {
                Err(LedgerRefusal::ConditionFailed { at, available_minor, wanted, currency: payer.currency })
            }
            (Some(_) | None, Available::Minor(_) | Available::Unlimited) => Ok(()),
        }
    }

    /// Checks the credited accounts, in the order of the postings.
    fn judge_recipients(&self, paid: Vec<Option<Paid>>) -> Result<Vec<Paid>, LedgerRefusal> {
        let numbered = paid.into_iter().zip(self.plan.postings).enumerate();
        let judged = numbered.map(|(position, (paid, draft))| {
            let at = LedgerPlace::Posting(position, EntrySide::Credit);
            self.judge_recipient(paid, draft, at).map_err(|refusal| match draft.credit {
                PostingRecipient::Account(_) => refusal,
                PostingRecipient::UserName(_) => LedgerRefusal::RecipientUnavailable { at },
            })
        });
        judged.collect()
    }

    fn judge_recipient(
        &self,
        paid: Option<Paid>,
        draft: &PostingDraft,
        at: LedgerPlace,
    ) -> Result<Paid, LedgerRefusal> {
        let not_found = LedgerRefusal::AccountNotFound { at };
        let paid = paid.ok_or(not_found)?;
        let account = &self.involved.get(paid.posting.credit).ok_or(not_found)?.account;
        self.authority.check_credit(account, self.plan.kind, at)?;
        check_currency(account, draft, at)?;
        LedgerRefusal::of_status(account.status, EntrySide::Credit, at)?;
        if account.max_balance.is_some_and(|most| paid.credited.balance_minor() > most.minor()) {
            return Err(LedgerRefusal::MaxBalanceExceeded { at });
        }
        if !paid.credited.is_in_range_on(EntrySide::Credit) {
            return Err(LedgerRefusal::AmountOverflow { at });
        }
        Ok(paid)
    }
}

fn check_currency(account: &Account, draft: &PostingDraft, at: LedgerPlace) -> Result<(), LedgerRefusal> {
    if account.currency == draft.currency {
        return Ok(());
    }
    let (account, posting) = (account.currency.code(), draft.currency.code());
    Err(LedgerRefusal::CurrencyMismatch { at, account, posting })
}

fn check_funds(
    payer: &Account,
    available: Available,
    draft: &PostingDraft,
    at: LedgerPlace,
) -> Result<(), LedgerRefusal> {
    match available {
        Available::Minor(available_minor) if available_minor < draft.amount.minor() => {
            let required_minor = draft.amount.minor();
            Err(LedgerRefusal::InsufficientFunds { at, available_minor, required_minor, currency: payer.currency })
        }
        Available::Minor(_) | Available::Unlimited => Ok(()),
    }
}

/// The records of a checked transaction.
fn write(
    plan: PostingPlan<'_>,
    paid: Vec<Paid>,
    authority: &Authority,
    (involved, stamp): (&InvolvedAccounts, PostingStamp),
) -> Posted {
    let touched = paid.iter().flat_map(|paid| [paid.posting.debit, paid.posting.credit]);
    let mut accounts: BTreeMap<AccountId, Account> =
        touched.filter_map(|id| involved.get(id)).map(|found| (found.account.id, found.account.clone())).collect();
    // All entries have one time, which is not before an existing entry, even after the clock was set back.
    let posted_at = accounts.values().map(|account| account.last_entry_at).fold(stamp.now, Ord::max);

    let mut entries = Vec::with_capacity(paid.len().saturating_mul(2));
    for (position, Paid { posting, debited, credited }) in paid.iter().enumerate() {
        let sides = [(EntrySide::Debit, posting.debit, debited), (EntrySide::Credit, posting.credit, credited)];
        for (side, id, counters) in sides {
            let Some(account) = accounts.get_mut(&id) else { continue };
            account.counters = *counters;
            account.entry_count = account.entry_count.saturating_add(1);
            account.last_entry_at = posted_at;
            entries.push(LedgerEntry {
                account: id,
                at: posted_at,
                number: account.entry_count,
                transaction: stamp.id,
                posting: u16::try_from(position).unwrap_or(u16::MAX),
                side,
                amount: posting.amount,
                counters: *counters,
            });
        }
    }
    let transaction = Transaction {
        id: stamp.id,
        kind: plan.kind,
        author: authority.author(),
        postings: paid.into_iter().map(|paid| paid.posting).collect(),
        reference: plan.reference,
        reverses: plan.reverses,
        posted_at,
    };
    Posted { transaction, accounts: accounts.into_values().collect(), entries }
}
