//! The walk of a snapshot finds rows of the tree that are missing or do not fit each other.

use std::ops::Bound;

use majordomo::{
    persistence::{
        Batch, Operation,
        engine::{ByteScan, Direction},
        snapshot::SnapshotError,
        tables::{
            session::{SESSION_BY_END, SESSION_BY_ID, SESSION_BY_USER},
            user::{USER_BY_ID, USER_BY_ROLE, USER_ID_BY_EMAIL, USER_ID_BY_USERNAME},
        },
    },
    telemetry::health::HealthStatus,
};

use crate::{
    damaged_values::{ON_DISK, alter, tree},
    test_disk::TestDisk,
    test_store::TestStore,
};

const EVENTS: u8 = 0x20;
const AUDIT: u8 = 0x23;
/// Bytes that a checksum adds to a value.
const CHECKSUM: usize = 4;

/// A closed store with users, sessions, codes, outcomes, events and entries.
fn used(kind: majordomo::persistence::engine::EngineKind) -> TestStore {
    let test_store = TestStore::real(kind);
    let mut opened = test_store.open();
    for at in 0..80 {
        opened.act(at, at * 5 + 1).unwrap();
    }
    opened.store.upkeep().unwrap().take().unwrap();
    opened.act(80, 1).unwrap();
    opened.close();
    test_store
}

/// Removes a row in the middle of a table from the tree.
fn lose(disk: &TestDisk, tag: u8) {
    alter(disk, |engine| {
        let (start, end) = (Bound::Included(vec![tag]), Bound::Excluded(vec![tag + 1]));
        let scan = ByteScan { start, end, direction: Direction::Ascending, limit: 1_000 };
        let mut rows = engine.view().unwrap().scan(&scan).unwrap();
        let (key, _) = rows.swap_remove(rows.len() / 2);
        Batch(vec![Operation::Delete { key }])
    });
}

#[test]
fn a_row_that_is_missing_is_reported_by_its_table_and_the_next_start_rebuilds() {
    let losses: [(u8, &[&str]); 9] = [
        (USER_ID_BY_EMAIL.tag, &["user_id_by_email: 1 missing"]),
        (USER_ID_BY_USERNAME.tag, &["user_id_by_username: 1 missing"]),
        (USER_BY_ROLE.tag, &["user_by_role: 1 missing"]),
        (SESSION_BY_USER.tag, &["session_by_user: 1 missing"]),
        (SESSION_BY_END.tag, &["session_by_end: 1 missing"]),
        (EVENTS, &["events: 1 missing"]),
        (AUDIT, &["audit_sign_ins: 1 missing"]),
        (SESSION_BY_ID.tag, &["session_by_user: 1 without their record", "session_by_end: 1 without their record"]),
        (USER_BY_ID.tag, &["user_id_by_email: 1 without their record", "user_id_by_username: 1 without their record"]),
    ];
    for kind in ON_DISK {
        let test_store = used(kind);
        for (tag, wanted) in losses {
            let before = tree(&test_store.disk);
            let truth = test_store.open();
            let contents = truth.contents();
            truth.close();
            lose(&test_store.disk, tag);
            let mut opened = test_store.open();
            let upkeep = opened.store.upkeep().unwrap().clone();
            let snapshots = upkeep.snapshots().unwrap();
            let found = match upkeep.take() {
                Err(SnapshotError::Inconsistent(found)) => found,
                other => panic!("{} {tag:02x}: {other:?}", kind.name()),
            };
            assert!(wanted.iter().all(|text| found.contains(text)), "{tag:02x}: {found}");
            assert_eq!(upkeep.snapshots().unwrap(), snapshots, "the snapshot is not named");
            let report = opened.store.report();
            assert_eq!(
                (report.status, report.reasons),
                (HealthStatus::Degraded, vec![format!("inconsistent: {found}")])
            );
            assert!(opened.store.lost().borrow().is_none());
            opened.writer.finish();
            drop(opened);
            let opened = test_store.open();
            assert_ne!(tree(&test_store.disk), before, "{tag:02x}");
            assert!(opened.contents() == contents, "{} {tag:02x}", kind.name());
            opened.store.upkeep().unwrap().take().unwrap();
            assert_eq!(opened.store.report().status, HealthStatus::Up);
            opened.close();
        }
    }
}

#[test]
fn entries_that_were_written_without_the_key_ring_degrade_health_and_stop_no_snapshot() {
    for kind in ON_DISK {
        let test_store = used(kind);
        alter(&test_store.disk, |engine| {
            let (start, end) = (Bound::Included(vec![AUDIT]), Bound::Excluded(vec![AUDIT + 1]));
            let scan = ByteScan { start, end, direction: Direction::Ascending, limit: 1_000 };
            let mut rows = engine.view().unwrap().scan(&scan).unwrap();
            let (key, value) = rows.swap_remove(rows.len() / 2);
            let mut value = value[..value.len() - CHECKSUM].to_vec();
            // Behind codec, schema, and two hashes.
            value[1 + 2 + 32 + 32] ^= 1;
            let crc = crc32c::crc32c_append(crc32c::crc32c_append(!(key.len() as u32), &key), &value);
            value.extend_from_slice(&crc.to_le_bytes());
            Batch(vec![Operation::Put { key, value }])
        });
        let opened = test_store.open();
        opened.store.upkeep().unwrap().take().unwrap();
        let report = opened.store.report();
        let wanted = vec!["inconsistent: audit_sign_ins: 1 written without the key ring".to_owned()];
        assert_eq!((report.status, report.reasons), (HealthStatus::Degraded, wanted));
        opened.close();
    }
}

#[test]
fn a_walk_beside_commits_finds_nothing() {
    for kind in ON_DISK {
        let test_store = TestStore::real(kind);
        let mut opened = test_store.open();
        let upkeep = opened.store.upkeep().unwrap().clone();
        std::thread::scope(|scope| {
            let walks = scope.spawn(move || (0..12).map(|_| upkeep.take()).collect::<Result<Vec<_>, _>>());
            let mut at = 0;
            while !walks.is_finished() || at < 300 {
                opened.act(at, at.wrapping_mul(2_654_435_761) >> 7).unwrap();
                at += 1;
            }
            let taken = walks.join().unwrap().unwrap();
            assert_eq!(taken.len(), 12, "{}", kind.name());
        });
        assert_eq!(opened.store.report().status, HealthStatus::Up);
        opened.close();
    }
}
