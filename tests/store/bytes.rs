//! The bytes of every key and every record, which must not change: `tests/store/bytes.txt` has a line for each row of a
//! store in which every table has one.
//!
//! A changed line means that existing stores can no longer be read: a changed record gets a new `SCHEMA` and an
//! `upgrade`, and the bytes of the old line go into a test that reads them.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use majordomo::{
    domain::{
        audit::AuditRecord,
        auth::{actions::AuthAction, events::UserLoginFailed},
        event::{DeadLetter, DeadReason, Delayed},
        notification::TemplateName,
        otp::{NetworkRefusedCodes, RefusedCodes},
        user::actions::UserAction,
    },
    persistence::{
        Record, Tx, TxFault,
        codec::{self, CodecFault},
        keyring::Keyring,
        migrations::{self, Migration, MigrationStep},
        redating,
        tables::{
            self, failure,
            inbox::Keeping,
            inventory, notification,
            outcome::OutcomeKey,
            refused_codes::RefusalScope,
            subscription::{self, EventPlace, Settlement},
        },
    },
    types::{Network, Timestamp, id::EventId},
};

use crate::{
    samples::{
        a_code, a_notification, a_registration, a_reset_request, a_session, a_signing_key, a_user, an_invitation,
    },
    test_store::TestStore,
    tools::{failed_login, unless_taken, user},
};

/// Puts a row into every table. New ones go to the end, so that the others draw the same random bytes as before.
fn fill(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    let now = tx.now();
    let person = user(0x0123_4567_89ab);
    unless_taken(tables::user::insert(tx, &a_user(person, 1, now)))?;
    tables::registration::insert(tx, &a_registration(user(2), 2, now))?;
    let session = a_session(tx, person, now);
    tables::session::insert(tx, &session)?;
    let code = a_code(tx, person, now);
    tables::code::put(tx, &code)?;
    let key = a_signing_key(tx, now);
    tables::signing_key::put(tx, &key)?;
    let outcome = OutcomeKey { principal: "somebody".to_owned(), key: "a\0key".to_owned() };
    tables::outcome::remember(tx, &outcome, [7; 32], b"answer".to_vec())?;
    let (notification_record, delivery, mail) = a_notification(tx, person, now);
    notification::insert(tx, &notification_record)?;
    notification::put_delivery(tx, &delivery)?;
    let budget = notification::budget(tx, person, TemplateName::Welcome)?;
    notification::put_budget(tx, (person, TemplateName::Welcome), &budget)?;
    tables::inbox::put(tx, &mail, Keeping { rows: 9, since: Timestamp::ZERO })?;
    fill_failures(tx, now)?;
    fill_subscriptions(tx, now)?;
    migrations::mark_all(tx, &[Migration { name: "0001_first", step: |_, _| Ok(MigrationStep::Finished) }])?;
    tx.emit(failed_login(person, "somebody@example.com"))?;
    tx.audit(AuditRecord::refused(AuthAction::Login, person).detail("reason=password"))?;
    tables::timing_padding::leave(tx)?;
    let refused = RefusedCodes::with_another(None, now);
    let scope = RefusalScope::Domain("example.com");
    tables::refused_codes::put(tx, scope, &refused)?;
    let caused = (Network::V4([192, 0, 2]), &NetworkRefusedCodes { count: 1 });
    tables::refused_codes::put_of_network(tx, (scope, &refused), caused)?;
    let request = a_reset_request(tx, now);
    tables::reset::put(tx, &request)?;
    let invitation = an_invitation(tx, now);
    tables::invitation::insert(tx, &invitation)?;
    tx.audit(AuditRecord::done(UserAction::ChangeRoles, person).detail("roles=user"))?;
    redating::begin(tx, now.plus(std::time::Duration::from_secs(1)))
}

fn fill_failures(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), TxFault> {
    use majordomo::domain::auth::lockout::{LockoutLimits, RateOrigin, Reservation, Subject, reserve};
    let (subject, origin) = (Subject::Identifier([3; 32]), RateOrigin::Device([4; 16]));
    let network = Network::V4([192, 0, 2]);
    for origin in [origin, RateOrigin::Network(network)] {
        let before = failure::find(tx, subject, origin)?;
        if let Reservation::Reserved(counters) = reserve(&before, origin, now, &LockoutLimits::default()) {
            failure::put(tx, subject, origin, &counters)?;
        }
    }
    Ok(())
}

fn fill_subscriptions(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), TxFault> {
    let place = |sequence| EventPlace { subscriber: "notifier", subject: user(5), sequence };
    subscription::advance(tx, "notifier", 3)?;
    assert_eq!(subscription::settle(tx, place(7))?, Settlement::First);
    subscription::delay(tx, place(8), &Delayed { attempts: 2, due: now, last_error: "busy".to_owned() })?;
    let letter = DeadLetter {
        event: Some(EventId::from(uuid::Uuid::from_u128(9))),
        event_type: Some(UserLoginFailed::TYPE),
        subject: user(5),
        attempts: 10,
        reason: DeadReason::Exhausted,
        last_error: "busy".to_owned(),
        at: now,
    };
    subscription::add_dead_letter(tx, place(9), &letter)
}

/// `table key value`, the value without its seal.
fn lines() -> String {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    opened.commit(fill).unwrap();
    let ring = Keyring::load(&test_store.ring).unwrap().unwrap();
    let mut text = String::new();
    for row in inventory() {
        let mut found = 0;
        for (key, value) in opened.contents().iter().filter(|(key, _)| key[0] == row.tag) {
            let plain =
                if row.is_sealed() { ring.unseal(row.name, key, value).unwrap().to_vec() } else { value.clone() };
            writeln!(text, "{} {} {}", row.name, hex(key), hex(&plain)).unwrap();
            found += 1;
        }
        assert!(found > 0, "no row of {}: add one to `fill`", row.name);
    }
    text
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// A file of the repository.
pub fn recorded_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares a text with a file of the repository; writes the file when `UPDATE_REFERENCE=1`.
pub fn compare(name: &str, text: &str) {
    let path = recorded_file(name);
    if std::env::vars().any(|(name, value)| name == "UPDATE_REFERENCE" && value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = text.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(
        written == text,
        "{name} is not what the code says. A changed record is a new SCHEMA with an upgrade; a new table or reference \
         is written by UPDATE_REFERENCE=1. First difference: {differing:?}"
    );
}

#[test]
fn every_key_and_every_record_has_its_recorded_bytes() {
    compare("tests/store/bytes.txt", &lines());
}

#[test]
fn the_inventory_of_tables_is_in_the_reference() {
    let mut text = String::from(
        "# Tables\n\nPrinted from `src/persistence/schema/tables/mod.rs`. A key is the table's byte and the fields in order.\n\n\
         | table | byte | key | record | owner | values | kept |\n|---|---|---|---|---|---|---|\n",
    );
    for row in inventory() {
        let values = if row.is_sealed() { "sealed" } else { "plain" };
        let record = row.index_of.map_or(row.record.to_owned(), |of| match row.record {
            "-" => format!("index of {of}"),
            id => format!("{id}: index of {of}"),
        });
        let kept = row.kept;
        writeln!(
            text,
            "| `{}` | `{:02x}` | {} | {record} | {} | {values} | {kept} |",
            row.name, row.tag, row.key, row.owner
        )
        .unwrap();
    }
    compare("docs/reference/tables.md", &text);
}

/// A record that has changed twice: first it had one number, then two, now their sum as text.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Sum(String);

#[derive(serde::Serialize, serde::Deserialize)]
struct SumV1(u32);

#[derive(serde::Serialize, serde::Deserialize)]
struct SumV2(u32, u32);

impl From<SumV1> for SumV2 {
    fn from(old: SumV1) -> Self {
        Self(old.0, 0)
    }
}

impl From<SumV2> for Sum {
    fn from(old: SumV2) -> Self {
        Self((old.0 + old.1).to_string())
    }
}

impl Record for Sum {
    const SCHEMA: u16 = 3;
    const NAME: &'static str = "sum";
    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        match schema {
            1 => codec::payload::<SumV1>(Self::NAME, payload).map(SumV2::from).map(Self::from),
            2 => codec::payload::<SumV2>(Self::NAME, payload).map(Self::from),
            _ => Err(CodecFault::Schema { record: Self::NAME, schema }),
        }
    }
}

#[test]
fn old_schemas_are_read_and_newer_ones_and_leftovers_refused() {
    let sum = |text: &str| Sum(text.to_owned());
    assert_eq!(codec::decode::<Sum>(&[1, 0, 1, 5]), Ok(sum("5")));
    assert_eq!(codec::decode::<Sum>(&[1, 0, 2, 5, 6]), Ok(sum("11")));
    assert_eq!(codec::decode::<Sum>(&codec::encode(&sum("12")).unwrap()), Ok(sum("12")));
    assert_eq!(codec::decode::<Sum>(&[1, 0, 4, 5]), Err(CodecFault::Schema { record: "sum", schema: 4 }));
    assert_eq!(codec::decode::<Sum>(&[2, 0, 3, 5]), Err(CodecFault::Codec(2)));
    assert_eq!(codec::decode::<Sum>(&[1, 0]), Err(CodecFault::Short(2)));
    assert!(matches!(codec::decode::<Sum>(&[1, 0, 2, 5, 6, 7]), Err(CodecFault::Payload { .. })));
    assert!(matches!(codec::decode::<Sum>(&[1, 0, 3, 200]), Err(CodecFault::Payload { .. })));
}

proptest::proptest! {
    #[test]
    fn bytes_that_are_no_record_are_refused_without_a_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        at in 0_usize..400,
    ) {
        let garbage = [&[1, 0, 1], bytes.as_slice()].concat();
        let _ = codec::decode::<majordomo::domain::user::User>(&garbage);
        let _ = codec::decode::<majordomo::domain::auth::Session>(&garbage);
        let _ = codec::decode::<majordomo::persistence::events::StoredEvent>(&garbage);
        // A valid record with one byte changed reaches more of the decoder than random bytes.
        let mut user = codec::encode(&a_user(user(1), 1, Timestamp::ZERO)).unwrap();
        let at = at % user.len();
        user[at] ^= bytes.first().copied().unwrap_or(1);
        let _ = codec::decode::<majordomo::domain::user::User>(&user);
    }
}
