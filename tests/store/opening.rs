//! The directories that can be opened, and those that are refused.

use std::{fs, time::Duration};

use majordomo::persistence::{
    base::{Base, BaseError, OpenError},
    engine::EngineKind,
    format::{FORMAT, FormatError},
};

use crate::{
    sim_fs::SimFailure,
    test_disk::{TestDisk, contents, put, seal},
};

fn refusal(disk: &TestDisk) -> OpenError {
    disk.open().map(|base| base.opening().clone()).unwrap_err()
}

#[test]
fn a_directory_that_is_in_use_is_refused_with_the_process_and_free_afterwards() {
    for disk in [TestDisk::real(EngineKind::Sled), TestDisk::simulated()] {
        let base = disk.open().unwrap();
        match refusal(&disk) {
            OpenError::Locked { pid, .. } => assert_eq!(pid, Some(std::process::id())),
            other => panic!("another error: {other}"),
        }
        drop(base);
        disk.open().unwrap();
    }
}

#[test]
fn a_start_waits_for_the_previous_process_to_end() {
    let mut disk = TestDisk::real(EngineKind::Sled);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "x")]]);
    disk.settings.lock_wait = Duration::from_secs(30);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| disk.open().unwrap().opening().last);
        base.close_clean().unwrap();
        assert_eq!(waiting.join().unwrap().0, 1);
    });
}

#[test]
fn a_newer_format_is_refused_and_its_version_is_named() {
    let disk = TestDisk::real(EngineKind::Sled);
    drop(disk.open().unwrap());
    let file = disk.settings.dir.join("store.json");
    fs::write(&file, r#"{"format": 9, "version": "3.1.4", "something": "else"}"#).unwrap();
    let refused = refusal(&disk);
    assert!(matches!(&refused, OpenError::Format(FormatError::Newer { format: 9, .. })), "{refused}");
    assert!(refused.to_string().contains("version 3.1.4"), "{refused}");
}

#[test]
fn an_older_format_is_refused_in_one_line() {
    let disk = TestDisk::real(EngineKind::Sled);
    drop(disk.open().unwrap());
    let file = disk.settings.dir.join("store.json");
    let written = fs::read_to_string(&file).unwrap();
    let older = written.replace(&format!("\"format\": {FORMAT}"), &format!("\"format\": {}", FORMAT - 1));
    assert_ne!(older, written);
    fs::write(&file, &older).unwrap();
    let refused = refusal(&disk);
    assert!(matches!(&refused, OpenError::Format(FormatError::Older { format, .. }) if *format == FORMAT - 1));
    assert!(!refused.to_string().contains('\n'), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), older);
}

#[test]
fn a_damaged_store_json_is_refused() {
    let disk = TestDisk::real(EngineKind::Sled);
    drop(disk.open().unwrap());
    fs::write(disk.settings.dir.join("store.json"), r#"{"format": 2, "ver"#).unwrap();
    assert!(matches!(refusal(&disk), OpenError::Format(FormatError::Damaged(_))));
}

#[test]
fn a_changed_character_in_store_json_is_refused() {
    let disk = TestDisk::real(EngineKind::Sled);
    drop(disk.open().unwrap());
    let file = disk.settings.dir.join("store.json");
    let written = fs::read(&file).unwrap();
    for at in 0..written.len() {
        let mut changed = written.clone();
        changed[at] ^= 1;
        fs::write(&file, changed).unwrap();
        // Space between fields carries nothing: there the file may be read as it was.
        match disk.open() {
            Ok(base) => assert!(written[at].is_ascii_whitespace() && base.format().store.len() == 32, "byte {at}"),
            Err(OpenError::Format(_)) => {}
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn parts_of_a_store_without_store_json_are_refused() {
    for missing in
        [&["store.json"][..], &["store.json", "checkpoint"], &["store.json", "checkpoint", "tree-000001.redb"]]
    {
        let disk = TestDisk::real(EngineKind::Redb);
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &[vec![put(1, "x")]]);
        drop(base);
        for name in missing {
            let path = disk.settings.dir.join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let refused = refusal(&disk);
        assert!(matches!(refused, OpenError::NoFormat { .. }), "{missing:?}: {refused}");
    }
}

#[test]
fn keys_that_do_not_fit_are_refused_before_anything_is_written() {
    let disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "x")]]);
    drop(base);
    disk.sim.end_process();
    let before = disk.sim.files();
    let opened = Base::open(&disk.settings, disk.environment.clone(), |format| {
        assert_eq!(format.unwrap().seal, seal());
        Err("another key ring".to_owned())
    });
    assert_eq!(opened.map(|_| ()).unwrap_err().to_string(), "another key ring");
    assert_eq!(disk.sim.files(), before);
}

#[test]
fn a_new_seal_is_kept() {
    let disk = TestDisk::simulated();
    drop(disk.open().unwrap());
    let mut other = seal();
    other.ring_fingerprint = "rotated".to_owned();
    drop(Base::open(&disk.settings, disk.environment.clone(), |_| Ok(other.clone())).unwrap());
    let base = Base::open(&disk.settings, disk.environment.clone(), |format| Ok(format.unwrap().seal.clone())).unwrap();
    assert_eq!(base.format().seal, other);
}

#[test]
fn a_first_start_that_was_interrupted_at_any_step_can_be_repeated() {
    for step in 1.. {
        let mut disk = TestDisk::simulated();
        disk.sim.fail_at(step, SimFailure::Stop);
        let opened = disk.open().is_ok();
        let steps = disk.sim.steps();
        if step % 2 == 0 {
            disk.sim.end_process();
        } else {
            disk.sim.stop_machine(step);
            disk.reboot();
        }
        let mut base = disk.open().unwrap_or_else(|error| panic!("step {step}: {error}"));
        disk.commit(&mut base, &[vec![put(1, "x")]]);
        assert_eq!(contents(&**base.engine()).len(), 1);
        if opened && steps < step {
            assert!(step > 8);
            return;
        }
    }
}

#[test]
fn a_group_that_cannot_be_written_does_not_change_the_base() {
    let disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    for batch in [
        majordomo::persistence::Batch(vec![majordomo::persistence::Operation::Delete { key: vec![0, 1] }]),
        majordomo::persistence::Batch(vec![majordomo::persistence::Operation::Delete { key: vec![] }]),
        put(1, &"x".repeat((64 << 10) + 1)),
    ] {
        let error = base.commit(disk.commits(&[put(7, "fine"), batch])).unwrap_err();
        assert!(matches!(&error, BaseError::Frame(_)) && !error.is_fatal(), "{error}");
    }
    disk.commit(&mut base, &[vec![put(1, "fine")]]);
    assert_eq!(base.progress().committed().0, 1);
    assert_eq!(contents(&**base.engine()).len(), 1);
}

#[test]
fn after_a_failed_sync_nothing_is_accepted() {
    let disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    // The write is the first step of a group, the sync the second.
    disk.sim.fail_at(disk.sim.steps() + 2, SimFailure::Error);
    let error = base.commit(disk.commits(&[put(1, "x")])).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    let error = base.commit(disk.commits(&[put(2, "x")])).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    assert_eq!(base.progress().committed().0, 0);
}

#[test]
fn a_store_whose_empty_directory_of_snapshots_is_missing_opens() {
    let disk = TestDisk::real(EngineKind::Redb);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "x")]]);
    base.close_clean().unwrap();
    fs::remove_dir(disk.settings.dir.join("snapshots")).unwrap();
    assert_eq!(contents(&**disk.open().unwrap().engine()).len(), 1);
}
