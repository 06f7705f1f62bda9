//! Names of accounts, accounts of the product, and the stored form of records.

use super::books::{Books, currency, user};
use crate::{
    domain::ledger::{
        Account, AccountAlias, AccountCounters, AccountLabel, AccountOwner, AccountStatus, AccountType, Authority,
        Available, CloseAccount, DefaultAccount, DefaultOpening, InvolvedAccount, LedgerRefusal, OpenAccount,
        OwnerStanding, PostingStamp, ProviderName, SystemAccount, TransactionId, TransactionReference, close, open,
        open_default, open_system,
    },
    types::{
        Invalid,
        money::{AmountBound, CurrencyCode},
    },
};

fn code<T: std::fmt::Debug>(parsed: Result<T, Invalid>) -> &'static str {
    parsed.unwrap_err().code
}

#[test]
fn an_alias_from_a_request_has_one_form_and_is_neither_an_id_nor_reserved() {
    for good in ["abc", "shop.main", "0-1", "till:4_a", &"a".repeat(64), "system-x", "userland"] {
        assert_eq!(AccountAlias::parse(good).unwrap().as_str(), good);
    }
    for wrong in ["", "ab", "Shop", ".abc", "shop main", "sh\u{f6}p", "a/b", &"a".repeat(65), "shop\n"] {
        assert_eq!(code(AccountAlias::parse(wrong)), "alias_format", "{wrong:?}");
    }
    let id = "0190f3a0-1234-7abc-8def-0123456789ab";
    for id in [id, &id.replace('-', ""), &format!("urn:uuid:{id}")] {
        assert_eq!(code(AccountAlias::parse(id)), "alias_is_id", "{id}");
    }
    for reserved in ["system:world:usd", "user:x"] {
        assert_eq!(code(AccountAlias::parse(reserved)), "alias_reserved");
    }
    assert_eq!(AccountAlias::look_up("system:world:USD").unwrap().as_str(), "system:world:USD");
    for wrong in ["", "@bob", "a b", &"a".repeat(97)] {
        assert_eq!(code(AccountAlias::look_up(wrong)), "alias_format", "{wrong:?}");
    }
}

#[test]
fn labels_and_references_keep_their_visible_characters() {
    assert_eq!(
        AccountLabel::parse("  F\u{fc}r sp\u{e4}ter \u{1f389} ").unwrap().as_str(),
        "F\u{fc}r sp\u{e4}ter \u{1f389}"
    );
    assert!(AccountLabel::parse(&"\u{fc}".repeat(100)).is_ok());
    for wrong in ["", "  ", &"x".repeat(101)] {
        assert_eq!(code(AccountLabel::parse(wrong)), "length");
    }
    for wrong in ["a\u{202e}b", "a\nb", "a\0", "\u{feff}a"] {
        assert_eq!(code(AccountLabel::parse(wrong)), "control_character", "{wrong:?}");
    }
    for good in ["1", "Order 17/3 #a", &"x".repeat(128)] {
        assert_eq!(TransactionReference::parse(good).unwrap().as_str(), good);
    }
    for wrong in ["", " a", "a ", "a\tb", "\u{fc}", &"x".repeat(129)] {
        assert_eq!(code(TransactionReference::parse(wrong)), "reference_format", "{wrong:?}");
    }
    for good in ["stripe", "4-pay_a", &"a".repeat(32)] {
        assert_eq!(ProviderName::parse(good).unwrap().as_str(), good);
    }
    for wrong in ["", "Stripe", "-a", "a:b", &"a".repeat(33)] {
        assert_eq!(code(ProviderName::parse(wrong)), "provider_format", "{wrong:?}");
    }
}

#[test]
fn an_alias_names_a_system_account_and_a_system_account_its_alias() {
    let provider = || ProviderName::parse("stripe").unwrap();
    let points = CurrencyCode::parse("ABCDEFGHIJKLMNOP").unwrap();
    for (account, alias) in [
        (SystemAccount::World, "system:world:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Fees, "system:fees:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Suspense, "system:suspense:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Bank, "system:bank:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Fx, "system:fx:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Unclaimed, "system:unclaimed:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Clearing(provider()), "system:clearing:stripe:ABCDEFGHIJKLMNOP"),
        (SystemAccount::Disputes(provider()), "system:disputes:stripe:ABCDEFGHIJKLMNOP"),
        (SystemAccount::ProviderFees(provider()), "system:provider-fees:stripe:ABCDEFGHIJKLMNOP"),
    ] {
        assert_eq!(account.alias(points).as_str(), alias);
        assert_eq!(SystemAccount::named(&account.alias(points)), Some((account, points)));
    }
    for other in ["system:world", "system:world:usd", "system:cash:USD", "system:world:x:USD", "system:clearing:USD"] {
        assert_eq!(SystemAccount::named(&AccountAlias::look_up(other).unwrap()), None, "{other}");
    }
    for other in ["system:clearing:A:USD", "system:hold:stripe:USD", "user:world:USD", "shop"] {
        assert_eq!(SystemAccount::named(&AccountAlias::look_up(other).unwrap()), None, "{other}");
    }
    let longest = SystemAccount::ProviderFees(ProviderName::parse(&"p".repeat(32)).unwrap()).alias(points);
    assert_eq!(AccountAlias::look_up(longest.as_str()), Ok(longest));
}

#[test]
fn a_default_account_is_opened_once_and_not_again() {
    let mut books = Books::default();
    let default = DefaultAccount { owner: user(1), account_type: AccountType::Wallet, currency: currency("USD") };
    let stamp = books.opening();
    let DefaultOpening::Opened(account) = open_default(default, None, stamp) else { panic!("not opened") };
    let alias = account.alias.clone().unwrap();
    assert_eq!(alias.as_str(), "user:00000000-0000-0000-0000-000000000001:wallet:USD");
    assert_eq!(AccountAlias::look_up(alias.as_str()), Ok(alias));
    assert_eq!(account.owner, AccountOwner::User(user(1)));
    assert_eq!(open_default(default, Some(&account), stamp), DefaultOpening::Exists);
    let closed = Account { status: AccountStatus::Closed { at: stamp.now }, ..*account };
    assert_eq!(open_default(default, Some(&closed), stamp), DefaultOpening::ClosedBefore);
}

#[test]
fn a_new_account_has_the_requested_fields() {
    let mut books = Books::default();
    let stamp = books.opening();
    let command = OpenAccount {
        account_type: AccountType::Savings,
        currency: currency("EUR"),
        owner: None,
        label: AccountLabel::parse("Holidays").ok(),
        alias: None,
        credit_limit: None,
        max_balance: None,
    };
    let account = open(&command, &Authority::user(user(1)), 0, stamp).unwrap();
    let expected = Account {
        id: stamp.id,
        owner: AccountOwner::User(user(1)),
        account_type: AccountType::Savings,
        currency: currency("EUR"),
        alias: None,
        label: command.label.clone(),
        status: AccountStatus::Active,
        credit_limit: AmountBound::ZERO,
        max_balance: None,
        counters: AccountCounters::default(),
        entry_count: 0,
        last_entry_at: stamp.now,
        opened_at: stamp.now,
    };
    assert_eq!(account, expected);
}

#[test]
fn an_account_with_active_holds_is_not_closed() {
    let mut books = Books::default();
    let stamp = books.opening();
    let default = DefaultAccount { owner: user(1), account_type: AccountType::Wallet, currency: currency("USD") };
    let DefaultOpening::Opened(account) = open_default(default, None, stamp) else { panic!("not opened") };
    let pending =
        |debits_pending, credits_pending| AccountCounters { debits_pending, credits_pending, ..account.counters };
    for counters in [pending(1, 0), pending(0, 1)] {
        let held = Account { counters, credit_limit: 1.try_into().unwrap(), ..*account.clone() };
        let involved = InvolvedAccount { account: held, owner: OwnerStanding::Good };
        let command = CloseAccount { account: account.id, sweep_to: None };
        let stamp = PostingStamp { id: TransactionId::from(account.id.uuid()), now: stamp.now };
        let decided = close(command, &Authority::user(user(1)), &[involved].into_iter().collect(), stamp);
        assert_eq!(decided, Err(LedgerRefusal::HoldsActive));
    }
}

#[test]
fn what_is_available_is_balance_and_credit_less_holds() {
    let mut books = Books::default();
    let stamp = books.opening();
    let mut account = open_system(&SystemAccount::World, currency("USD"), stamp);
    assert_eq!(account.available(), Available::Unlimited);
    account.owner = AccountOwner::User(user(1));
    account.credit_limit = 500.try_into().unwrap();
    account.counters.debits_posted = 100;
    account.counters.credits_posted = 1_000;
    account.counters.debits_pending = 300;
    account.counters.credits_pending = 77;
    assert_eq!(account.balance_minor(), 900);
    assert_eq!(account.available(), Available::Minor(1_100));
    assert!(Available::Minor(i128::MAX) < Available::Unlimited);
}

#[test]
fn records_are_read_back_as_they_were_written() {
    let mut books = Books::default();
    let stamp = books.opening();
    let account = open_system(&SystemAccount::Fx, currency("JPY"), stamp);
    let text = serde_json::to_string(&account).unwrap();
    assert_eq!(serde_json::from_str::<Account>(&text).unwrap(), account);
    for (name, other) in [("\"JPY\"", "\"jpy\""), ("system:fx:JPY", "@fx")] {
        assert!(serde_json::from_str::<Account>(&text.replace(name, other)).is_err(), "{other}");
    }
}
