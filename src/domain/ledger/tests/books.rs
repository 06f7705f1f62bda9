//! Records as the store keeps them, and commands as a transaction's closure runs them: look up the accounts, decide,
//! write.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    domain::ledger::{
        Account, AccountChange, AccountDelta, AccountId, AccountOwner, Authority, CloseAccount, InvolvedAccount,
        InvolvedAccounts, LedgerEntry, LedgerRefusal, OpeningStamp, OwnerStanding, PostTransaction, Posted,
        PostingStamp, ReferenceClaim, ReversalTotals, ReverseTransaction, SystemAccount, Transaction,
        TransactionAuthor, TransactionId, TransactionReference, check_commit, close, open_system, post, reverse,
    },
    types::{
        Timestamp,
        id::UserId,
        money::{Currency, CurrencyCode},
    },
};

pub(super) fn currency(code: &str) -> Currency {
    Currency::iso(CurrencyCode::parse(code).unwrap()).unwrap()
}

pub(super) fn user(number: u128) -> UserId {
    UserId::from(Uuid::from_u128(number))
}

#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Books {
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) entries: BTreeMap<AccountId, Vec<LedgerEntry>>,
    pub(super) transactions: Vec<Transaction>,
    pub(super) suspended: BTreeSet<UserId>,
    pub(super) now: Timestamp,
    totals: BTreeMap<TransactionId, ReversalTotals>,
    references: BTreeMap<(TransactionAuthor, TransactionReference), TransactionId>,
    ids: u128,
}

impl Books {
    pub(super) fn opening(&mut self) -> OpeningStamp {
        self.ids += 1;
        OpeningStamp { id: AccountId::from(Uuid::from_u128(self.ids)), now: self.now }
    }

    pub(super) fn add(&mut self, account: Account) -> AccountId {
        let id = account.id;
        self.write([account], []);
        id
    }

    pub(super) fn system(&mut self, account: &SystemAccount, currency: Currency) -> AccountId {
        let stamp = self.opening();
        self.add(open_system(account, currency, stamp))
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        let by = Duration::from_secs(seconds.unsigned_abs());
        self.now = if seconds < 0 { self.now.minus(by) } else { self.now.plus(by) };
    }

    pub(super) fn claim(&self, reference: &str, authority: &Authority) -> ReferenceClaim {
        let reference = TransactionReference::parse(reference).unwrap();
        let taken_by = self.references.get(&(authority.author(), reference.clone())).copied();
        ReferenceClaim { reference, taken_by }
    }

    fn involve(&self, ids: impl IntoIterator<Item = AccountId>) -> InvolvedAccounts {
        let found = ids.into_iter().filter_map(|id| self.accounts.get(&id));
        let involved = found.map(|account| {
            let is_suspended = match account.owner {
                AccountOwner::User(owner) => self.suspended.contains(&owner),
                AccountOwner::System => false,
            };
            let owner = if is_suspended { OwnerStanding::Suspended } else { OwnerStanding::Good };
            InvolvedAccount { account: account.clone(), owner }
        });
        involved.collect()
    }

    fn stamp(&self) -> PostingStamp {
        let number = self.transactions.len() as u128;
        PostingStamp { id: TransactionId::from(Uuid::from_u128((1 << 64) + number)), now: self.now }
    }

    pub(super) fn post(&mut self, command: &PostTransaction, authority: &Authority) -> Result<Posted, LedgerRefusal> {
        let named = command.postings.iter().flat_map(|posting| [posting.debit, posting.credit.account()]);
        let involved = self.involve(named.flatten());
        let dry_run = post(command, authority, &involved, self.stamp());
        let decided = post(command, authority, &involved, self.stamp());
        assert_eq!(dry_run, decided);
        let posted = decided?;
        self.keep(&posted);
        Ok(posted)
    }

    pub(super) fn reverse(
        &mut self,
        original: &Transaction,
        reference: Option<ReferenceClaim>,
        authority: &Authority,
    ) -> Result<Posted, LedgerRefusal> {
        let involved = self.involve(original.postings.iter().flat_map(|posting| [posting.debit, posting.credit]));
        let command = ReverseTransaction { original, earlier: self.totals.get(&original.id), reference };
        let dry_run = reverse(&command, authority, &involved, self.stamp());
        let decided = reverse(&command, authority, &involved, self.stamp());
        assert_eq!(dry_run, decided);
        let reversed = decided?;
        self.keep(&reversed.posted);
        self.totals.insert(original.id, reversed.totals);
        Ok(reversed.posted)
    }

    pub(super) fn close(&mut self, command: CloseAccount, authority: &Authority) -> Result<(), LedgerRefusal> {
        let target = command.sweep_to.and_then(|target| target.account());
        let involved = self.involve([command.account].into_iter().chain(target));
        let decided = close(command, authority, &involved, self.stamp())?;
        let (accounts, entries) = match decided.sweep {
            Some(sweep) => {
                self.transactions.push(sweep.transaction);
                (sweep.accounts, sweep.entries)
            }
            None => (Vec::new(), Vec::new()),
        };
        self.write(accounts.into_iter().chain([decided.account]), entries);
        Ok(())
    }

    pub(super) fn change(
        &mut self,
        id: AccountId,
        decide: impl FnOnce(&Account) -> Result<AccountChange, LedgerRefusal>,
    ) -> Result<(), LedgerRefusal> {
        match decide(&self.accounts[&id])? {
            AccountChange::Unchanged => {}
            AccountChange::Changed(account) => self.write([*account], []),
        }
        Ok(())
    }

    fn keep(&mut self, posted: &Posted) {
        let Posted { transaction, accounts, entries } = posted;
        if let Some(reference) = &transaction.reference {
            let earlier = self.references.insert((transaction.author, reference.clone()), transaction.id);
            assert_eq!(earlier, None);
        }
        self.transactions.push(transaction.clone());
        self.write(accounts.clone(), entries.clone());
    }

    /// A commit, with the check that the writer runs at its end.
    fn write(&mut self, accounts: impl IntoIterator<Item = Account>, entries: impl IntoIterator<Item = LedgerEntry>) {
        let accounts: Vec<_> = accounts.into_iter().collect();
        let changes = accounts.iter().map(|after| AccountDelta { before: self.accounts.get(&after.id), after });
        assert_eq!(check_commit(&changes.collect::<Vec<_>>()), Ok(()));
        self.accounts.extend(accounts.into_iter().map(|account| (account.id, account)));
        for entry in entries {
            self.entries.entry(entry.account).or_default().push(entry);
        }
    }
}
