//! A naive ledger, written independently of the rules: it keeps every movement, adds all of them up for each question,
//! collects all reasons against a command and returns the first one.

/// The caller of a command, in plain flags.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelCaller {
    pub(super) name: usize,
    pub(super) user: Option<usize>,
    pub(super) may_operate: bool,
    pub(super) may_move: bool,
    pub(super) may_issue: bool,
    pub(super) has_reason: bool,
}

impl ModelCaller {
    fn is_plain(&self) -> bool {
        !self.may_operate && !self.may_move && !self.may_issue
    }
}

#[derive(Debug, Clone)]
pub(super) struct ModelAccount {
    pub(super) owner: Option<usize>,
    pub(super) is_unclaimed: bool,
    pub(super) currency: usize,
    pub(super) credit: i128,
    pub(super) most: Option<i128>,
    pub(super) stops_debits: bool,
    pub(super) stops_credits: bool,
    pub(super) is_closed: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Movement {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) amount: i128,
    pub(super) at: i64,
}

/// A requested posting: the numbers may name no account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) by_name: bool,
    pub(super) amount: i128,
    pub(super) currency: usize,
}

/// Code, place (`d0`: debit of the first posting), and the available funds if the refusal states them.
pub(super) type No = (&'static str, String, Option<i128>);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Reversal,
    Sweep,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) accounts: Vec<ModelAccount>,
    pub(super) movements: Vec<Movement>,
    pub(super) suspended: [bool; 4],
    pub(super) now: i64,
    transactions: Vec<(Vec<Asked>, Option<usize>)>,
    references: Vec<(usize, usize)>,
}

const LARGEST: i128 = 1_000_000_000_000_000_000_000_000_000;

impl Model {
    pub(super) fn balances(&self) -> Vec<i128> {
        let mut balances = vec![0; self.accounts.len()];
        for movement in &self.movements {
            balances[movement.from] -= movement.amount;
            balances[movement.to] += movement.amount;
        }
        balances
    }

    pub(super) fn balance_at(&self, account: usize, at: i64) -> i128 {
        let until = self.movements.iter().filter(|movement| movement.at <= at);
        until.map(|movement| self.effect(account, movement.from, movement.to, movement.amount)).sum()
    }

    fn effect(&self, account: usize, from: usize, to: usize, amount: i128) -> i128 {
        if account == from {
            -amount
        } else if account == to {
            amount
        } else {
            0
        }
    }

    /// The balance after the first `count` of `asked`, even if they are refused.
    fn balance_after(&self, account: usize, asked: &[Asked], count: usize) -> i128 {
        let pending: i128 = asked[..count].iter().map(|a| self.effect(account, a.from, a.to, a.amount)).sum();
        self.balance_at(account, i64::MAX) + pending
    }

    pub(super) fn post(
        &mut self,
        caller: ModelCaller,
        asked: &[Asked],
        reference: Option<usize>,
        at_least: Option<i128>,
    ) -> Result<(), No> {
        self.check_form(caller, asked)?;
        self.check_reference(caller, reference)?;
        self.check(caller, asked, at_least, Kind::Plain)?;
        self.apply(caller, asked, reference, None);
        Ok(())
    }

    fn check_form(&self, caller: ModelCaller, asked: &[Asked]) -> Result<(), No> {
        if let Some(at) = asked.iter().position(|a| a.from == a.to && a.from < self.accounts.len()) {
            return Err(("same_account", format!("d{at}"), None));
        }
        let mixed = asked.iter().position(|a| a.currency != asked[0].currency);
        if let (Some(at), true) = (mixed, caller.is_plain()) {
            return Err(("several_currencies", format!("d{at}"), None));
        }
        Ok(())
    }

    fn check_reference(&self, caller: ModelCaller, reference: Option<usize>) -> Result<(), No> {
        let taken = reference.is_some_and(|reference| self.references.contains(&(caller.name, reference)));
        if taken { Err(("duplicate_reference", String::new(), None)) } else { Ok(()) }
    }

    fn check(&self, caller: ModelCaller, asked: &[Asked], at_least: Option<i128>, kind: Kind) -> Result<(), No> {
        let mut against = Vec::new();
        for at in 0..asked.len() {
            let floor = at_least.filter(|_| at == 0);
            for (rank, code, available) in self.against_payer(caller, asked, at, (floor, kind)) {
                against.push(((0, at, rank), (code, format!("d{at}"), available)));
            }
            for (rank, code) in self.against_recipient(caller, asked, at, kind) {
                let code = if asked[at].by_name { "recipient_unavailable" } else { code };
                against.push(((1, at, rank), (code, format!("c{at}"), None)));
            }
        }
        against.sort_by_key(|(order, _)| *order);
        match against.into_iter().next() {
            Some((_, (code, at, available))) => {
                Err((code, if code == "reason_required" { String::new() } else { at }, available))
            }
            None => Ok(()),
        }
    }

    fn against_payer(
        &self,
        caller: ModelCaller,
        asked: &[Asked],
        at: usize,
        (floor, kind): (Option<i128>, Kind),
    ) -> Vec<(u8, &'static str, Option<i128>)> {
        let Asked { from, amount, currency, .. } = asked[at];
        let Some(payer) = self.accounts.get(from) else { return vec![(1, "account_not_found", None)] };
        let mut against = Vec::new();
        let is_own = payer.owner.is_some() && payer.owner == caller.user;
        match payer.owner {
            None => against.extend(self.against_system(caller, payer, kind).map(|(rank, code)| (rank, code, None))),
            Some(_) if is_own || caller.may_move => {}
            Some(_) if !caller.may_operate => against.push((1, "account_not_found", None)),
            Some(_) if !caller.has_reason => against.push((2, "reason_required", None)),
            Some(_) => {}
        }
        if payer.currency != currency {
            against.push((3, "currency_mismatch", None));
        }
        if payer.is_closed {
            against.push((4, "account_closed", None));
        }
        if payer.stops_debits {
            against.push((5, "account_frozen", None));
        }
        if payer.owner.is_some_and(|owner| self.suspended[owner]) && !caller.may_operate {
            against.push((6, "owner_suspended", None));
        }
        let balance = self.balance_after(from, asked, at);
        if payer.owner.is_some() {
            let available = balance + payer.credit;
            if floor.is_some_and(|floor| available < floor) {
                against.push((7, "condition_failed", Some(available)));
            }
            if available < amount {
                against.push((8, "insufficient_funds", Some(available)));
            }
        }
        if balance - amount < -LARGEST {
            against.push((9, "amount_overflow", None));
        }
        against
    }

    fn against_recipient(
        &self,
        caller: ModelCaller,
        asked: &[Asked],
        at: usize,
        kind: Kind,
    ) -> Vec<(u8, &'static str)> {
        let Some(recipient) = self.accounts.get(asked[at].to) else { return vec![(1, "account_not_found")] };
        let mut against = Vec::new();
        if recipient.owner.is_none() {
            against.extend(self.against_system(caller, recipient, kind));
        }
        if recipient.currency != asked[at].currency {
            against.push((3, "currency_mismatch"));
        }
        if recipient.is_closed {
            against.push((4, "account_closed"));
        }
        if recipient.stops_credits {
            against.push((5, "account_frozen"));
        }
        let balance = self.balance_after(asked[at].to, asked, at + 1);
        if recipient.most.is_some_and(|most| balance > most) {
            against.push((6, "max_balance_exceeded"));
        }
        if balance > LARGEST {
            against.push((7, "amount_overflow"));
        }
        against
    }

    fn against_system(&self, caller: ModelCaller, account: &ModelAccount, kind: Kind) -> Option<(u8, &'static str)> {
        let puts_aside = kind == Kind::Sweep && account.is_unclaimed && caller.may_operate;
        match (caller.is_plain(), caller.may_issue || puts_aside, caller.has_reason) {
            (true, _, _) => Some((1, "account_not_found")),
            (false, false, _) => Some((1, "system_account_reserved")),
            (false, true, false) => Some((2, "reason_required")),
            (false, true, true) => None,
        }
    }

    fn last_time(&self, account: usize) -> i64 {
        let own = self.movements.iter().filter(|movement| movement.from == account || movement.to == account);
        own.map(|movement| movement.at).max().unwrap_or(0)
    }

    fn apply(&mut self, caller: ModelCaller, asked: &[Asked], reference: Option<usize>, reverses: Option<usize>) {
        let touched = asked.iter().flat_map(|a| [a.from, a.to]);
        let at = touched.map(|account| self.last_time(account)).max().unwrap_or(0).max(self.now);
        let movement = |a: &Asked| Movement { from: a.from, to: a.to, amount: a.amount, at };
        self.movements.extend(asked.iter().map(movement));
        self.transactions.push((asked.to_vec(), reverses));
        self.references.extend(reference.map(|reference| (caller.name, reference)));
    }

    pub(super) fn transaction_count(&self) -> usize {
        self.transactions.len()
    }

    pub(super) fn reverse(&mut self, caller: ModelCaller, number: usize, reference: Option<usize>) -> Result<(), No> {
        self.check_reference(caller, reference)?;
        let (original, reverses) = self.transactions[number].clone();
        let own =
            |account: usize| self.accounts[account].owner.is_some() && self.accounts[account].owner == caller.user;
        let plain = |code| Err((code, String::new(), None));
        if caller.is_plain() && !original.iter().any(|a| own(a.from) || own(a.to)) {
            return plain("transaction_not_found");
        }
        if !caller.may_operate && !original.iter().all(|a| own(a.to)) {
            return plain("reversal_forbidden");
        }
        if reverses.is_some() {
            return plain("reversal_of_reversal");
        }
        if self.transactions.iter().any(|(_, reverses)| *reverses == Some(number)) {
            return plain("already_reversed");
        }
        let opposite = |a: &Asked| Asked { from: a.to, to: a.from, by_name: false, ..*a };
        let asked: Vec<Asked> = original.iter().rev().map(opposite).collect();
        let judged = self.check_form(caller, &asked).and_then(|()| self.check(caller, &asked, None, Kind::Reversal));
        judged.map_err(|(code, at, available)| {
            let counted_from_the_end = |at: &str| asked.len() - 1 - at[1..].parse::<usize>().unwrap();
            let at = if at.is_empty() { at } else { format!("{}{}", &at[..1], counted_from_the_end(&at)) };
            (code, at, available)
        })?;
        self.apply(caller, &asked, reference, Some(number));
        Ok(())
    }

    pub(super) fn close(&mut self, caller: ModelCaller, number: usize, to: Option<(usize, bool)>) -> Result<(), No> {
        let account = &self.accounts[number];
        let refuse = |code, at: &str| Err((code, at.to_owned(), None));
        let is_own = account.owner.is_some() && account.owner == caller.user;
        if !is_own && caller.is_plain() {
            return refuse("account_not_found", "a");
        }
        if account.owner.is_none() {
            return refuse("system_account_fixed", "");
        }
        if !is_own && !caller.may_operate {
            return refuse("operators_only", "");
        }
        if !is_own && !caller.has_reason {
            return refuse("reason_required", "");
        }
        if account.is_closed {
            return refuse("account_closed", "a");
        }
        if account.stops_debits {
            return refuse("account_frozen", "a");
        }
        let amount = self.balances()[number];
        match to {
            _ if amount == 0 => {}
            Some((to, by_name)) if amount > 0 => {
                let asked = [Asked { from: number, to, by_name, amount, currency: account.currency }];
                self.check_form(caller, &asked)?;
                self.check(caller, &asked, None, Kind::Sweep)?;
                self.apply(caller, &asked, None, None);
            }
            _ => return refuse("account_not_empty", ""),
        }
        self.accounts[number].is_closed = true;
        Ok(())
    }

    /// The first reason against an operator's change of an account.
    pub(super) fn check_change(&self, caller: ModelCaller, number: usize) -> Result<(), No> {
        let account = &self.accounts[number];
        let is_own = account.owner.is_some() && account.owner == caller.user;
        let code = match account {
            _ if caller.is_plain() && !is_own => "account_not_found",
            _ if !caller.may_operate => "operators_only",
            ModelAccount { owner: None, .. } => "system_account_fixed",
            _ if !caller.has_reason => "reason_required",
            ModelAccount { is_closed: true, .. } => "account_closed",
            _ => return Ok(()),
        };
        let at = if ["account_not_found", "account_closed"].contains(&code) { "a" } else { "" };
        Err((code, at.to_owned(), None))
    }
}
