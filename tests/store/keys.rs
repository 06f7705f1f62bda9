//! The key ring: made, fitting, missing, another one, lost for good, rotated.

use std::os::unix::fs::PermissionsExt as _;

use majordomo::{
    persistence::{
        KeyLoss, OpenFault, Reader as _, Scan, Verdict,
        engine::EngineKind,
        keyring::Keyring,
        loss,
        tables::{self, inbox::Keeping, session::SESSION_BY_USER},
    },
    types::{Clock as _, Timestamp},
};

use crate::{
    house::{House, Lived},
    samples::{SECRET, a_code, a_notification, a_session, a_signing_key, a_user},
    tools::{Seeded, user},
};

const KEEPING: Keeping = Keeping { rows: 10, since: Timestamp::ZERO };

/// A user with a session, a code, a notification and a mail; and a signing key.
fn settle_in(lived: &mut Lived<'_>) {
    lived
        .commit(|tx| {
            let now = tx.now();
            let _ = tables::user::insert(tx, &a_user(user(1), 1, now))?;
            let session = a_session(tx, user(1), now);
            tables::session::insert(tx, &session)?;
            let code = a_code(tx, user(1), now);
            tables::code::put(tx, &code)?;
            let key = a_signing_key(tx, now);
            tables::signing_key::put(tx, &key)?;
            let (notification, delivery, mail) = a_notification(tx, user(1), now);
            tables::notification::insert(tx, &notification)?;
            tables::notification::put_delivery(tx, &delivery)?;
            tables::inbox::put(tx, &mail, KEEPING)?;
            tx.emit(crate::tools::failed_login(user(1), "only-sealed-and-never-in-a-file!"))?;
            Ok(Verdict::Commit(()))
        })
        .unwrap();
}

fn sessions(lived: &Lived<'_>) -> usize {
    lived.store.read(|view| tables::session::of_user(view, user(1))).unwrap().len()
}

fn refusal(house: &House) -> String {
    match house.try_open(KeyLoss::Refuse) {
        Ok(_) => panic!("it opened"),
        Err(fault @ (OpenFault::Directory(_) | OpenFault::Ring(_))) => fault.to_string(),
        Err(fault) => panic!("another refusal: {fault}"),
    }
}

#[test]
fn a_new_store_makes_a_ring_only_its_owner_can_read_and_opens_with_it_again() {
    let house = House::real(EngineKind::Redb);
    let mut lived = house.open();
    settle_in(&mut lived);
    lived.close();
    assert_eq!(std::fs::metadata(&house.ring).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sessions(&house.open()), 1);
}

#[test]
fn sealed_values_are_in_no_file() {
    for engine in [EngineKind::Sled, EngineKind::Redb] {
        let house = House::real(engine);
        let mut lived = house.open();
        settle_in(&mut lived);
        lived.store.upkeep().unwrap().take().unwrap();
        lived.close();
        let holds = |needle: &[u8]| {
            let files = house.files();
            files.into_iter().filter(|(_, content)| content.windows(needle.len()).any(|at| at == needle)).count()
        };
        assert_eq!(holds(&SECRET), 0, "{}", engine.name());
        // What is not sealed is found by the same search, or it would prove nothing.
        assert!(holds(b"hash-of-a-password") >= 2, "{}", engine.name());
    }
}

#[test]
fn without_its_ring_a_store_stays_closed_and_untouched() {
    let house = House::real(EngineKind::Redb);
    let mut lived = house.open();
    settle_in(&mut lived);
    lived.close();
    let before = house.files();
    std::fs::remove_file(&house.ring).unwrap();
    let words = refusal(&house);
    assert!(words.contains("the key ring is missing") && words.contains("sessions"), "{words}");
    assert!(!house.ring.exists());
    let chance = Seeded::default();
    // Not the chance from which the first ring came.
    majordomo::types::Entropy::fill(&chance, &mut [0; 64]);
    Keyring::generate(&chance, house.yard.clock.now()).save(&house.ring).unwrap();
    let words = refusal(&house);
    assert!(words.contains("is not the one of this store"), "{words}");
    assert_eq!(house.files(), before);
}

#[test]
fn a_ring_that_others_can_read_is_refused() {
    let house = House::real(EngineKind::Mem);
    house.open().close();
    std::fs::set_permissions(&house.ring, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&house).contains("chmod 600"));
}

#[test]
fn whoever_accepts_the_loss_keeps_users_and_loses_what_was_sealed() {
    let house = House::real(EngineKind::Sled);
    let mut lived = house.open();
    settle_in(&mut lived);
    lived.close();
    std::fs::remove_file(&house.ring).unwrap();
    let lived = house.try_open(KeyLoss::Accept).unwrap();
    let read = |lived: &Lived<'_>| {
        lived.store.read(|view| {
            let kept = tables::user::find(view, user(1))?.is_some();
            let indexes = view.keys(&SESSION_BY_USER, Scan::all())?.len();
            let waiting = tables::notification::next_due(view, majordomo::domain::notification::Lane::Urgent)?;
            let mails = tables::inbox::newest(view, 9)?.len();
            Ok((kept, indexes, waiting, mails, tables::signing_key::all(view)?.len()))
        })
    };
    assert_eq!(read(&lived), Ok((true, 0, None, 0, 0)));
    lived.close();
    let mut lived = house.open();
    settle_in_anew(&mut lived);
    assert_eq!(sessions(&lived), 1);
}

fn settle_in_anew(lived: &mut Lived<'_>) {
    lived
        .commit(|tx| {
            let now = tx.now();
            let session = a_session(tx, user(1), now);
            tables::session::insert(tx, &session)?;
            Ok(Verdict::Commit(()))
        })
        .unwrap();
}

#[test]
fn a_rotated_ring_opens_the_old_seals_anew_and_then_the_old_key_can_go() {
    let house = House::real(EngineKind::Redb);
    let mut lived = house.open();
    settle_in(&mut lived);
    lived.close();
    let mut ring = Keyring::load(&house.ring).unwrap().unwrap();
    ring.rotate(&Seeded::default(), house.yard.clock.now());
    ring.save(&house.ring).unwrap();
    let mut lived = house.open();
    assert_eq!(sessions(&lived), 1);
    let mut at = None;
    loop {
        let from = at.clone();
        at = lived.commit(move |tx| Ok(Verdict::Commit(loss::reseal(tx, from.as_ref())?))).unwrap();
        if at.is_none() {
            break;
        }
    }
    lived.close();
    ring.prune();
    ring.save(&house.ring).unwrap();
    let lived = house.open();
    assert_eq!((sessions(&lived), ring.len()), (1, 1));
    let mails = lived.store.read(|view| tables::inbox::newest(view, 9)).unwrap();
    assert_eq!(mails[0].text.as_bytes(), SECRET);
}
