//! The event log and the audit trail.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use majordomo::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        event::EventType,
    },
    persistence::{
        Verdict,
        audit::{self, AuditFilter, AuditHead, AuditRange, Walk},
        events::{self, EventFilter, EventRange, Expendable},
        persons,
    },
    types::{Fault, Timestamp},
};

use crate::tools::{Bench, failed_login, user};

impl Bench {
    /// Runs one transaction alone.
    fn commit<T: Send + 'static>(
        &mut self,
        f: impl Fn(&mut majordomo::persistence::Tx<'_>) -> Result<Verdict<T>, majordomo::persistence::TxFault>
        + Send
        + 'static,
    ) -> Result<T, Fault> {
        let mut answer = Box::pin(self.store.old_write(self.write(), f));
        assert!(answer.as_mut().now_or_never().is_none());
        self.writer.step();
        answer.now_or_never().unwrap()
    }

    fn say(&mut self, person: u128, email: &'static str) {
        self.commit(move |tx| {
            tx.emit(failed_login(user(person), email))?;
            tx.audit(AuditRecord {
                action: AuditAction::Login,
                result: AuditResult::Refused,
                subject: Some(user(person)),
                detail: format!("person={person}"),
            })?;
            Ok(Verdict::Commit(()))
        })
        .unwrap();
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
        let page = bench.store.read(|view| events::read(view, range, &EventFilter::default())).unwrap();
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
    let page = bench.store.read(|view| events::read(view, ALL, &about_one)).unwrap();
    assert_eq!(page.rows.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(page.next, None);
    let first = bench.store.read(|view| events::read(view, EventRange { after: 0, limit: 1 }, &about_one)).unwrap();
    assert_eq!((first.rows.len(), first.next), (1, Some(1)));
    let others = EventFilter { types: BTreeSet::from([EventType::UserVerified]), ..EventFilter::default() };
    assert!(bench.store.read(|view| events::read(view, ALL, &others)).unwrap().rows.is_empty());
}

#[test]
fn an_erased_person_is_in_no_event_and_no_entry_and_the_chain_stays_whole() {
    let mut bench = Bench::new();
    bench.say(1, "gone@example.com");
    bench.say(2, "here@example.com");
    let emails = |bench: &Bench| -> Vec<Option<String>> {
        let page = bench.store.read(|view| events::read(view, ALL, &EventFilter::default())).unwrap();
        page.rows.into_iter().map(|event| event.personal.email).collect()
    };
    let here = Some("here@example.com".to_owned());
    assert_eq!(emails(&bench), [Some("gone@example.com".to_owned()), here.clone()]);
    bench.commit(|tx| Ok(Verdict::Commit(persons::erase(tx, user(1))?))).unwrap();
    assert_eq!(emails(&bench), [None, here.clone()]);
    // What is said of the person later has a new key, and the old one does not come back.
    bench.say(1, "again@example.com");
    assert_eq!(emails(&bench), [None, here, Some("again@example.com".to_owned())]);
    let walk = bench.store.read(|view| audit::verify(view, AuditHead::default())).unwrap();
    assert!(matches!(walk, Walk::Whole(AuditHead { number: 3, .. })), "{walk:?}");
}

#[test]
fn old_events_go_up_to_the_watermark_and_the_newest_stays() {
    let mut bench = Bench::new();
    (1..=5).for_each(|person| bench.say(person, "a@example.com"));
    let remove = |bench: &mut Bench, before, up_to| {
        bench.commit(move |tx| Ok(Verdict::Commit(events::remove_old(tx, Expendable { before, up_to })?))).unwrap()
    };
    let later = Timestamp::from_micros(i64::MAX);
    assert_eq!(remove(&mut bench, Timestamp::ZERO, 5), 0);
    assert_eq!(remove(&mut bench, later, 2), 2);
    assert_eq!(bench.store.read(|view| events::oldest(view)).unwrap(), Some(3));
    assert_eq!(remove(&mut bench, later, 9), 2);
    assert_eq!(remove(&mut bench, later, 9), 0);
    bench.say(6, "a@example.com");
    assert_eq!(bench.store.head(), 6);
}

#[test]
fn a_changed_entry_breaks_the_chain_where_it_lies() {
    let mut bench = Bench::new();
    (1..=4).for_each(|person| bench.say(person, "a@example.com"));
    let head = bench.store.read(|view| audit::head(view)).unwrap();
    assert_eq!(bench.store.read(|view| audit::verify(view, AuditHead::default())).unwrap(), Walk::Whole(head));
    let changed = bench.commit(|tx| {
        use majordomo::persistence::Reader as _;
        let mut row = tx.get(&audit::AUDIT_BY_NUMBER, &2)?.unwrap();
        *row.body.last_mut().unwrap() ^= 1;
        tx.put(&audit::AUDIT_BY_NUMBER, &2, &row)?;
        Ok(Verdict::Commit(()))
    });
    changed.unwrap();
    let walk = bench.store.read(|view| audit::verify(view, AuditHead::default())).unwrap();
    assert!(matches!(walk, Walk::Broken { number: 2, last: AuditHead { number: 1, .. } }), "{walk:?}");
}

#[test]
fn auditors_read_newest_first_and_by_what_they_ask_for() {
    let mut bench = Bench::new();
    (1..=4).for_each(|person| bench.say(person % 2, "a@example.com"));
    let range = AuditRange { before: None, limit: 3 };
    let page = bench.store.read(|view| audit::read(view, range, &AuditFilter::default())).unwrap();
    assert_eq!(page.rows.iter().map(|entry| entry.number).collect::<Vec<_>>(), [4, 3, 2]);
    assert_eq!(page.next, Some(2));
    let range = AuditRange { before: page.next, limit: 3 };
    let page = bench.store.read(|view| audit::read(view, range, &AuditFilter::default())).unwrap();
    assert_eq!((page.rows.len(), page.next), (1, None));
    let about_one = AuditFilter { subject: Some(user(1)), ..AuditFilter::default() };
    let range = AuditRange { before: None, limit: 9 };
    let page = bench.store.read(|view| audit::read(view, range, &about_one)).unwrap();
    assert_eq!(page.rows.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(page.rows[0].detail, "person=1");
}
