//! Random histories, run against the rules and a naive model: both agree on each outcome, and all invariants hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    books::{Books, currency, user},
    model::{Asked, Model, ModelAccount, ModelCaller, No},
};
use crate::{
    domain::ledger::{
        Account, AccountCounters, AccountId, AccountOwner, AccountType, Authority, Available, CloseAccount, EntrySide,
        FreezeScope, LedgerPlace, LedgerRefusal, MoneyPower, OpenAccount, PostTransaction, PostingDraft,
        PostingRecipient, SystemAccount, check_entry, check_reading_time, freeze, open, set_credit_limit,
        set_max_balance, unfreeze,
    },
    types::{
        Timestamp,
        money::{Amount, AmountBound},
    },
};

const CURRENCIES: [&str; 3] = ["USD", "EUR", "JPY"];
const ACCOUNTS: usize = 20;
/// The system accounts among them: the world in each currency, and unclaimed dollars.
const SYSTEM: usize = 4;
const COMMANDS: usize = 50;

/// A command as bytes: verb, caller, object, and up to four postings.
type Bytes = [u8; 32];

fn callers() -> Vec<(ModelCaller, Authority)> {
    let mut callers = Vec::new();
    let mut add = |user_number: Option<usize>, authority: Authority, has_reason| {
        let who = ModelCaller {
            name: user_number.unwrap_or(99 + callers.len()),
            user: user_number,
            may_operate: authority.has(MoneyPower::Operate),
            may_move: authority.has(MoneyPower::Move),
            may_issue: authority.has(MoneyPower::Issue),
            has_reason,
        };
        callers.push((who, authority));
    };
    let of = |number: usize| Authority::user(user(number as u128));
    (0..4).for_each(|number| add(Some(number), of(number), false));
    let operate = |number| of(number).with(MoneyPower::Operate);
    add(Some(4), operate(4).with(MoneyPower::Issue).with_reason(), true);
    add(Some(5), operate(5).with_reason(), true);
    add(Some(5), operate(5), false);
    add(Some(0), operate(0), false);
    add(Some(6), of(6).with(MoneyPower::Move), false);
    add(Some(7), of(7).with(MoneyPower::Issue).with_reason(), true);
    add(Some(7), of(7).with(MoneyPower::Issue), false);
    add(None, Authority::operator().with_reason(), true);
    add(None, Authority::product(), true);
    callers
}

struct History {
    books: Books,
    model: Model,
    ids: Vec<AccountId>,
    callers: Vec<(ModelCaller, Authority)>,
    /// Answers about past times: account, second, balance.
    past_balances: Vec<(usize, i64, i128)>,
    outcomes: BTreeMap<&'static str, usize>,
}

impl History {
    fn new() -> Self {
        let (books, model) = (Books::default(), Model::default());
        let mut history = Self {
            books,
            model,
            ids: Vec::new(),
            callers: callers(),
            past_balances: Vec::new(),
            outcomes: BTreeMap::new(),
        };
        (0..ACCOUNTS).for_each(|number| history.open(number));
        history
    }

    fn open(&mut self, number: usize) {
        let is_unclaimed = number == SYSTEM - 1;
        let currency_number = if is_unclaimed { 0 } else { number % CURRENCIES.len() };
        let currency = currency(CURRENCIES[currency_number]);
        let owner = (number >= SYSTEM).then_some(number % 4);
        let bound = |minor| AmountBound::from_minor(minor).unwrap();
        let credit = if number.is_multiple_of(3) { 300 } else { 0 };
        let most = number.is_multiple_of(7).then_some(1_000);
        let stamp = self.books.opening();
        let id = if let Some(owner) = owner {
            let command = OpenAccount {
                account_type: AccountType::Wallet,
                currency,
                owner: Some(user(owner as u128)),
                label: None,
                alias: None,
                credit_limit: Some(bound(credit)),
                max_balance: most.map(bound),
            };
            self.books.add(open(&command, &Authority::product(), 0, stamp).unwrap())
        } else {
            let account = if is_unclaimed { SystemAccount::Unclaimed } else { SystemAccount::World };
            self.books.system(&account, currency)
        };
        self.ids.push(id);
        self.model.accounts.push(ModelAccount {
            owner,
            is_unclaimed,
            currency: currency_number,
            credit: owner.map_or(0, |_| credit),
            most: owner.and(most),
            stops_debits: false,
            stops_credits: false,
            is_closed: false,
        });
    }

    /// Runs one command on both and compares.
    fn step(&mut self, bytes: &Bytes) {
        // Users order most postings; any caller orders most other commands.
        let who = if bytes[0] < 90 && bytes[1] < 150 { bytes[1] % 4 } else { bytes[1] % 13 };
        let (who, authority) = self.callers[usize::from(who)].clone();
        let number = usize::from(bytes[2]) % ACCOUNTS;
        let reference = (bytes[3] < 60).then_some(usize::from(bytes[3] % 3));
        let (ruled, modelled) = match bytes[0] {
            0..90 => self.post(&authority, who, self.asked(who, bytes), (reference, bytes[4])),
            90..165 => self.issue(bytes),
            165..195 => self.reverse(&authority, who, (usize::from(bytes[2]), reference)),
            195..205 => self.close(&authority, who, (number, bytes)),
            205..243 => self.change(&authority, who, (number, bytes)),
            243..248 => {
                let owner = number % 4;
                self.model.suspended[owner] = !self.model.suspended[owner];
                if !self.books.suspended.insert(user(owner as u128)) {
                    self.books.suspended.remove(&user(owner as u128));
                }
                (Ok(()), Ok(()))
            }
            248.. => {
                self.pass(i64::from(bytes[2]) - 60);
                (Ok(()), Ok(()))
            }
        };
        let ruled = ruled.map_err(|refusal| (refusal.code(), place(refusal), available(refusal)));
        assert_eq!(ruled, modelled, "by {who:?}");
        *self.outcomes.entry(ruled.map_or_else(|(code, _, _)| code, |()| "done")).or_default() += 1;
        self.check(number);
    }

    /// Postings between own accounts and others of the same currency, mostly.
    fn asked(&self, who: ModelCaller, bytes: &Bytes) -> Vec<Asked> {
        let count = if bytes[5] < 140 { 1 } else { 1 + usize::from(bytes[5] % 4) };
        let owned_by = |number: &usize| self.model.accounts[*number].owner == who.user && who.user.is_some();
        let own: Vec<usize> = (0..ACCOUNTS).filter(owned_by).collect();
        let mut asked: Vec<Asked> = Vec::new();
        for part in bytes[8..].chunks(6).take(count) {
            let is_alike =
                |from: &usize| asked.first().is_none_or(|first| self.model.accounts[*from].currency == first.currency);
            let own: Vec<usize> = own.iter().copied().filter(is_alike).collect();
            asked.push(self.posting(&own, part));
        }
        asked
    }

    fn posting(&self, own: &[usize], part: &[u8]) -> Asked {
        let any = |byte: u8| usize::from(byte) % (ACCOUNTS + 1);
        let from = if part[1] < 245 && !own.is_empty() { own[usize::from(part[0]) % own.len()] } else { any(part[0]) };
        let currency = self.model.accounts.get(from).map_or(0, |account| account.currency);
        let is_alike = |to: &usize| *to != from && self.model.accounts[*to].currency == currency;
        let alike: Vec<usize> = (SYSTEM..ACCOUNTS).filter(is_alike).collect();
        let to = if part[3] < 240 { alike[usize::from(part[2]) % alike.len()] } else { any(part[2]) };
        let by_name = part[3].is_multiple_of(3) && to >= SYSTEM;
        let currency = if part[5] < 245 { currency } else { usize::from(part[5]) % CURRENCIES.len() };
        Asked { from, to, by_name, amount: amount(part[4]), currency }
    }

    /// Issues money, so that there is some to move.
    fn issue(&mut self, bytes: &Bytes) -> Compared {
        let to = SYSTEM + usize::from(bytes[2]) % (ACCOUNTS - SYSTEM);
        let currency = self.model.accounts[to].currency;
        let (who, authority) = self.callers[4].clone();
        let asked = vec![Asked { from: currency, to, by_name: false, amount: amount(bytes[3]), currency }];
        self.post(&authority, who, asked, (None, 255))
    }

    fn post(
        &mut self,
        authority: &Authority,
        who: ModelCaller,
        asked: Vec<Asked>,
        (reference, condition): (Option<usize>, u8),
    ) -> Compared {
        let id = |number: usize| self.ids.get(number).copied();
        let draft = |a: &Asked| PostingDraft {
            debit: id(a.from),
            credit: if a.by_name { PostingRecipient::UserName(id(a.to)) } else { PostingRecipient::Account(id(a.to)) },
            amount: Amount::from_minor(a.amount).unwrap(),
            currency: currency(CURRENCIES[a.currency]),
        };
        let at_least = (condition < 30).then_some(i128::from(condition) * 20);
        let command = PostTransaction {
            postings: asked.iter().map(draft).collect(),
            reference: reference.map(|reference| self.books.claim(&reference.to_string(), authority)),
            available_at_least: at_least.map(|minor| AmountBound::from_minor(minor).unwrap()),
        };
        let ruled = self.books.post(&command, authority).map(|_| ());
        (ruled, self.model.post(who, &asked, reference, at_least))
    }

    fn reverse(
        &mut self,
        authority: &Authority,
        who: ModelCaller,
        (from_end, reference): (usize, Option<usize>),
    ) -> Compared {
        let count = self.model.transaction_count();
        if count == 0 {
            return (Ok(()), Ok(()));
        }
        // The newest transactions are reversed most often, by callers who may.
        let number = count - 1 - (from_end % 7).min(count - 1);
        let original = self.books.transactions[number].clone();
        let claim = reference.map(|reference| self.books.claim(&reference.to_string(), authority));
        let ruled = self.books.reverse(&original, claim, authority).map(|_| ());
        (ruled, self.model.reverse(who, number, reference))
    }

    fn close(&mut self, authority: &Authority, who: ModelCaller, (number, bytes): (usize, &Bytes)) -> Compared {
        let posting = self.posting(&[number], &bytes[8..14]);
        let to = (bytes[5] < 170).then_some(if bytes[6] < 30 { SYSTEM - 1 } else { posting.to });
        let by_name = posting.by_name && to != Some(SYSTEM - 1);
        let target = |number: usize| match by_name {
            true => PostingRecipient::UserName(self.ids.get(number).copied()),
            false => PostingRecipient::Account(self.ids.get(number).copied()),
        };
        let command = CloseAccount { account: self.ids[number], sweep_to: to.map(target) };
        let ruled = self.books.close(command, authority);
        (ruled, self.model.close(who, number, to.map(|to| (to, by_name))))
    }

    fn change(&mut self, authority: &Authority, who: ModelCaller, (number, bytes): (usize, &Bytes)) -> Compared {
        let bound = |minor| AmountBound::from_minor(minor).unwrap();
        // Credit limits are small, balances may be large.
        let wanted = if bytes[0] < 234 { i128::from(bytes[5]) } else { amount(bytes[5]) - 1 };
        let balance = self.model.balances()[number];
        let modelled = self.model.check_change(who, number);
        let account = &mut self.model.accounts[number];
        let is_all = bytes[4] < 160;
        let id = self.ids[number];
        let ruled = match bytes[0] {
            ..212 => {
                let scope = if is_all { FreezeScope::All } else { FreezeScope::Debits };
                self.books.change(id, |account| freeze(account, scope, authority))
            }
            212..225 => self.books.change(id, |account| unfreeze(account, authority)),
            225..234 => self.books.change(id, |account| set_credit_limit(account, bound(wanted), authority)),
            234.. => {
                self.books.change(id, |account| set_max_balance(account, is_all.then(|| bound(wanted)), authority))
            }
        };
        let modelled = modelled.and_then(|()| match bytes[0] {
            225..234 if wanted < -balance => Err(("credit_limit_in_use", String::new(), None)),
            234.. if is_all && wanted < balance => Err(("max_balance_below_balance", String::new(), None)),
            ..212 => {
                (account.stops_debits, account.stops_credits) = (true, is_all);
                Ok(())
            }
            212..225 => {
                (account.stops_debits, account.stops_credits) = (false, false);
                Ok(())
            }
            225..234 => {
                account.credit = wanted;
                Ok(())
            }
            234.. => {
                account.most = is_all.then_some(wanted);
                Ok(())
            }
        });
        (ruled, modelled)
    }

    fn pass(&mut self, seconds: i64) {
        self.books.pass(seconds);
        self.model.now += seconds;
        // After the clock was set back, a later time is in the future again for accounts without entries there.
        self.past_balances.retain(|(_, at, _)| *at < self.model.now);
    }

    /// The invariants after every command.
    fn check(&mut self, number: usize) {
        let balances = self.model.balances();
        let mut sums = [0_i128; 3];
        for (id, balance) in self.ids.iter().zip(&balances) {
            let account = &self.books.accounts[id];
            assert_eq!(account.balance_minor(), *balance);
            assert!(account.available() >= Available::Minor(0), "under its limit");
            let known = CURRENCIES.iter().position(|code| *code == account.currency.code().as_str()).unwrap();
            sums[known] += account.counters.debits_posted - account.counters.credits_posted;
        }
        assert_eq!(sums, [0; 3], "money is conserved in every currency");

        let account = &self.books.accounts[&self.ids[number]];
        let over = self.books.now.max(account.last_entry_at).as_seconds() - 1;
        let at = Timestamp::from_micros(over * 1_000_000);
        assert_eq!(check_reading_time(account, at, self.books.now), Ok(()));
        if over < self.model.now {
            self.past_balances.push((number, over, self.balance_at(number, over)));
        }
    }

    /// The counters of the newest entry that is not after `second`, as a reverse seek would find it.
    fn balance_at(&self, number: usize, second: i64) -> i128 {
        let entries = self.books.entries.get(&self.ids[number]).map(Vec::as_slice).unwrap_or_default();
        let found = entries.iter().rev().find(|entry| entry.at.as_seconds() <= second);
        found.map(|entry| entry.counters).unwrap_or_default().balance_minor()
    }

    /// The invariants of the whole: statements add up and agree with balances at any time.
    fn end(&self) {
        for (number, id) in self.ids.iter().enumerate() {
            let account: &Account = &self.books.accounts[id];
            let entries = self.books.entries.get(id).map(Vec::as_slice).unwrap_or_default();
            let mut before = None;
            for entry in entries {
                assert_eq!(check_entry(before, entry), Ok(()));
                before = Some(entry);
                let second = entry.at.as_seconds();
                assert_eq!(self.balance_at(number, second), self.model.balance_at(number, second));
            }
            assert_eq!(before.map(|entry| entry.counters).unwrap_or_default(), account.counters);
            assert_eq!(before.map_or(0, |entry| entry.number), account.entry_count);
            let is_empty = account.counters == AccountCounters::default() || account.balance_minor() == 0;
            assert!(is_empty || account.status.as_str() != "closed", "a closed account holds nothing");
            assert_eq!(account.is_system(), account.owner == AccountOwner::System);
        }
        for (number, second, balance) in &self.past_balances {
            assert_eq!(self.balance_at(*number, *second), *balance, "the balance of a past time");
        }
        for transaction in &self.books.transactions {
            let entries = self.books.entries.values().flatten().filter(|entry| entry.transaction == transaction.id);
            let times: Vec<_> = entries.map(|entry| entry.at).collect();
            assert_eq!(times, vec![transaction.posted_at; transaction.postings.len() * 2]);
        }
    }
}

type Compared = (Result<(), LedgerRefusal>, Result<(), No>);

/// Mostly small, sometimes near the limit of an amount.
fn amount(byte: u8) -> i128 {
    match byte {
        ..200 => i128::from(byte) * 3 + 1,
        200..245 => i128::from(byte - 199) * 10_000,
        245..250 => 9 * 10_i128.pow(26),
        250.. => 10_i128.pow(27),
    }
}

fn place(refusal: LedgerRefusal) -> String {
    match refusal.place() {
        None => String::new(),
        Some(LedgerPlace::Account) => "a".to_owned(),
        Some(LedgerPlace::Posting(position, EntrySide::Debit)) => format!("d{position}"),
        Some(LedgerPlace::Posting(position, EntrySide::Credit)) => format!("c{position}"),
    }
}

fn available(refusal: LedgerRefusal) -> Option<i128> {
    match refusal {
        LedgerRefusal::InsufficientFunds { available_minor, .. }
        | LedgerRefusal::ConditionFailed { available_minor, .. } => Some(available_minor),
        _ => None,
    }
}

fn bytes([first, second]: [u128; 2]) -> Bytes {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&first.to_be_bytes());
    bytes[16..].copy_from_slice(&second.to_be_bytes());
    bytes
}

/// Histories of 50 commands over 20 accounts in 3 currencies; 10,000 in all, in parts that run in parallel.
fn run(histories: u32) -> BTreeMap<&'static str, usize> {
    let mut outcomes = BTreeMap::new();
    let config = ProptestConfig { cases: histories, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let seen = std::cell::RefCell::new(&mut outcomes);
    let commands = prop::collection::vec(any::<[u128; 2]>(), COMMANDS);
    let result = runner.run(&commands, |commands| {
        let mut history = History::new();
        commands.iter().for_each(|words| history.step(&bytes(*words)));
        history.end();
        for (code, count) in history.outcomes {
            *seen.borrow_mut().entry(code).or_default() += count;
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    outcomes
}

#[test]
fn the_rules_decide_as_the_model_does() {
    let outcomes = run(5_000);
    println!("{outcomes:?}");
    // Every refusal that these commands can lead to occurred, so the histories cover each one.
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), ALL_MET);
}

#[test]
fn the_rules_decide_as_the_model_does_again() {
    run(5_000);
}

const ALL_MET: [&str; 25] = [
    "account_closed",
    "account_frozen",
    "account_not_empty",
    "account_not_found",
    "already_reversed",
    "amount_overflow",
    "condition_failed",
    "credit_limit_in_use",
    "currency_mismatch",
    "done",
    "duplicate_reference",
    "insufficient_funds",
    "max_balance_below_balance",
    "max_balance_exceeded",
    "operators_only",
    "owner_suspended",
    "reason_required",
    "recipient_unavailable",
    "reversal_forbidden",
    "reversal_of_reversal",
    "same_account",
    "several_currencies",
    "system_account_fixed",
    "system_account_reserved",
    "transaction_not_found",
];
