//! The three engines behave the same.

use std::ops::Bound;

use majordomo::persistence::{
    Batch, Lsn, Operation,
    engine::{
        APPLIED_KEY, ByteScan, Direction, Engine, EngineKind, mem::MemEngine, redb::RedbEngine, sled::SledEngine,
    },
};
use proptest::prelude::*;

use crate::test_disk::{Dice, History, TestDisk, contents, stored};

#[test]
fn the_same_history_has_the_same_bytes_on_every_engine() {
    for seed in 0..4 {
        let history = History::new(seed, 60);
        for kind in [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem] {
            let disk = TestDisk::real(kind);
            let mut base = disk.open().unwrap();
            let (first, rest) = history.groups.split_at(30);
            disk.commit(&mut base, first);
            assert_eq!(contents(&**base.engine()), history.states[history.lsn_after(30).0 as usize]);
            base.close_clean().unwrap();
            let mut base = disk.open().unwrap();
            disk.commit(&mut base, rest);
            assert_eq!(contents(&**base.engine()), *history.last(), "{} with seed {seed}", kind.name());
            assert_eq!(base.engine().applied().unwrap(), Some(history.lsn_after(60)));
        }
    }
}

fn all_engines(dir: &tempfile::TempDir) -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(MemEngine::new()),
        Box::new(SledEngine::open(&dir.path().join("sled")).unwrap()),
        Box::new(RedbEngine::open(&dir.path().join("redb")).unwrap()),
    ]
}

#[test]
fn a_batch_of_thousands_of_keys_is_applied_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(7);
    let operations: Vec<Operation> = (0..5_000)
        .map(|at: u32| {
            let key = vec![1, dice.below(256) as u8, dice.below(4) as u8];
            if at % 5 == 4 { Operation::Delete { key } } else { Operation::Put { key, value: at.to_be_bytes().into() } }
        })
        .collect();
    let engines = all_engines(&dir);
    for engine in &engines {
        assert_eq!(engine.applied().unwrap(), None);
        engine.apply(&Batch(operations.clone()), Lsn(9)).unwrap();
        assert_eq!(engine.applied().unwrap(), Some(Lsn(9)));
        engine.checkpoint().unwrap();
        assert_eq!(stored(&**engine), stored(&*engines[0]), "{}", engine.stats().name);
    }
    assert!(stored(&*engines[0]).len() > 500);
}

#[test]
fn no_view_shows_an_engines_own_keys() {
    let dir = tempfile::tempdir().unwrap();
    for engine in all_engines(&dir) {
        engine.apply(&Batch::default(), Lsn(3)).unwrap();
        let view = engine.view().unwrap();
        for (start, direction) in [
            (Bound::Unbounded, Direction::Ascending),
            (Bound::Included(APPLIED_KEY.to_vec()), Direction::Descending),
            (Bound::Excluded(vec![]), Direction::Ascending),
        ] {
            let scan = ByteScan { start, end: Bound::Unbounded, direction, limit: 10 };
            assert_eq!(view.scan(&scan).unwrap(), vec![], "{}", engine.stats().name);
        }
    }
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    let key = prop::collection::vec(0u8..6, 0..4);
    prop_oneof![Just(Bound::Unbounded), key.clone().prop_map(Bound::Included), key.prop_map(Bound::Excluded),]
}

#[test]
fn any_scan_returns_the_same_on_every_engine() {
    let dir = tempfile::tempdir().unwrap();
    let engines = all_engines(&dir);
    let mut operations = Vec::new();
    for a in 1..6u8 {
        for b in 0..6u8 {
            operations.push(Operation::Put { key: vec![a, b], value: vec![b] });
            operations.push(Operation::Put { key: vec![a, b, a], value: vec![] });
        }
    }
    for engine in &engines {
        engine.apply(&Batch(operations.clone()), Lsn(1)).unwrap();
    }
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    let scan = (bound(), bound(), direction, 0usize..80).prop_map(|(start, end, direction, limit)| ByteScan {
        start,
        end,
        direction,
        limit,
    });
    proptest!(ProptestConfig::with_cases(400), |(scan in scan)| {
        let found: Vec<_> = engines.iter().map(|engine| engine.view().unwrap().scan(&scan).unwrap()).collect();
        prop_assert_eq!(&found[0], &found[1]);
        prop_assert_eq!(&found[0], &found[2]);
        prop_assert!(found[0].len() <= scan.limit);
    });
}
