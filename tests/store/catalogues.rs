//! The numbers of events and audit actions, and the bytes of events: `tests/store/catalogues.txt` has a line for each.
//!
//! A line is written once: `UPDATE_REFERENCE=1` adds lines and changes none. A line whose event or action was removed
//! stays, so that its number is not used again.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use majordomo::{
    domain::{
        audit::{ActionRow, Actor, AuditAction, AuditPlace, AuditRecord, AuditResult},
        auth::{actions::AuthAction, events::UserLoginFailed},
        event::{EventBodyForm, EventKind, EventRow, EventType},
        user::events::UserVerified,
    },
    persistence::{
        Tx, TxFault,
        audit::{self, AUDIT, AuditBody, AuditFilter, AuditHead, AuditRange, Walk},
        codec,
        events::{self, EVENTS, EventFilter, EventRange, StoredEvent},
    },
    types::Fault,
};

use crate::{
    bytes::{hex, recorded_file, unhex},
    tools::{Bench, failed_login, user},
};

const FILE: &str = "tests/store/catalogues.txt";

/// A number of a service of this program that no event and no action has.
const NEWER: u16 = 0x01fe;

/// The lines of the file: what a line is about, and what must not change.
fn recorded() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(recorded_file(FILE)).unwrap_or_default();
    let split = |line: &str| line.split_once(" = ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.lines().map(|line| split(line).unwrap()).collect()
}

/// The lines of the code.
fn declared() -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let mut put = |key: String, value: String| assert_eq!(lines.insert(key.clone(), value), None, "{key} twice");
    for kind in EventKind::samples() {
        let EventRow { event_type, name, schema, .. } = kind.row();
        let number = event_type.number();
        put(format!("event {number:#06x}"), (*name).to_owned());
        put(format!("body {number:#06x} {schema}"), hex(&codec::bare(&kind).unwrap()));
    }
    for ActionRow { action, name, .. } in ActionRow::all() {
        put(format!("action {:#06x}", action.number()), (*name).to_owned());
    }
    lines
}

/// The reasons for which `declared` does not fit `recorded`; lines that are only missing are no reason.
fn changes(recorded: &BTreeMap<String, String>, declared: &BTreeMap<String, String>) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut numbers: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (key, value) in recorded.iter().chain(declared) {
        let what = key.split(' ').next().unwrap();
        if what != "body" && numbers.insert((what, value), key).is_some_and(|before| before != key) {
            reasons.push(format!("{value} has two numbers"));
        }
        if recorded.get(key).is_some_and(|before| declared.get(key).unwrap_or(before) != before) {
            reasons.push(format!("{key} is recorded as {}", recorded[key]));
        }
    }
    reasons
}

#[test]
fn numbers_and_bodies_are_the_recorded_ones() {
    let (mut lines, declared) = (recorded(), declared());
    assert_eq!(changes(&lines, &declared), Vec::<String>::new(), "a number and a body never change: declare a new one");
    if std::env::vars().any(|(name, value)| name == "UPDATE_REFERENCE" && value == "1") {
        lines.extend(declared.clone());
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        std::fs::write(recorded_file(FILE), text).unwrap();
    }
    let missing: Vec<_> = declared.keys().filter(|key| !lines.contains_key(*key)).collect();
    assert!(missing.is_empty(), "UPDATE_REFERENCE=1 adds {missing:?} to {FILE}");
}

#[test]
fn a_changed_or_reused_number_and_a_changed_body_are_noticed() {
    let lines = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let before = lines(&[("event 0x0101", "user.registered"), ("body 0x0101 1", "0107")]);
    let found = |now: &[(&str, &str)]| changes(&before, &lines(now)).is_empty();
    assert!(found(&[]), "a removed event keeps its lines");
    assert!(found(&[("event 0x0101", "user.registered"), ("body 0x0101 2", "0207"), ("action 0x0101", "user.create")]));
    assert!(!found(&[("event 0x0102", "user.registered")]), "another number");
    assert!(!found(&[("event 0x0101", "user.renamed")]), "a reused number");
    assert!(!found(&[("body 0x0101 1", "0108")]), "another body under the same schema");
}

#[test]
fn every_recorded_body_is_read() {
    let samples: BTreeMap<EventType, EventKind> =
        EventKind::samples().into_iter().map(|kind| (kind.event_type(), kind)).collect();
    let mut read = BTreeSet::new();
    for (key, bytes) in recorded() {
        let Some(("body", form)) = key.split_once(' ') else { continue };
        let (number, schema) = form.split_once(' ').unwrap();
        let event_type = EventType::of(u16::from_str_radix(number.trim_start_matches("0x"), 16).unwrap());
        let Some(row) = event_type.row() else { continue };
        let form = EventBodyForm { event_type, schema: schema.parse().unwrap() };
        let kind = codec::seeded(row.name, form, &unhex(&bytes)).unwrap_or_else(|fault| panic!("{key}: {fault}"));
        assert_eq!(kind.event_type(), event_type);
        if form.schema == row.schema {
            assert_eq!(Some(&kind), samples.get(&event_type));
            read.insert(event_type);
        }
    }
    assert_eq!(read.len(), samples.len());
}

fn stored(tx: &mut Tx<'_>, kind: EventType, schema: u16, body: Vec<u8>) -> StoredEvent {
    StoredEvent {
        id: tx.id(),
        subject: user(1),
        time: tx.now(),
        correlation: "newer".to_owned(),
        causation: None,
        traceparent: None,
        kind,
        schema,
        body,
        personal: None,
    }
}

fn commit(bench: &mut Bench, f: impl Fn(&mut Tx<'_>) -> Result<(), TxFault> + Send + 'static) {
    let mut answer = Box::pin(bench.store.write(bench.write(), f));
    assert!(answer.as_mut().now_or_never().is_none());
    bench.writer.step();
    answer.now_or_never().unwrap().unwrap();
}

fn event_page(bench: &Bench, filter: EventFilter) -> Result<Vec<(u64, String, bool)>, Fault> {
    let range = EventRange { after: 0, limit: 10 };
    let page = bench.store.read(move |view| events::read(view, range, &filter)).now_or_never().unwrap()?;
    let row = |event: majordomo::domain::event::EventEnvelope| {
        (event.sequence, event.event_type.to_string(), event.kind.is_some())
    };
    Ok(page.rows.into_iter().map(row).collect())
}

#[test]
fn an_event_of_a_newer_version_is_a_row_that_filters_pass_over() {
    let newer = EventType::of(NEWER);
    let mut bench = Bench::new();
    commit(&mut bench, |tx| tx.emit(failed_login(user(1), "a@example.com")).map(|_| ()));
    commit(&mut bench, move |tx| {
        let event = stored(tx, newer, 7, vec![0xff; 9]);
        tx.append(&EVENTS, &event)
    });
    let unknown = (2, "unknown:0x01fe".to_owned(), false);
    let all = event_page(&bench, EventFilter::default()).unwrap();
    assert_eq!(all, [(1, "user.login_failed".to_owned(), true), unknown.clone()]);
    let of = |event_type| EventFilter { types: BTreeSet::from([event_type]), ..EventFilter::default() };
    assert_eq!(event_page(&bench, of(UserVerified::TYPE)).unwrap(), []);
    assert_eq!(event_page(&bench, of(newer)).unwrap(), [unknown]);
    let types = bench.store.read(|view| events::types_behind(view, 0)).now_or_never().unwrap().unwrap();
    assert_eq!(types, [(1, UserLoginFailed::TYPE), (2, newer)]);
}

#[test]
fn a_body_that_does_not_decode_is_a_fault_that_names_sequence_and_type() {
    for (schema, body, reason) in [(1, vec![16, 7], "does not decode"), (9, Vec::new(), "schema 9 is not known")] {
        let mut bench = Bench::new();
        commit(&mut bench, move |tx| {
            let event = stored(tx, UserVerified::TYPE, schema, body.clone());
            tx.append(&EVENTS, &event)
        });
        let fault = event_page(&bench, EventFilter::default()).unwrap_err().to_string();
        let place = format!("event 1 of the type user.verified (schema {schema})");
        assert!(fault.contains(&place) && fault.contains(reason), "{fault}");
        let others = EventFilter { types: BTreeSet::from([UserLoginFailed::TYPE]), ..EventFilter::default() };
        assert_eq!(event_page(&bench, others).unwrap(), [], "a filter on other types does not read the body");
    }
}

#[test]
fn an_audit_entry_of_a_newer_version_is_read_and_verified() {
    let newer = AuditAction::of(NEWER);
    let mut bench = Bench::new();
    commit(&mut bench, |tx| tx.audit(AuditRecord::done(AuthAction::Register, user(1))));
    commit(&mut bench, move |tx| {
        let body = AuditBody {
            id: tx.id(),
            time: tx.now(),
            actor: Actor::Cli,
            action: newer,
            result: AuditResult::Done,
            subject: Some(user(1)),
            request_id: "newer".to_owned(),
            detail: String::new(),
            personal: None,
        };
        tx.append(&AUDIT, &body)
    });
    let actions = |filter: AuditFilter| -> Vec<String> {
        let range = AuditRange { before: AuditPlace::NEWEST, limit: 10 };
        let page = bench.store.read(move |view| audit::read(view, range, &filter)).now_or_never().unwrap().unwrap();
        page.rows.iter().map(|entry| entry.action.to_string()).collect()
    };
    assert_eq!(actions(AuditFilter::default()), ["unknown:0x01fe", "user.register"]);
    assert_eq!(actions(AuditFilter { action: Some(newer), ..AuditFilter::default() }), ["unknown:0x01fe"]);
    let from = AuditHead::default();
    let log = majordomo::domain::audit::AuditLog::Changes;
    let walk = bench.store.read(move |view| audit::verify(view, log, from)).now_or_never().unwrap().unwrap();
    assert!(matches!(walk, Walk::Whole(head) if head.number == 2), "{walk:?}");
}
