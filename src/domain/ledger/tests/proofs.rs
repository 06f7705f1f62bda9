//! The checks find changes that the rules never make.

use super::books::{Books, currency, user};
use crate::domain::ledger::{
    Account, AccountAlias, AccountDelta, AccountOwner, EntryBreach, EntrySide, LedgerBreach, LedgerEntry, LedgerPlace,
    LedgerRefusal, SystemAccount, TransactionId, check_commit, check_entry, open_system,
};
use crate::types::Timestamp;

fn account(number: u8) -> Account {
    let mut books = Books::default();
    let stamp = (0..number).map(|_| books.opening()).last().unwrap();
    let mut account = open_system(&SystemAccount::World, currency("USD"), stamp);
    account.owner = AccountOwner::User(user(1));
    account.counters.credits_posted = 100;
    account
}

fn breach(pairs: &[(&Account, &Account)]) -> Option<LedgerBreach> {
    let changes: Vec<_> = pairs.iter().map(|(before, after)| AccountDelta { before: Some(before), after }).collect();
    check_commit(&changes).err()
}

/// The account after `change`.
fn with(account: &Account, change: impl FnOnce(&mut Account)) -> Account {
    let mut changed = account.clone();
    change(&mut changed);
    changed
}

#[test]
fn debits_and_credits_of_a_commit_are_equal_in_each_currency() {
    let (payer, payee) = (account(1), account(2));
    let debited = with(&payer, |account| account.counters.debits_posted += 5);
    let credited = with(&payee, |account| account.counters.credits_posted += 5);
    assert_eq!(breach(&[(&payer, &debited), (&payee, &credited)]), None);
    let usd = currency("USD").code();
    let unbalanced = |posted, pending| Some(LedgerBreach::Unbalanced { currency: usd, posted, pending });
    assert_eq!(breach(&[(&payer, &debited)]), unbalanced(5, 0));
    assert_eq!(breach(&[(&payee, &credited)]), unbalanced(-5, 0));
    let held = with(&payer, |account| account.counters.debits_pending += 7);
    assert_eq!(breach(&[(&payer, &held)]), unbalanced(0, 7));
    let expected = with(&payee, |account| account.counters.credits_pending += 7);
    assert_eq!(breach(&[(&payer, &held), (&payee, &expected)]), None);
    assert_eq!(breach(&[(&held, &payer), (&expected, &payee)]), None, "a hold that ends");

    let in_euro = |account: &Account| with(account, |account| account.currency = currency("EUR"));
    let (foreign, foreign_credited) = (in_euro(&payee), in_euro(&credited));
    assert!(breach(&[(&payer, &debited), (&foreign, &foreign_credited)]).is_some());
    let opened_with_money = check_commit(&[AccountDelta { before: None, after: &payer }]);
    assert_eq!(opened_with_money.err(), unbalanced(-100, 0));
}

#[test]
fn no_account_is_past_its_limit() {
    let before = account(1);
    let past = Some(LedgerBreach::PastLimit { account: before.id });
    let debited = |amount| with(&before, |account| account.counters.debits_posted += amount);
    let other = account(2);
    let breach_of = |after: &Account| {
        let balance = before.balance_minor() - after.balance_minor();
        let credited = with(&other, |account| account.counters.credits_posted += balance);
        breach(&[(&before, after), (&other, &credited)])
    };
    assert_eq!(breach_of(&debited(100)), None);
    assert_eq!(breach_of(&debited(101)), past);
    let with_credit = with(&debited(101), |account| account.credit_limit = 1.try_into().unwrap());
    assert_eq!(breach_of(&with_credit), None);
    assert_eq!(breach_of(&with(&before, |account| account.max_balance = Some(99.try_into().unwrap()))), past);
    assert_eq!(breach_of(&with(&before, |account| account.max_balance = Some(100.try_into().unwrap()))), None);
    assert_eq!(breach_of(&with(&before, |account| account.counters.debits_pending = -1)), past);
    let system = with(&debited(1_000), |account| account.owner = AccountOwner::System);
    assert_eq!(check_commit(&[AccountDelta { before: Some(&system), after: &system }]), Ok(()));
}

#[test]
fn what_an_account_never_changes_stays() {
    let before = with(&account(1), |account| {
        account.entry_count = 3;
        account.last_entry_at = Timestamp::from_micros(3);
    });
    let altered = Some(LedgerBreach::Altered { account: before.id });
    let changes: [fn(&mut Account); 6] = [
        |account| account.owner = AccountOwner::User(user(2)),
        |account| account.currency = currency("EUR"),
        |account| account.alias = Some(AccountAlias::parse("other").unwrap()),
        |account| account.counters.credits_posted -= 1,
        |account| account.entry_count -= 1,
        |account| account.last_entry_at = Timestamp::ZERO,
    ];
    for change in changes {
        assert_eq!(breach(&[(&before, &with(&before, change))]), altered);
    }
    assert_eq!(breach(&[(&before, &account(2))]), Some(LedgerBreach::Altered { account: account(2).id }));
}

#[test]
fn an_entry_follows_from_the_one_before() {
    let account = account(1);
    let entry = |number, micros, counters| LedgerEntry {
        account: account.id,
        at: Timestamp::from_micros(micros),
        number,
        transaction: TransactionId::from(account.id.uuid()),
        posting: 0,
        side: EntrySide::Credit,
        amount: 50.try_into().unwrap(),
        counters,
    };
    let after = |credits_posted| super::super::AccountCounters { credits_posted, ..Default::default() };
    let first = entry(1, 5, after(50));
    assert_eq!(check_entry(None, &first), Ok(()));
    assert_eq!(check_entry(Some(&first), &entry(2, 5, after(100))), Ok(()));
    assert_eq!(check_entry(None, &entry(1, 5, after(51))), Err(EntryBreach::Counters));
    assert_eq!(check_entry(Some(&first), &entry(2, 5, after(50))), Err(EntryBreach::Counters));
    assert_eq!(check_entry(Some(&first), &entry(2, 4, after(100))), Err(EntryBreach::Time));
    let gap = Err(EntryBreach::Number { expected: 2, found: 3 });
    assert_eq!(check_entry(Some(&first), &entry(3, 5, after(100))), gap);
    assert_eq!(check_entry(None, &entry(2, 5, after(50))), Err(EntryBreach::Number { expected: 1, found: 2 }));
    let other = LedgerEntry { account: self::account(2).id, ..entry(2, 5, after(100)) };
    assert_eq!(check_entry(Some(&first), &other), Err(EntryBreach::Account));
    let held = super::super::AccountCounters { debits_pending: 9, ..after(100) };
    assert_eq!(check_entry(Some(&first), &entry(2, 5, held)), Ok(()), "holds have no entries");
}

#[test]
fn a_refusal_points_at_the_posting() {
    assert_eq!(LedgerPlace::Posting(3, EntrySide::Credit).pointer(), "/postings/3");
    assert_eq!(LedgerPlace::Account.pointer(), "");
    let refusal = LedgerRefusal::InsufficientFunds {
        at: LedgerPlace::Posting(0, EntrySide::Debit),
        available_minor: -5,
        required_minor: 1_234,
        currency: currency("USD"),
    };
    assert_eq!(refusal.to_string(), "the account has -0.05 USD available, and 12.34 are required");
}
