//! The key ring: created, matching, missing, another one, lost permanently, rotated.

use std::os::unix::fs::PermissionsExt as _;

use majordomo::{
    domain::notification::MailSelector,
    persistence::{
        KeyLoss, OpenFault, Reader as _, Scan,
        engine::EngineKind,
        keyring::Keyring,
        loss,
        tables::{self, inbox::Keeping, session::SESSION_BY_USER},
    },
    types::{Clock as _, Timestamp},
};

use crate::{
    samples::{SECRET, a_code, a_notification, a_session, a_signing_key, a_user},
    test_store::{OpenStore, TestStore},
    tools::{Seeded, ready, unless_taken, user},
};

const KEEPING: Keeping = Keeping { rows: 10, since: Timestamp::ZERO };

/// A user with a session, a code, a notification and a mail; and a signing key.
fn settle_in(opened: &mut OpenStore<'_>) {
    opened
        .commit(|tx| {
            let now = tx.now();
            unless_taken(tables::user::insert(tx, &a_user(user(1), 1, now)))?;
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
            Ok(())
        })
        .unwrap();
}

fn sessions(opened: &OpenStore<'_>) -> usize {
    ready(opened.store.read(|view| tables::session::of_user(view, user(1)))).unwrap().len()
}

fn refusal(test_store: &TestStore) -> String {
    match test_store.try_open(KeyLoss::Refuse) {
        Ok(_) => panic!("the store opened"),
        Err(fault @ (OpenFault::Directory(_) | OpenFault::Ring(_))) => fault.to_string(),
        Err(fault) => panic!("another refusal: {fault}"),
    }
}

#[test]
fn a_new_store_creates_a_ring_that_only_its_owner_can_read_and_opens_with_it_again() {
    let test_store = TestStore::real(EngineKind::Redb);
    let mut opened = test_store.open();
    settle_in(&mut opened);
    opened.close();
    assert_eq!(std::fs::metadata(&test_store.ring).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(sessions(&test_store.open()), 1);
}

#[test]
fn sealed_values_are_in_no_file() {
    for engine in [EngineKind::Sled, EngineKind::Redb] {
        let test_store = TestStore::real(engine);
        let mut opened = test_store.open();
        settle_in(&mut opened);
        opened.store.upkeep().unwrap().take().unwrap();
        opened.close();
        let holds = |needle: &[u8]| {
            let files = test_store.files();
            files.into_iter().filter(|(_, content)| content.windows(needle.len()).any(|at| at == needle)).count()
        };
        assert_eq!(holds(&SECRET), 0, "{}", engine.name());
        // Values that are not sealed are found by the same search, or it would prove nothing.
        assert!(holds(b"hash-of-a-password") >= 2, "{}", engine.name());
    }
}

#[test]
fn without_its_ring_a_store_is_refused_and_not_changed() {
    let test_store = TestStore::real(EngineKind::Redb);
    let mut opened = test_store.open();
    settle_in(&mut opened);
    opened.close();
    let before = test_store.files();
    std::fs::remove_file(&test_store.ring).unwrap();
    let words = refusal(&test_store);
    assert!(words.contains("the key ring is missing") && words.contains("sessions"), "{words}");
    assert!(!test_store.ring.exists());
    let chance = Seeded::default();
    // Another seed than that of the first ring.
    majordomo::types::Entropy::fill(&chance, &mut [0; 64]);
    Keyring::generate(&chance, test_store.disk.clock.now()).save(&test_store.ring).unwrap();
    let words = refusal(&test_store);
    assert!(words.contains("is not the one of this store"), "{words}");
    assert_eq!(test_store.files(), before);
}

#[test]
fn a_ring_that_others_can_read_is_refused() {
    let test_store = TestStore::real(EngineKind::Mem);
    test_store.open().close();
    std::fs::set_permissions(&test_store.ring, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&test_store).contains("chmod 600"));
}

#[test]
fn an_accepted_loss_keeps_users_and_drops_sealed_values() {
    let test_store = TestStore::real(EngineKind::Sled);
    let mut opened = test_store.open();
    settle_in(&mut opened);
    opened.close();
    std::fs::remove_file(&test_store.ring).unwrap();
    let opened = test_store.try_open(KeyLoss::Accept).unwrap();
    let read = |opened: &OpenStore<'_>| {
        ready(opened.store.read(|view| {
            let kept = tables::user::find(view, user(1))?.is_some();
            let indexes = view.keys(&SESSION_BY_USER, Scan::all())?.len();
            let waiting = tables::notification::next_due(view, majordomo::domain::notification::DeliveryLane::Urgent)?;
            let mails = tables::inbox::newest(view, &MailSelector::default(), 9)?.len();
            Ok((kept, indexes, waiting, mails, tables::signing_key::all(view)?.len()))
        }))
    };
    assert_eq!(read(&opened), Ok((true, 0, None, 0, 0)));
    opened.close();
    let mut opened = test_store.open();
    create_store_again(&mut opened);
    assert_eq!(sessions(&opened), 1);
}

fn create_store_again(opened: &mut OpenStore<'_>) {
    opened
        .commit(|tx| {
            let now = tx.now();
            let session = a_session(tx, user(1), now);
            tables::session::insert(tx, &session)?;
            Ok(())
        })
        .unwrap();
}

#[test]
fn after_a_rotation_values_are_resealed_and_the_old_key_can_be_dropped() {
    let test_store = TestStore::real(EngineKind::Redb);
    let mut opened = test_store.open();
    settle_in(&mut opened);
    opened.close();
    let mut ring = Keyring::load(&test_store.ring).unwrap().unwrap();
    ring.rotate(&Seeded::default(), test_store.disk.clock.now());
    ring.save(&test_store.ring).unwrap();
    let mut opened = test_store.open();
    assert_eq!(sessions(&opened), 1);
    let mut at = None;
    loop {
        let from = at.clone();
        at = opened.commit(move |tx| loss::reseal(tx, from.as_ref())).unwrap();
        if at.is_none() {
            break;
        }
    }
    opened.close();
    ring.prune();
    ring.save(&test_store.ring).unwrap();
    let opened = test_store.open();
    assert_eq!((sessions(&opened), ring.len()), (1, 1));
    let mails = ready(opened.store.read(|view| tables::inbox::newest(view, &MailSelector::default(), 9))).unwrap();
    assert_eq!(mails[0].text.as_bytes(), SECRET);
}
