//! Which tree is trusted, and what is built when it is not.

use std::{fs, path::PathBuf, time::Duration};

use majordomo::persistence::{
    Lsn,
    base::{Closed, OpenError, Reason, TreeFate},
    engine::{Engine, EngineKind, sled::SledEngine},
};

use crate::yard::{History, State, Yard, contents, put};

fn tree(yard: &Yard) -> PathBuf {
    let mut found: Vec<_> = fs::read_dir(&yard.settings.dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("tree-"))
        .filter(|path| !path.to_string_lossy().ends_with(".aside"))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// A store with some history; not closed.
fn lived(kind: EngineKind) -> (Yard, State) {
    let yard = Yard::real(kind);
    let mut base = yard.open().unwrap();
    let history = History::new(2, 40);
    yard.commit(&mut base, &history.groups[..30]);
    yard.clock.advance(Duration::from_secs(2));
    assert!(base.checkpoint_if_due().unwrap());
    yard.commit(&mut base, &history.groups[30..]);
    (yard, history.last().clone())
}

fn closed(kind: EngineKind) -> (Yard, State) {
    let (yard, state) = lived(kind);
    assert_eq!(yard.open().unwrap().close_clean().unwrap(), Closed::Clean);
    (yard, state)
}

/// Opens, compares, and says what became of the tree.
fn fate(yard: &Yard, state: &State) -> TreeFate {
    let base = yard.open().unwrap();
    assert_eq!(contents(&**base.engine()), *state);
    base.opening().tree.clone()
}

fn reason(fate: TreeFate) -> Reason {
    match fate {
        TreeFate::Trusted => panic!("the tree was trusted"),
        TreeFate::Rebuilt { reason, .. } => reason,
    }
}

#[test]
fn a_tree_is_trusted_while_the_machine_runs_on() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (yard, state) = lived(kind);
        assert_eq!(fate(&yard, &state), TreeFate::Trusted, "{}", kind.name());
    }
}

#[test]
fn a_cleanly_closed_tree_is_trusted_on_another_run_of_the_machine() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (mut yard, state) = closed(kind);
        yard.reboot();
        assert_eq!(fate(&yard, &state), TreeFate::Trusted, "{}", kind.name());
        // The mark was for that one opening.
        yard.reboot();
        let trusted = fate(&yard, &state) == TreeFate::Trusted;
        assert_eq!(trusted, kind == EngineKind::Redb, "{}", kind.name());
    }
}

#[test]
fn after_a_stop_of_the_machine_sled_is_rebuilt_and_redb_is_not() {
    let (mut yard, state) = lived(EngineKind::Sled);
    yard.reboot();
    let before = tree(&yard);
    assert_eq!(reason(fate(&yard, &state)), Reason::MachineStopped);
    assert!(!before.exists(), "the old tree is gone");
    assert_eq!(fate(&yard, &state), TreeFate::Trusted, "the new one counts");

    let (mut yard, state) = lived(EngineKind::Redb);
    yard.reboot();
    assert_eq!(fate(&yard, &state), TreeFate::Trusted);
}

#[test]
fn an_empty_tree_beside_a_store_is_damage() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let (yard, state) = closed(kind);
        let dir = tree(&yard);
        fs::remove_dir_all(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        assert_eq!(reason(fate(&yard, &state)), Reason::Empty, "{}", kind.name());
    }
}

#[test]
fn a_missing_tree_is_rebuilt() {
    let (yard, state) = closed(EngineKind::Sled);
    fs::remove_dir_all(tree(&yard)).unwrap();
    assert_eq!(reason(fate(&yard, &state)), Reason::Missing);
}

#[test]
fn a_tree_that_does_not_open_is_set_aside_and_rebuilt() {
    for (kind, file) in [(EngineKind::Sled, "conf"), (EngineKind::Redb, "tree.redb")] {
        let (yard, state) = closed(kind);
        let dir = tree(&yard);
        fs::write(dir.join(file), b"this is no tree").unwrap();
        let reason = reason(fate(&yard, &state));
        assert!(matches!(reason, Reason::DoesNotOpen(_)), "{}: {reason}", kind.name());
        let aside = dir.with_file_name(format!("{}.aside", dir.file_name().unwrap().to_string_lossy()));
        assert!(aside.is_dir(), "{}", kind.name());
    }
}

#[test]
fn a_tree_behind_its_checkpoint_is_rebuilt() {
    let (yard, _) = closed(EngineKind::Redb);
    let (dir, copy) = (tree(&yard), yard.settings.dir.join("old"));
    copy_dir(&dir, &copy);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &[vec![put(1, "later")]]);
    let state = contents(&**base.engine());
    base.close_clean().unwrap();
    fs::remove_dir_all(&dir).unwrap();
    copy_dir(&copy, &dir);
    assert!(matches!(reason(fate(&yard, &state)), Reason::Behind { .. }));
}

#[test]
fn a_tree_ahead_of_the_journal_is_refused() {
    let (yard, _) = closed(EngineKind::Sled);
    let mut base = yard.open().unwrap();
    let before = base.opening().last;
    yard.commit(&mut base, &[vec![put(1, "later")]]);
    base.close_clean().unwrap();
    let (journal, checkpoint) = (yard.journal(), yard.settings.dir.join("checkpoint"));
    // The journal loses its last commit, and the checkpoint what it knew of it.
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
    match yard.open() {
        Err(OpenError::TreeAhead { tree, journal }) => assert_eq!((tree, journal), (Lsn(before.0 + 1), before)),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn a_damaged_checkpoint_costs_a_rebuild() {
    let (yard, state) = closed(EngineKind::Sled);
    let checkpoint = yard.settings.dir.join("checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap().replace("true", "True");
    fs::write(&checkpoint, text).unwrap();
    assert_eq!(reason(fate(&yard, &state)), Reason::CheckpointDamaged);
}

#[test]
fn with_nothing_to_rebuild_from_it_refuses_and_says_what_is_there() {
    let (mut yard, _) = lived(EngineKind::Sled);
    let mut base = yard.open().unwrap();
    for at in 0..200 {
        yard.commit(&mut base, &[vec![put(at, &"x".repeat(60))]]);
    }
    yard.clock.advance(Duration::from_secs(2));
    base.checkpoint_if_due().unwrap();
    drop(base);
    fs::remove_file(yard.journal().join("00000000000000000001.log")).unwrap();
    yard.reboot();
    let before = tree(&yard);
    match yard.open() {
        Err(OpenError::NothingToRebuild { reason: Reason::MachineStopped, found }) => {
            assert!(found.contains("the journal begins with commit"), "{found}");
        }
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it opened"),
    }
    assert_eq!(tree(&yard), before);
}

#[test]
fn another_engine_takes_over_all_there_is_and_gives_it_back() {
    let (mut yard, state) = closed(EngineKind::Sled);
    for kind in [EngineKind::Redb, EngineKind::Mem, EngineKind::Sled] {
        yard.settings.engine = kind;
        let fate = fate(&yard, &state);
        assert_eq!(reason(fate), Reason::OtherEngine, "{}", kind.name());
    }
    assert_eq!(fate(&yard, &state), TreeFate::Trusted);
}

#[test]
fn a_snapshot_sled_left_half_made_does_no_harm() {
    let (yard, state) = lived(EngineKind::Sled);
    fs::write(tree(&yard).join("snap.00000000000000000042.generating"), b"half").unwrap();
    assert_eq!(fate(&yard, &state), TreeFate::Trusted);
}

#[test]
fn a_reader_that_does_not_let_go_keeps_the_directory() {
    let (yard, _) = lived(EngineKind::Sled);
    let base = yard.open().unwrap();
    let reader = std::sync::Arc::clone(base.engine());
    assert_eq!(base.close_clean().unwrap(), Closed::StillRead);
    drop(reader);
    assert!(matches!(yard.open(), Err(OpenError::Locked { .. })));
}

#[test]
fn a_tree_that_was_half_rebuilt_is_not_taken_for_a_whole_one() {
    let (mut yard, state) = lived(EngineKind::Sled);
    yard.reboot();
    // A rebuild that ended in the middle leaves a tree that no checkpoint names.
    let half = yard.settings.dir.join("tree-000002.sled");
    let engine = SledEngine::open(&half).unwrap();
    engine.apply(&put(5, "half"), Lsn(1)).unwrap();
    drop(engine);
    assert_eq!(reason(fate(&yard, &state)), Reason::MachineStopped);
    assert!(!half.exists());
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
