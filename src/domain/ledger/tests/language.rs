//! The language of the tables: a line is a verb, a caller and an object, and after `=>` the outcome.

use std::collections::BTreeMap;

use super::books::{Books, currency, user};
use crate::{
    domain::ledger::{
        AccountAlias, AccountChange, AccountId, AccountLabel, AccountType, AliasClaim, Authority, Available,
        CloseAccount, EntrySide, FreezeScope, LedgerPlace, LedgerRefusal, MoneyPower, OpenAccount, PostTransaction,
        Posted, PostingDraft, PostingRecipient, SystemAccount, assign_alias, check_reading_time, freeze, open, relabel,
        set_credit_limit, set_max_balance, unfreeze,
    },
    types::{
        Timestamp,
        id::UserId,
        money::{Amount, AmountBound, Currency},
    },
};

/// Runs each line of `table` and compares all outcomes with those in the table.
pub(super) fn run(table: &str) {
    let mut script = Script::default();
    let (mut actual, mut expected) = (Vec::new(), Vec::new());
    // An outcome may be on a line of its own.
    let rows = table.split("=>").flat_map(|part| part.split('\n')).map(str::trim).filter(|part| !part.is_empty());
    let rows: Vec<&str> = rows.collect();
    for row in rows.chunks(2) {
        let [command, outcome] = row else { panic!("{row:?} has no outcome") };
        let before = script.books.clone();
        let answer = match script.line(command) {
            Ok(answer) => answer,
            Err(refusal) => {
                // The look-up before the decision creates a system account.
                assert_eq!(script.books.transactions, before.transactions, "{command}");
                assert_eq!(script.books.entries, before.entries, "{command}");
                assert!(before.accounts.iter().all(|(id, account)| script.books.accounts[id] == *account));
                refused(refusal)
            }
        };
        actual.push(format!("{command} => {answer}"));
        expected.push(format!("{command} => {outcome}"));
    }
    assert_eq!(actual, expected, "the outcomes are\n{}\n", actual.join("\n"));
}

#[derive(Default)]
struct Script {
    books: Books,
    names: BTreeMap<String, AccountId>,
}

fn user_named(name: &str) -> UserId {
    let names = ["alice", "bob", "carol", "admin", "clerk", "issuer", "service", "nobody"];
    let number = names.iter().position(|known| *known == name.trim_end_matches("-silent"));
    user(number.unwrap_or_else(|| panic!("who is {name}?")) as u128)
}

/// Users have no permissions; the others have those of their names, and a reason unless they are silent.
fn authority(who: &str) -> Authority {
    let power = |power| Authority::user(user_named(who)).with(power);
    match who {
        "admin" => power(MoneyPower::Operate).with(MoneyPower::Issue).with_reason(),
        "clerk" => power(MoneyPower::Operate).with_reason(),
        "clerk-silent" => power(MoneyPower::Operate),
        "issuer" => power(MoneyPower::Issue).with_reason(),
        "issuer-silent" => power(MoneyPower::Issue),
        "service" => power(MoneyPower::Move),
        "operator" => Authority::operator().with_reason(),
        "operator-silent" => Authority::operator(),
        "product" => Authority::product(),
        _ => Authority::user(user_named(who)),
    }
}

impl Script {
    fn line(&mut self, command: &str) -> Result<String, LedgerRefusal> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (plain, options): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| !word.contains('='));
        let options: BTreeMap<&str, &str> = options.iter().filter_map(|option| option.split_once('=')).collect();
        let (who, verb, rest) = (plain[0], plain[1], &plain[2..]);
        let outcome = match (verb, rest) {
            ("suspend", []) => format!("{}", self.books.suspended.insert(user_named(who))),
            ("restore", []) => format!("{}", self.books.suspended.remove(&user_named(who))),
            ("clock", [by]) => {
                self.books.pass(by.parse().unwrap());
                format!("{}", self.books.now.as_seconds())
            }
            ("show", [name]) => self.show(name),
            ("open", [name, account_type, code]) => self.open(who, (name, account_type, code), &options)?,
            ("post", postings) => self.post(who, postings, &options)?,
            ("reverse", [name]) => {
                let original = self.books.transactions[name[1..].parse::<usize>().unwrap() - 1].clone();
                let reference = options.get("ref").map(|text| self.books.claim(text, &authority(who)));
                let posted = self.books.reverse(&original, reference, &authority(who))?;
                self.posted(&posted)
            }
            ("close", [name]) => {
                let sweep_to = options.get("to").map(|target| self.recipient(target));
                let account = self.names[*name];
                self.books.close(CloseAccount { account, sweep_to }, &authority(who))?;
                self.show(name)
            }
            (verb, [name, to @ ..]) => self.change(who, verb, (name, to.first().unwrap_or(&"")))?,
            _ => panic!("{command}"),
        };
        Ok(outcome)
    }

    fn open(
        &mut self,
        who: &str,
        (name, account_type, code): (&str, &str, &str),
        options: &BTreeMap<&str, &str>,
    ) -> Result<String, LedgerRefusal> {
        let types = [AccountType::Wallet, AccountType::Savings, AccountType::Merchant, AccountType::System];
        let account_type = types.into_iter().find(|known| known.as_str() == account_type).unwrap();
        let bound = |name| options.get(name).map(|text| AmountBound::parse(text, currency(code)).unwrap());
        let command = OpenAccount {
            account_type,
            currency: currency(code),
            owner: options.get("owner").map(|owner| user_named(owner)),
            label: None,
            alias: options.get("alias").map(|text| self.alias_claim(text)),
            credit_limit: bound("credit"),
            max_balance: bound("max"),
        };
        let owned = options.get("owned").map_or(0, |owned| owned.parse().unwrap());
        let opening = self.books.opening();
        let account = open(&command, &authority(who), owned, opening)?;
        let id = self.books.add(account);
        self.names.insert(name.to_owned(), id);
        Ok("ok".to_owned())
    }

    fn alias_claim(&self, text: &str) -> AliasClaim {
        let alias = AccountAlias::parse(text).unwrap();
        let holder = self.books.accounts.values().find(|account| account.alias.as_ref() == Some(&alias));
        AliasClaim { taken_by: holder.map(|account| account.id), alias }
    }

    fn post(&mut self, who: &str, words: &[&str], options: &BTreeMap<&str, &str>) -> Result<String, LedgerRefusal> {
        let mut postings = Vec::new();
        for draft in words.split(|word| *word == "+") {
            let [debit, credit, amount, code] = draft else { panic!("{draft:?}") };
            let currency = currency(code);
            let amount = Amount::parse(amount, currency).unwrap();
            let (debit, credit) = (self.account(debit), self.recipient(credit));
            postings.push(PostingDraft { debit, credit, amount, currency });
        }
        if let Some(times) = options.get("times") {
            postings = postings.repeat(times.parse().unwrap());
        }
        let reference = options.get("ref").map(|text| self.books.claim(text, &authority(who)));
        let wanted = |text: &&str| AmountBound::parse(text, postings[0].currency).unwrap();
        let available_at_least = options.get("if").map(wanted);
        let posted = self.books.post(&PostTransaction { postings, reference, available_at_least }, &authority(who))?;
        Ok(self.posted(&posted))
    }

    fn change(&mut self, who: &str, verb: &str, (name, to): (&str, &str)) -> Result<String, LedgerRefusal> {
        let authority = authority(who);
        let id = self.account(name).unwrap();
        let before = self.books.clone();
        let account = &before.accounts[&id];
        let bound = |text: &str| AmountBound::parse(text, account.currency).unwrap();
        let claim = (verb == "alias").then(|| self.alias_claim(to));
        let change = match verb {
            "freeze" if to == "all" => freeze(account, FreezeScope::All, &authority),
            "freeze" => freeze(account, FreezeScope::Debits, &authority),
            "unfreeze" => unfreeze(account, &authority),
            "credit-limit" => set_credit_limit(account, bound(to), &authority),
            "max-balance" => set_max_balance(account, (to != "none").then(|| bound(to)), &authority),
            "alias" => assign_alias(account, &claim.unwrap(), &authority),
            "label" => relabel(account, AccountLabel::parse(to).ok(), &authority),
            "balance-at" => {
                let at = Timestamp::from_micros(to.parse::<i64>().unwrap() * 1_000_000);
                check_reading_time(account, at, self.books.now)?;
                return Ok("ok".to_owned());
            }
            _ => panic!("{verb}"),
        }?;
        let outcome = if change == AccountChange::Unchanged { "unchanged" } else { "ok" };
        self.books.change(id, |_| Ok(change))?;
        Ok(outcome.to_owned())
    }

    /// The account with this name; a system account is opened when it is first named.
    fn account(&mut self, name: &str) -> Option<AccountId> {
        if let Some(id) = self.names.get(name) {
            return Some(*id);
        }
        let (account, code) = SystemAccount::named(&AccountAlias::look_up(name).ok()?)?;
        let currency = currency(code.as_str());
        let id = self.books.system(&account, currency);
        self.names.insert(name.to_owned(), id);
        Some(id)
    }

    fn recipient(&mut self, name: &str) -> PostingRecipient {
        match name.strip_prefix('@') {
            Some(name) => PostingRecipient::UserName(self.names.get(name).copied()),
            None => PostingRecipient::Account(self.account(name)),
        }
    }

    fn posted(&self, posted: &Posted) -> String {
        let mut outcome = format!("t{} {}", self.books.transactions.len(), posted.transaction.kind.as_str());
        for account in &posted.accounts {
            let name = self.names.iter().find(|(_, id)| **id == account.id).unwrap().0;
            outcome.push_str(&format!(" {name}={}", account.currency.format(account.balance_minor())));
        }
        outcome
    }

    fn show(&self, name: &str) -> String {
        let account = &self.books.accounts[&self.names[name]];
        let available = match account.available() {
            Available::Minor(minor) => account.currency.format(minor),
            Available::Unlimited => "unlimited".to_owned(),
        };
        let balance = account.currency.format(account.balance_minor());
        let last = account.last_entry_at.as_seconds();
        format!("{} balance={balance} available={available} last={last}", account.status.as_str())
    }
}

/// A refusal's code, place and facts.
fn refused(refusal: LedgerRefusal) -> String {
    let at = match refusal.place() {
        None => String::new(),
        Some(LedgerPlace::Account) => " account".to_owned(),
        Some(LedgerPlace::Posting(position, EntrySide::Debit)) => format!(" debit {position}"),
        Some(LedgerPlace::Posting(position, EntrySide::Credit)) => format!(" credit {position}"),
    };
    let money = |minor: i128, currency: Currency| currency.format(minor);
    let facts = match refusal {
        LedgerRefusal::InsufficientFunds { available_minor, required_minor, currency, .. } => {
            format!(" available={} required={}", money(available_minor, currency), money(required_minor, currency))
        }
        LedgerRefusal::ConditionFailed { available_minor, wanted, currency, .. } => {
            format!(" available={} wanted={}", money(available_minor, currency), money(wanted.minor(), currency))
        }
        LedgerRefusal::AccountNotEmpty { balance_minor: minor, currency }
        | LedgerRefusal::CreditLimitInUse { used_minor: minor, currency }
        | LedgerRefusal::MaxBalanceBelowBalance { balance_minor: minor, currency } => {
            format!(" {}", money(minor, currency))
        }
        LedgerRefusal::DuplicateReference { existing: id }
        | LedgerRefusal::ReversalOfReversal { reverses: id }
        | LedgerRefusal::AlreadyReversed { by: id } => format!(" t{}", (id.uuid().as_u128() & 0xffff) + 1),
        LedgerRefusal::CurrencyMismatch { account, posting, .. } => format!(" {posting} in {account}"),
        LedgerRefusal::SeveralCurrencies { first, found, .. } => format!(" {first} and {found}"),
        LedgerRefusal::AccountFrozen { scope, .. } => format!(" {}", scope.as_str()),
        LedgerRefusal::PostingCount { count, most } => format!(" {count} of {most}"),
        LedgerRefusal::AdministratorsOnly { member } => format!(" {member}"),
        LedgerRefusal::TooManyAccounts { most } => format!(" {most}"),
        LedgerRefusal::TypeNotOpenable { account_type } => format!(" {}", account_type.as_str()),
        LedgerRefusal::TimeAhead { latest } => format!(" {}", latest.as_seconds()),
        _ => String::new(),
    };
    format!("{}{at}{facts}", refusal.code())
}
