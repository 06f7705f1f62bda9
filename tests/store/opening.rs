//! Who may open a directory, and what is no store.

use std::{fs, time::Duration};

use majordomo::persistence::{
    base::{Base, BaseError, OpenError},
    engine::EngineKind,
    format::FormatError,
    fs::sim::Failure,
};

use crate::yard::{Yard, contents, put, seal};

fn refusal(yard: &Yard) -> OpenError {
    yard.open().map(|base| base.opening().clone()).unwrap_err()
}

#[test]
fn a_directory_that_is_in_use_is_refused_with_the_process_and_free_afterwards() {
    for yard in [Yard::real(EngineKind::Sled), Yard::simulated()] {
        let base = yard.open().unwrap();
        match refusal(&yard) {
            OpenError::Locked { pid, .. } => assert_eq!(pid, Some(std::process::id())),
            other => panic!("another error: {other}"),
        }
        drop(base);
        yard.open().unwrap();
    }
}

#[test]
fn a_start_waits_for_the_one_before_it_to_leave() {
    let mut yard = Yard::real(EngineKind::Sled);
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &[vec![put(1, "x")]]);
    yard.settings.lock_wait = Duration::from_secs(30);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| yard.open().unwrap().opening().last);
        base.close_clean().unwrap();
        assert_eq!(waiting.join().unwrap().0, 1);
    });
}

#[test]
fn a_newer_format_is_refused_and_the_version_named() {
    let yard = Yard::real(EngineKind::Sled);
    drop(yard.open().unwrap());
    let file = yard.settings.dir.join("store.json");
    fs::write(&file, r#"{"format": 9, "version": "3.1.4", "something": "else"}"#).unwrap();
    let refused = refusal(&yard);
    assert!(matches!(&refused, OpenError::Format(FormatError::Newer { format: 9, .. })), "{refused}");
    assert!(refused.to_string().contains("version 3.1.4"), "{refused}");
}

#[test]
fn a_damaged_store_json_is_refused() {
    let yard = Yard::real(EngineKind::Sled);
    drop(yard.open().unwrap());
    fs::write(yard.settings.dir.join("store.json"), r#"{"format": 1, "ver"#).unwrap();
    assert!(matches!(refusal(&yard), OpenError::Format(FormatError::Damaged(_))));
}

#[test]
fn parts_of_a_store_without_store_json_are_no_new_store() {
    for gone in [&["store.json"][..], &["store.json", "checkpoint"], &["store.json", "checkpoint", "tree-000001.redb"]]
    {
        let yard = Yard::real(EngineKind::Redb);
        let mut base = yard.open().unwrap();
        yard.commit(&mut base, &[vec![put(1, "x")]]);
        drop(base);
        for name in gone {
            let path = yard.settings.dir.join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let refused = refusal(&yard);
        assert!(matches!(refused, OpenError::NoFormat { .. }), "{gone:?}: {refused}");
    }
}

#[test]
fn keys_that_do_not_fit_are_refused_before_anything_is_written() {
    let yard = Yard::simulated();
    let mut base = yard.open().unwrap();
    yard.commit(&mut base, &[vec![put(1, "x")]]);
    drop(base);
    yard.sim.end_process();
    let before = yard.sim.files();
    let opened = Base::open(&yard.settings, yard.seams.clone(), |format| {
        assert_eq!(format.unwrap().seal, seal());
        Err("another key ring".to_owned())
    });
    assert_eq!(opened.map(|_| ()).unwrap_err().to_string(), "another key ring");
    assert_eq!(yard.sim.files(), before);
}

#[test]
fn a_new_seal_is_kept() {
    let yard = Yard::simulated();
    drop(yard.open().unwrap());
    let mut other = seal();
    other.ring_fingerprint = "rotated".to_owned();
    drop(Base::open(&yard.settings, yard.seams.clone(), |_| Ok(other.clone())).unwrap());
    let base = Base::open(&yard.settings, yard.seams.clone(), |format| Ok(format.unwrap().seal.clone())).unwrap();
    assert_eq!(base.format().seal, other);
}

#[test]
fn a_first_start_that_was_interrupted_at_any_step_can_be_made_again() {
    for step in 1.. {
        let mut yard = Yard::simulated();
        yard.sim.fail_at(step, Failure::Stop);
        let opened = yard.open().is_ok();
        let steps = yard.sim.steps();
        if step % 2 == 0 {
            yard.sim.end_process();
        } else {
            yard.sim.stop_machine(step);
            yard.reboot();
        }
        let mut base = yard.open().unwrap_or_else(|error| panic!("step {step}: {error}"));
        yard.commit(&mut base, &[vec![put(1, "x")]]);
        assert_eq!(contents(&**base.engine()).len(), 1);
        if opened && steps < step {
            assert!(step > 8);
            return;
        }
    }
}

#[test]
fn a_group_that_cannot_be_written_leaves_the_base_as_it_was() {
    let yard = Yard::simulated();
    let mut base = yard.open().unwrap();
    for batch in [
        majordomo::persistence::Batch(vec![majordomo::persistence::Operation::Delete { key: vec![0, 1] }]),
        majordomo::persistence::Batch(vec![majordomo::persistence::Operation::Delete { key: vec![] }]),
        put(1, &"x".repeat((64 << 10) + 1)),
    ] {
        let error = base.commit(yard.commits(&[put(7, "fine"), batch])).unwrap_err();
        assert!(matches!(&error, BaseError::Frame(_)) && !error.is_fatal(), "{error}");
    }
    yard.commit(&mut base, &[vec![put(1, "fine")]]);
    assert_eq!(base.progress().committed().0, 1);
    assert_eq!(contents(&**base.engine()).len(), 1);
}

#[test]
fn after_a_failed_sync_nothing_is_accepted() {
    let yard = Yard::simulated();
    let mut base = yard.open().unwrap();
    // The write is the first step of a group, the sync the second.
    yard.sim.fail_at(yard.sim.steps() + 2, Failure::Error);
    let error = base.commit(yard.commits(&[put(1, "x")])).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    let error = base.commit(yard.commits(&[put(2, "x")])).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    assert_eq!(base.progress().committed().0, 0);
}
