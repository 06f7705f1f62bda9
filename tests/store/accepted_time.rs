//! An operator accepts an earlier time than the store's.

use std::time::Duration;

use futures::FutureExt as _;
use majordomo::{
    domain::{
        auth::{
            AddressState, Registration,
            lockout::{LockoutLimits, RateOrigin, Reservation, Subject, reserve},
        },
        otp::CodePurpose,
    },
    persistence::{
        Tx, TxFault, Write,
        events::{self, Expendable},
        redating::{self, Redated},
        tables::{self, failure},
    },
    types::{Clock, Network, Stamp, Timestamp},
};

use crate::{
    samples::{a_code, a_registration, a_reset_request, a_session, a_signing_key, an_invitation},
    test_store::{OpenStore, TestStore},
    tools::{failed_login, ready, user},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const TEN_YEARS: Duration = Duration::from_secs(3_650 * 24 * 3_600);
const NETWORK: RateOrigin = RateOrigin::Network(Network::V4([192, 0, 2]));

/// Runs `f` in a transaction of `write`, in a group of its own.
fn run<T: Send + 'static>(
    opened: &mut OpenStore<'_>,
    write: Write,
    f: impl Fn(&mut Tx<'_>) -> Result<T, TxFault> + Send + 'static,
) -> T {
    let mut answer = Box::pin(opened.store.write(write, f));
    assert!(answer.as_mut().now_or_never().is_none());
    opened.writer.step();
    answer.now_or_never().unwrap().unwrap()
}

/// The time of a transaction whose flow began at `now`.
fn time_of(opened: &mut OpenStore<'_>, now: Timestamp) -> Timestamp {
    let write = opened.write();
    let write = Write { stamp: Stamp { now, ..write.stamp }, ..write };
    run(opened, write, |tx| {
        tx.emit(failed_login(user(1), "ada@example.com"))?;
        Ok(tx.now())
    })
}

/// Accepts `now`, as the command does.
fn accept(test_store: &TestStore, opened: &mut OpenStore<'_>, now: Timestamp) {
    let before = test_store.disk.clock.now();
    test_store.disk.clock.set(now);
    let write = opened.write().accepting_its_time();
    run(opened, write, move |tx| redating::begin(tx, before));
}

/// Runs the walk to the end of its present round.
fn redate(opened: &mut OpenStore<'_>) -> Redated {
    loop {
        match opened.commit(redating::step).unwrap() {
            Redated::Further => {}
            done @ (Redated::Waits(_) | Redated::Finished) => return done,
        }
    }
}

#[test]
fn a_transaction_is_not_before_the_last_commit_and_not_after_the_clock_until_an_earlier_time_is_accepted() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let start = test_store.disk.clock.now();
    assert_eq!(time_of(&mut opened, start), start);
    assert_eq!(time_of(&mut opened, start.minus(DAY)), start, "a flow that waited");
    accept(&test_store, &mut opened, start.minus(DAY));
    assert_eq!(time_of(&mut opened, start.minus(DAY)), start.minus(DAY));
    assert_eq!(time_of(&mut opened, start), start.minus(DAY), "a flow that began before the acceptance");
}

#[test]
fn the_next_opening_continues_from_the_accepted_time() {
    for stops in [false, true] {
        let mut test_store = TestStore::simulated();
        let mut opened = test_store.open();
        let start = test_store.disk.clock.now();
        test_store.disk.clock.set(start.plus(TEN_YEARS));
        assert_eq!(time_of(&mut opened, start.plus(TEN_YEARS)), start.plus(TEN_YEARS));
        test_store.disk.clock.advance(DAY);
        opened.writer.checkpoint();
        accept(&test_store, &mut opened, start);
        if stops {
            test_store.disk.sim.stop_machine(7);
            drop(opened);
            test_store.disk.reboot();
        } else {
            opened.close();
        }
        let mut opened = test_store.open();
        assert_eq!(time_of(&mut opened, Timestamp::ZERO), start, "the machine stopped: {stops}");
    }
}

#[test]
fn events_from_before_an_acceptance_do_not_outlive_their_retention() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let start = test_store.disk.clock.now();
    test_store.disk.clock.set(start.plus(TEN_YEARS));
    time_of(&mut opened, start.plus(TEN_YEARS));
    accept(&test_store, &mut opened, start);
    redate(&mut opened);
    time_of(&mut opened, start);
    time_of(&mut opened, start);
    let mut removed = |before| {
        let expendable = Expendable { before, up_to: u64::MAX };
        opened.commit(move |tx| events::remove_old(tx, expendable)).unwrap()
    };
    assert_eq!(removed(start), 0, "they are as old as the acceptance");
    assert_eq!(removed(start.plus(DAY)), 2, "the newest event stays");
}

#[test]
fn a_snapshot_that_was_taken_later_than_now_does_not_delay_the_next_one() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let start = test_store.disk.clock.now();
    test_store.disk.clock.set(start.plus(TEN_YEARS));
    time_of(&mut opened, start.plus(TEN_YEARS));
    let upkeep = opened.store.upkeep().unwrap().clone();
    upkeep.take().unwrap();
    assert!(upkeep.run().unwrap().snapshot.is_none());
    accept(&test_store, &mut opened, start);
    assert!(upkeep.run().unwrap().snapshot.is_some());
    time_of(&mut opened, start);
    assert!(upkeep.run().unwrap().snapshot.is_none());
}

/// Writes a record of each kind.
fn fill(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    let (now, person) = (tx.now(), user(7));
    let session = a_session(tx, person, now);
    tables::session::insert(tx, &session)?;
    let code = a_code(tx, person, now);
    tables::code::put(tx, &code)?;
    let key = a_signing_key(tx, now);
    tables::signing_key::put(tx, &key)?;
    let request = a_reset_request(tx, now);
    tables::reset::put(tx, &request)?;
    let invitation = an_invitation(tx, now);
    tables::invitation::insert(tx, &invitation)?;
    let registration = Registration { address: AddressState::Free, ..a_registration(user(8), 8, now) };
    tables::registration::insert(tx, &registration)?;
    let limits = LockoutLimits::default();
    for _ in 0..limits.failures {
        let before = failure::find(tx, Subject::User(person), NETWORK)?;
        if let Reservation::Reserved(counted) = reserve(&before, NETWORK, now, &limits) {
            failure::put(tx, Subject::User(person), NETWORK, &counted)?;
        }
    }
    Ok(())
}

#[test]
fn records_with_later_dates_are_written_as_if_they_were_written_now_and_their_periods_keep_their_length() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    let start = test_store.disk.clock.now();
    test_store.disk.clock.set(start.plus(TEN_YEARS));
    let before = opened.write();
    run(&mut opened, before, fill);
    let state = |opened: &OpenStore<'_>| {
        ready(opened.store.read(|view| {
            let session = tables::session::of_user(view, user(7))?.remove(0);
            let code = tables::code::find(view, user(7), CodePurpose::ResetPassword)?
                .or(tables::code::find(view, user(7), CodePurpose::VerifyEmail)?)
                .unwrap();
            let key = tables::signing_key::all(view)?.remove(0);
            let registration = tables::registration::find(view, user(8))?.unwrap();
            let failures = failure::find(view, Subject::User(user(7)), NETWORK)?;
            Ok([
                session.created_at,
                session.last_used_at,
                session.idle_until,
                session.ends_at,
                session.refresh.made_at,
                code.issued_at,
                code.expires_at,
                key.stage_since,
                registration.created_at,
                registration.expires_at,
                failures.origin.clone().unwrap().last_at,
                failures.origin.unwrap().locked_until.unwrap(),
                failures.day.unwrap().since,
            ])
        }))
        .unwrap()
    };
    let late = state(&opened);
    accept(&test_store, &mut opened, start);
    assert_eq!(redate(&mut opened), Redated::Waits(Duration::from_secs(60)));
    assert_eq!(state(&opened), late.map(|at| at.minus(TEN_YEARS)));

    // What was under way at the acceptance is corrected by the second round.
    let under_way = opened.write();
    run(&mut opened, under_way, |tx| {
        let mut late = a_session(tx, user(7), tx.now().plus(DAY));
        late.user = user(9);
        tables::session::insert(tx, &late)
    });
    test_store.disk.clock.advance(Duration::from_secs(60));
    assert_eq!(redate(&mut opened), Redated::Finished);
    let last = ready(opened.store.read(|view| tables::session::of_user(view, user(9)))).unwrap().remove(0);
    assert!(last.created_at <= test_store.disk.clock.now());
    assert_eq!(redate(&mut opened), Redated::Finished);
}
