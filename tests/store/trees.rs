//! When a tree is trusted, and what is rebuilt if it is not.

use std::{fs, path::PathBuf, time::Duration};

use majordomo::persistence::{
    Lsn,
    base::{Closed, DistrustReason, OpenError, TreeState},
    engine::{Engine, EngineKind, sled::SledEngine},
};

use crate::test_disk::{History, State, TestDisk, contents, put};

fn tree(disk: &TestDisk) -> PathBuf {
    let mut found: Vec<_> = fs::read_dir(&disk.settings.dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("tree-"))
        .filter(|path| !path.to_string_lossy().ends_with(".aside"))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// A store with some history; not closed.
fn opened(kind: EngineKind) -> (TestDisk, State) {
    let disk = TestDisk::real(kind);
    let mut base = disk.open().unwrap();
    let history = History::new(2, 40);
    disk.commit(&mut base, &history.groups[..30]);
    disk.clock.advance(Duration::from_secs(2));
    assert!(base.checkpoint_if_due().unwrap());
    disk.commit(&mut base, &history.groups[30..]);
    (disk, history.last().clone())
}

fn closed(kind: EngineKind) -> (TestDisk, State) {
    let (disk, state) = opened(kind);
    assert_eq!(disk.open().unwrap().close_clean().unwrap(), Closed::Clean);
    (disk, state)
}

/// Opens, compares the state, and returns the outcome for the tree.
fn tree_state(disk: &TestDisk, state: &State) -> TreeState {
    let base = disk.open().unwrap();
    assert_eq!(contents(&**base.engine()), *state);
    base.opening().tree.clone()
}

fn reason(tree_state: TreeState) -> DistrustReason {
    match tree_state {
        TreeState::Trusted => panic!("the tree was trusted"),
        TreeState::Rebuilt { reason, .. } => reason,
    }
}

#[test]
fn a_tree_is_trusted_until_the_machine_stops() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (disk, state) = opened(kind);
        assert_eq!(tree_state(&disk, &state), TreeState::Trusted, "{}", kind.name());
    }
}

#[test]
fn a_cleanly_closed_tree_is_trusted_on_another_run_of_the_machine() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (mut disk, state) = closed(kind);
        disk.reboot();
        assert_eq!(tree_state(&disk, &state), TreeState::Trusted, "{}", kind.name());
        // The mark of a clean close applies to one opening.
        disk.reboot();
        let trusted = tree_state(&disk, &state) == TreeState::Trusted;
        assert_eq!(trusted, kind == EngineKind::Redb, "{}", kind.name());
    }
}

#[test]
fn after_a_stop_of_the_machine_sled_is_rebuilt_and_redb_is_not() {
    let (mut disk, state) = opened(EngineKind::Sled);
    disk.reboot();
    let before = tree(&disk);
    let base = disk.open().unwrap();
    assert_eq!(contents(&**base.engine()), state);
    assert_eq!(reason(base.opening().tree.clone()), DistrustReason::MachineStopped);
    assert!(before.exists(), "the old tree stays until the next checkpoint");
    assert_eq!(base.close_clean().unwrap(), Closed::Clean);
    assert!(!before.exists(), "the checkpoint of the close removes the old tree");
    assert_eq!(tree_state(&disk, &state), TreeState::Trusted, "the new tree is current");

    let (mut disk, state) = opened(EngineKind::Redb);
    disk.reboot();
    assert_eq!(tree_state(&disk, &state), TreeState::Trusted);
}

#[test]
fn an_empty_tree_beside_a_store_is_damage() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (disk, state) = closed(kind);
        let dir = tree(&disk);
        fs::remove_dir_all(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        assert_eq!(reason(tree_state(&disk, &state)), DistrustReason::Empty, "{}", kind.name());
    }
}

#[test]
fn a_missing_tree_is_rebuilt() {
    let (disk, state) = closed(EngineKind::Sled);
    fs::remove_dir_all(tree(&disk)).unwrap();
    assert_eq!(reason(tree_state(&disk, &state)), DistrustReason::Missing);
}

#[test]
fn a_tree_that_does_not_open_is_set_aside_and_rebuilt() {
    for (kind, file) in [(EngineKind::Sled, "conf"), (EngineKind::Redb, "tree.redb")] {
        let (disk, state) = closed(kind);
        let dir = tree(&disk);
        fs::write(dir.join(file), b"this is no tree").unwrap();
        let reason = reason(tree_state(&disk, &state));
        assert!(matches!(reason, DistrustReason::DoesNotOpen(_)), "{}: {reason}", kind.name());
        let aside = dir.with_file_name(format!("{}.aside", dir.file_name().unwrap().to_string_lossy()));
        assert!(aside.is_dir(), "{}", kind.name());
        let mut base = disk.open().unwrap();
        assert!(aside.is_dir(), "{}: it stays until the next checkpoint", kind.name());
        disk.commit(&mut base, &[vec![put(1, "later")]]);
        disk.clock.advance(Duration::from_secs(2));
        assert!(base.checkpoint_if_due().unwrap());
        assert!(!aside.exists(), "{}", kind.name());
    }
}

#[test]
fn a_tree_behind_its_checkpoint_is_rebuilt() {
    let (disk, _) = closed(EngineKind::Redb);
    let (dir, copy) = (tree(&disk), disk.settings.dir.join("old"));
    copy_dir(&dir, &copy);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "later")]]);
    let state = contents(&**base.engine());
    base.close_clean().unwrap();
    fs::remove_dir_all(&dir).unwrap();
    copy_dir(&copy, &dir);
    assert!(matches!(reason(tree_state(&disk, &state)), DistrustReason::Behind { .. }));
}

#[test]
fn a_tree_ahead_of_the_journal_is_refused() {
    let (disk, _) = closed(EngineKind::Sled);
    let mut base = disk.open().unwrap();
    let before = base.opening().last;
    disk.commit(&mut base, &[vec![put(1, "later")]]);
    base.close_clean().unwrap();
    let (journal, checkpoint) = (disk.journal(), disk.settings.dir.join("checkpoint"));
    // The journal loses its last commit, and the checkpoint its record of it.
    let mut segments: Vec<_> = fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let last = segments.last().unwrap();
    let mut bytes = fs::read(last).unwrap();
    let at = bytes.windows(4).rposition(|window| window == b"MJF1").unwrap();
    bytes[at..].fill(0);
    fs::write(last, bytes).unwrap();
    let text = fs::read_to_string(&checkpoint).unwrap();
    let json = text.lines().next().unwrap().replace(&format!("\"lsn\":{}", before.0 + 1), "\"lsn\":1");
    fs::write(&checkpoint, format!("{json}\ncrc32c {:08x}\n", crc32c::crc32c(json.as_bytes()))).unwrap();
    match disk.open() {
        Err(OpenError::TreeAhead { tree, journal }) => assert_eq!((tree, journal), (Lsn(before.0 + 1), before)),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("the store opened"),
    }
}

#[test]
fn a_damaged_checkpoint_costs_a_rebuild() {
    let (disk, state) = closed(EngineKind::Sled);
    let checkpoint = disk.settings.dir.join("checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap().replace("true", "True");
    fs::write(&checkpoint, text).unwrap();
    assert_eq!(reason(tree_state(&disk, &state)), DistrustReason::CheckpointDamaged);
}

#[test]
fn without_a_source_for_a_rebuild_the_open_is_refused_and_names_the_files() {
    let (mut disk, _) = opened(EngineKind::Sled);
    let mut base = disk.open().unwrap();
    for at in 0..200 {
        disk.commit(&mut base, &[vec![put(at, &"x".repeat(60))]]);
    }
    disk.clock.advance(Duration::from_secs(2));
    base.checkpoint_if_due().unwrap();
    drop(base);
    fs::remove_file(disk.journal().join("00000000000000000001.log")).unwrap();
    disk.reboot();
    let before = tree(&disk);
    match disk.open() {
        Err(OpenError::NothingToRebuild { reason: DistrustReason::MachineStopped, found }) => {
            assert!(found.contains("the journal begins with commit"), "{found}");
        }
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("the store opened"),
    }
    assert_eq!(tree(&disk), before);
}

#[test]
fn all_rows_are_moved_to_another_engine_and_back() {
    let (mut disk, state) = closed(EngineKind::Sled);
    for kind in [EngineKind::Redb, EngineKind::Mem, EngineKind::Sled] {
        disk.settings.engine = kind;
        let tree_state = tree_state(&disk, &state);
        assert_eq!(reason(tree_state), DistrustReason::OtherEngine, "{}", kind.name());
    }
    assert_eq!(tree_state(&disk, &state), TreeState::Trusted);
}

#[test]
fn an_unfinished_snapshot_file_of_sled_does_not_prevent_an_open() {
    let (disk, state) = opened(EngineKind::Sled);
    fs::write(tree(&disk).join("snap.00000000000000000042.generating"), b"half").unwrap();
    assert_eq!(tree_state(&disk, &state), TreeState::Trusted);
}

#[test]
fn a_reader_that_holds_the_tree_keeps_the_directory_locked() {
    let (disk, _) = opened(EngineKind::Sled);
    let base = disk.open().unwrap();
    let reader = std::sync::Arc::clone(base.engine());
    assert_eq!(base.close_clean().unwrap(), Closed::StillRead);
    drop(reader);
    assert!(matches!(disk.open(), Err(OpenError::Locked { .. })));
}

#[test]
fn a_partly_rebuilt_tree_is_not_used() {
    let (mut disk, state) = opened(EngineKind::Sled);
    disk.reboot();
    // A rebuild that was interrupted leaves a tree that no checkpoint names.
    let half = disk.settings.dir.join("tree-000002.sled");
    let engine = SledEngine::open(&half).unwrap();
    engine.apply(&put(5, "half"), Lsn(1)).unwrap();
    drop(engine);
    // The new tree has the name of the unfinished one, and nothing else of it.
    assert_eq!(reason(tree_state(&disk, &state)), DistrustReason::MachineStopped);
}

fn copy_dir(from: &PathBuf, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
