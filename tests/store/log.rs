//! The event log and the audit log.

use std::{collections::BTreeSet, time::Duration};

use futures::FutureExt as _;
use majordomo::{
    domain::{
        audit::{ActionRow, AuditAction, AuditEntry, AuditLog, AuditPlace, AuditRecord, AuditResult},
        auth::actions::AuthAction,
        event::EventEnvelope,
        user::{actions::UserAction, events::UserVerified},
    },
    persistence::{
        Reader as _,
        audit::{self, AuditFilter, AuditHead, AuditRange, Walk},
        events::{self, EventFilter, EventRange, Expendable},
        persons,
    },
    types::{Fault, Page, Timestamp},
};

use sha2::{Digest as _, Sha256};

use crate::tools::{Bench, failed_login, ready, user};

impl Bench {
    /// Runs one transaction in a group of its own.
    fn commit<T: Send + 'static>(
        &mut self,
        f: impl Fn(&mut majordomo::persistence::Tx<'_>) -> Result<T, majordomo::persistence::TxFault> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut answer = Box::pin(self.store.write(self.write(), f));
        assert!(answer.as_mut().now_or_never().is_none());
        self.writer.step();
        answer.now_or_never().unwrap()
    }

    fn say(&mut self, person: u128, email: &'static str) {
        self.commit(move |tx| {
            tx.emit(failed_login(user(person), email))?;
            tx.audit(AuditRecord {
                action: AuthAction::Login.into(),
                result: AuditResult::Refused,
                subject: Some(user(person)),
                detail: format!("person={person}"),
            })?;
            Ok(())
        })
        .unwrap();
    }
}

/// Reads, by which the tests see what was committed.
impl Bench {
    fn events(&self, range: EventRange, filter: EventFilter) -> Page<EventEnvelope, u64> {
        ready(self.store.read(move |view| events::read(view, range, &filter))).unwrap()
    }

    fn entries(&self, range: AuditRange, filter: AuditFilter) -> Page<AuditEntry, AuditPlace> {
        ready(self.store.read(move |view| audit::read(view, range, &filter))).unwrap()
    }

    fn walk(&self, log: AuditLog, from: AuditHead) -> Walk {
        ready(self.store.read(move |view| audit::verify(view, log, from))).unwrap()
    }
}

const ALL: EventRange = EventRange { after: 0, limit: 100 };

#[test]
fn events_come_in_order_and_pages_join_without_a_gap() {
    let mut bench = Bench::new();
    (1..=5).for_each(|person| bench.say(person, "a@example.com"));
    assert_eq!(bench.store.head(), 5);
    let mut seen = Vec::new();
    let mut after = Some(0);
    while let Some(from) = after {
        let range = EventRange { after: from, limit: 2 };
        let page = bench.events(range, EventFilter::default());
        seen.extend(page.rows.iter().map(|event| event.sequence));
        after = page.next;
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[test]
fn events_are_filtered_by_type_and_subject() {
    let mut bench = Bench::new();
    (1..=4).for_each(|person| bench.say(person % 2, "a@example.com"));
    let about_one = EventFilter { subject: Some(user(1)), ..EventFilter::default() };
    let page = bench.events(ALL, about_one.clone());
    assert_eq!(page.rows.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(page.next, None);
    let first = bench.events(EventRange { after: 0, limit: 1 }, about_one);
    assert_eq!((first.rows.len(), first.next), (1, Some(1)));
    let others = EventFilter { types: BTreeSet::from([UserVerified::TYPE]), ..EventFilter::default() };
    assert!(bench.events(ALL, others).rows.is_empty());
}

#[test]
fn an_erased_person_is_in_no_event_and_no_entry_and_the_chain_stays_valid() {
    let mut bench = Bench::new();
    bench.say(1, "gone@example.com");
    bench.say(2, "here@example.com");
    let emails = |bench: &Bench| -> Vec<Option<String>> {
        let page = bench.events(ALL, EventFilter::default());
        page.rows.into_iter().map(|event| event.personal.email).collect()
    };
    let here = Some("here@example.com".to_owned());
    assert_eq!(emails(&bench), [Some("gone@example.com".to_owned()), here.clone()]);
    bench.commit(|tx| persons::erase(tx, user(1))).unwrap();
    assert_eq!(emails(&bench), [None, here.clone()]);
    // Later entries about the person have a new key, and the old one stays destroyed.
    bench.say(1, "again@example.com");
    assert_eq!(emails(&bench), [None, here, Some("again@example.com".to_owned())]);
    let walk = bench.walk(AuditLog::SignIns, AuditHead::default());
    assert!(matches!(walk, Walk::Whole(AuditHead { number: 3, .. })), "{walk:?}");
}

#[test]
fn old_events_are_removed_up_to_the_watermark_and_the_newest_stays() {
    let mut bench = Bench::new();
    (1..=5).for_each(|person| bench.say(person, "a@example.com"));
    let remove = |bench: &mut Bench, before, up_to| {
        bench.commit(move |tx| events::remove_old(tx, Expendable { before, up_to })).unwrap()
    };
    let later = Timestamp::from_micros(i64::MAX);
    assert_eq!(remove(&mut bench, Timestamp::ZERO, 5), 0);
    assert_eq!(remove(&mut bench, later, 2), 2);
    assert_eq!(ready(bench.store.read(move |view| events::oldest(view))).unwrap(), Some(3));
    assert_eq!(remove(&mut bench, later, 9), 2);
    assert_eq!(remove(&mut bench, later, 9), 0);
    bench.say(6, "a@example.com");
    assert_eq!(bench.store.head(), 6);
}

#[test]
fn a_changed_entry_breaks_the_chain_at_its_place() {
    let mut bench = Bench::new();
    (1..=4).for_each(|person| bench.say(person, "a@example.com"));
    let head = ready(bench.store.read(move |view| audit::head(view, AuditLog::SignIns))).unwrap();
    assert_eq!(bench.walk(AuditLog::SignIns, AuditHead::default()), Walk::Whole(head));
    let changed = bench.commit(|tx| {
        let mut row = tx.get(&audit::AUDIT_SIGN_IN_BY_NUMBER, &2)?.unwrap();
        *row.body.last_mut().unwrap() ^= 1;
        tx.put(&audit::AUDIT_SIGN_IN_BY_NUMBER, &2, &row)?;
        Ok(())
    });
    changed.unwrap();
    let walk = bench.walk(AuditLog::SignIns, AuditHead::default());
    assert!(matches!(walk, Walk::Broken { number: 2, last: AuditHead { number: 1, .. } }), "{walk:?}");
}

#[test]
fn auditors_read_newest_first_and_by_filter() {
    let mut bench = Bench::new();
    (1..=4).for_each(|person| bench.say(person % 2, "a@example.com"));
    let range = AuditRange { before: AuditPlace::NEWEST, limit: 3 };
    let page = bench.entries(range, AuditFilter::default());
    assert_eq!(page.rows.iter().map(|entry| entry.number).collect::<Vec<_>>(), [4, 3, 2]);
    assert_eq!(page.next, Some(AuditPlace { changes: 1, sign_ins: 2 }));
    let range = AuditRange { before: page.next.unwrap(), limit: 3 };
    let page = bench.entries(range, AuditFilter::default());
    assert_eq!((page.rows.len(), page.next), (1, None));
    let about_one = AuditFilter { subject: Some(user(1)), ..AuditFilter::default() };
    let range = AuditRange { before: AuditPlace::NEWEST, limit: 9 };
    let page = bench.entries(range, about_one);
    assert_eq!(page.rows.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(page.rows[0].detail, "person=1");
}

/// An entry with a time that is `seconds` later than the previous one.
fn note(bench: &mut Bench, action: impl Into<&'static ActionRow>, seconds: u64) {
    let action = action.into();
    bench.clock.advance(Duration::from_secs(seconds));
    bench.commit(move |tx| tx.audit(AuditRecord::done(action, user(1)))).unwrap();
}

/// A store with five entries in two logs, the last two at the same time.
fn noted() -> Bench {
    let mut bench = Bench::new();
    let entries: [(&'static ActionRow, u64); 5] = [
        (AuthAction::Register.into(), 1),
        (AuthAction::Login.into(), 1),
        (AuthAction::Logout.into(), 1),
        (UserAction::ChangeRoles.into(), 1),
        (AuthAction::Login.into(), 0),
    ];
    for (action, seconds) in entries {
        note(&mut bench, action, seconds);
    }
    bench
}

#[test]
fn changes_and_sign_ins_are_one_list_by_time_whose_pages_join() {
    let expected: [(AuditAction, AuditLog, u64); 5] = [
        (AuthAction::Login.into(), AuditLog::SignIns, 3),
        (UserAction::ChangeRoles.into(), AuditLog::Changes, 2),
        (AuthAction::Logout.into(), AuditLog::SignIns, 2),
        (AuthAction::Login.into(), AuditLog::SignIns, 1),
        (AuthAction::Register.into(), AuditLog::Changes, 1),
    ];
    for limit in 1..=6 {
        let mut bench = noted();
        let (mut seen, mut before) = (Vec::new(), Some(AuditPlace::NEWEST));
        while let Some(place) = before {
            let range = AuditRange { before: place, limit };
            let page = bench.entries(range, AuditFilter::default());
            assert!(page.rows.len() <= limit);
            seen.extend(page.rows.into_iter().map(|entry| (entry.action, entry.log, entry.number)));
            before = page.next;
            // Entries that are appended while pages are read are in none of them, in either log.
            note(&mut bench, AuthAction::Login, 1);
            note(&mut bench, AuthAction::Register, 1);
        }
        assert_eq!(seen, expected, "in pages of {limit}");
    }
    let bench = noted();
    let logins = AuditFilter { action: Some(AuthAction::Login.into()), ..AuditFilter::default() };
    let range = AuditRange { before: AuditPlace::NEWEST, limit: 9 };
    let page = bench.entries(range, logins);
    assert_eq!(page.rows.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn a_list_that_begins_while_one_log_is_empty_does_not_include_it_later() {
    let mut bench = Bench::new();
    (0..3).for_each(|_| note(&mut bench, AuthAction::Register, 1));
    let read = |bench: &Bench, before| {
        let range = AuditRange { before, limit: 2 };
        bench.entries(range, AuditFilter::default())
    };
    let first = read(&bench, AuditPlace::NEWEST);
    note(&mut bench, AuthAction::Login, 1);
    let second = read(&bench, first.next.unwrap());
    assert_eq!((second.rows.len(), second.rows[0].number, second.next), (1, 1, None));
}

#[test]
fn one_chain_can_be_cut_and_the_other_stays_valid() {
    let mut bench = noted();
    let cut = |tx: &mut majordomo::persistence::Tx<'_>| {
        (1..=2).try_for_each(|number| tx.delete(&audit::AUDIT_SIGN_IN_BY_NUMBER, &number))
    };
    let believed = ready(bench.store.read(move |view| audit::at(view, AuditLog::SignIns, 2))).unwrap().unwrap();
    bench.commit(cut).unwrap();
    for (log, from, number) in [(AuditLog::Changes, AuditHead::default(), 2), (AuditLog::SignIns, believed, 3)] {
        let walk = bench.walk(log, from);
        assert!(matches!(walk, Walk::Whole(head) if head.number == number), "{walk:?}");
    }
}

#[test]
fn the_hash_of_an_entry_covers_the_digest_of_its_body() {
    let bench = noted();
    let row = ready(bench.store.read(move |view| view.get(&audit::AUDIT_BY_NUMBER, &1))).unwrap().unwrap();
    let mut covered = Sha256::new();
    covered.update(b"majordomo/audit/2/audit\0");
    covered.update(1_u64.to_be_bytes());
    covered.update([0; 32]);
    covered.update(Sha256::digest(&row.body));
    assert_eq!(row.hash.as_slice(), covered.finalize().as_slice());
}
