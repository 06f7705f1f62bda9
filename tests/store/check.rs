//! `store check`: a valid store passes, a fault is named, and nothing is changed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use majordomo::persistence::{
    Lsn,
    assembly::CATALOG,
    base::{DistrustReason, OpenError},
    check::{CheckFault, CheckScope, Checked, check, check_snapshot},
    checksum,
    engine::{ByteScan, Engine, EngineKind, EngineView, redb::RedbEngine, sled::SledEngine},
    format::Format,
    journal::JournalProblem,
};

use crate::{
    damaged_values::{ON_DISK, alter, copy_dir, damage_first},
    test_disk::{History, TestDisk, put},
};

fn used(kind: EngineKind) -> TestDisk {
    let disk = TestDisk::real(kind);
    let mut base = disk.open().unwrap();
    let history = History::new(3, 60);
    disk.commit(&mut base, &history.groups[..40]);
    base.upkeep().take().unwrap();
    disk.clock.advance(Duration::from_secs(2));
    assert!(base.checkpoint_if_due().unwrap());
    disk.commit(&mut base, &history.groups[40..]);
    disk
}

fn closed(kind: EngineKind) -> TestDisk {
    let disk = used(kind);
    disk.open().unwrap().close_clean().unwrap();
    disk
}

fn checked(disk: &TestDisk) -> Result<Checked, CheckFault> {
    let before = bytes_below(&disk.settings.dir);
    let checked = check(&disk.settings, &disk.environment, scope(|_, _| Ok(())));
    assert!(bytes_below(&disk.settings.dir) == before, "a check changes nothing");
    checked
}

/// The scope of a check whose content `content` checks.
pub fn scope<C: FnOnce(&Format, &dyn EngineView) -> Result<(), String>>(content: C) -> CheckScope<'static, C> {
    CheckScope { catalog: &CATALOG, step: &|_| {}, content }
}

fn bytes_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

fn tree(disk: &TestDisk) -> PathBuf {
    let names = fs::read_dir(&disk.settings.dir).unwrap().map(|entry| entry.unwrap().path());
    names.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("tree-")).unwrap()
}

#[test]
fn a_valid_store_passes_closed_or_not() {
    for kind in [EngineKind::Sled, EngineKind::Redb, EngineKind::Mem] {
        for disk in [closed(kind), used(kind)] {
            let found = checked(&disk).unwrap_or_else(|fault| panic!("{}: {fault}", kind.name()));
            assert_eq!(found.snapshots, 1);
            assert!(found.segments > 2 && found.keys > 20 && found.last > Lsn(60), "{found:?}");
            assert_eq!(found.rebuild.is_some(), kind == EngineKind::Mem);
        }
    }
}

#[test]
fn a_store_whose_machine_stopped_passes_and_reports_what_the_next_start_does() {
    let mut disk = used(EngineKind::Sled);
    disk.reboot();
    assert_eq!(checked(&disk).unwrap().rebuild, Some(DistrustReason::MachineStopped));
}

#[test]
fn a_wrong_byte_anywhere_in_the_journal_is_named() {
    let disk = closed(EngineKind::Sled);
    let names = fs::read_dir(disk.journal()).unwrap().map(|entry| entry.unwrap().path());
    for path in names {
        let bytes = fs::read(&path).unwrap();
        // The last segment of a closed store may hold no commit; then there is nothing in it to damage.
        let Some(at) = bytes.windows(4).position(|window| window == b"MJF1") else { continue };
        let mut damaged = bytes.clone();
        damaged[at + 30] ^= 1;
        fs::write(&path, damaged).unwrap();
        let fault = checked(&disk).unwrap_err();
        assert!(matches!(fault, CheckFault::Open(OpenError::Journal(JournalProblem::Damaged { .. }))), "{fault}");
        assert!(fault.to_string().contains(&*path.file_name().unwrap().to_string_lossy()), "{fault}");
        fs::write(&path, bytes).unwrap();
    }
    checked(&disk).unwrap();
}

#[test]
fn a_damaged_snapshot_is_named() {
    let disk = closed(EngineKind::Sled);
    let path = fs::read_dir(disk.settings.dir.join("snapshots")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(checked(&disk).unwrap_err(), CheckFault::Snapshot(_)));
}

#[test]
fn a_tree_that_differs_is_reported_with_its_table_and_the_number_of_rows() {
    for kind in [EngineKind::Sled, EngineKind::Redb] {
        let disk = closed(kind);
        let last = checked(&disk).unwrap().last;
        let dir = tree(&disk);
        let engine: Box<dyn Engine> = match kind {
            EngineKind::Sled => Box::new(SledEngine::open(&dir).unwrap()),
            _ => Box::new(RedbEngine::open(&dir).unwrap()),
        };
        let mut smuggled = put(77, "smuggled in");
        checksum::append_all(&mut smuggled);
        engine.apply(&smuggled, last).unwrap();
        engine.checkpoint().unwrap();
        drop(engine);
        match checked(&disk).unwrap_err() {
            CheckFault::Differs { what, base, differences } => {
                assert_eq!((what.as_str(), base.as_str()), ("the tree", "an empty store"));
                assert_eq!(differences.to_string(), "user_by_id: 1 that should not be there");
            }
            other => panic!("another fault: {other}"),
        }
    }
}

#[test]
fn a_tree_that_is_empty_or_missing_is_a_fault() {
    let disk = closed(EngineKind::Sled);
    let dir = tree(&disk);
    fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(checked(&disk).unwrap_err(), CheckFault::Tree(DistrustReason::Missing)));
    fs::create_dir(&dir).unwrap();
    assert!(matches!(checked(&disk).unwrap_err(), CheckFault::Tree(DistrustReason::Empty)));
}

#[test]
fn a_fault_of_the_content_is_reported_and_the_check_sees_the_state_after_the_last_commit() {
    let disk = TestDisk::real(EngineKind::Sled);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(4, "seen")]]);
    drop(base);
    let content = |format: &Format, view: &dyn EngineView| {
        assert_eq!(format.format, majordomo::persistence::format::FORMAT);
        let key = [&[1][..], &4u64.to_be_bytes()].concat();
        Err(String::from_utf8(view.get(&key).unwrap().unwrap()).unwrap())
    };
    let fault = check(&disk.settings, &disk.environment, scope(content));
    assert_eq!(fault.unwrap_err().to_string(), "seen");
}

#[test]
fn a_directory_that_is_no_store_is_not_changed() {
    let disk = TestDisk::real(EngineKind::Sled);
    assert!(matches!(checked(&disk).unwrap_err(), CheckFault::NoStore(_)));
    assert!(!disk.settings.dir.exists());
}

#[test]
fn a_store_that_is_open_is_not_checked() {
    let disk = TestDisk::real(EngineKind::Sled);
    let _base = disk.open().unwrap();
    assert!(matches!(checked(&disk).unwrap_err(), CheckFault::Open(OpenError::Locked { .. })));
}

/// Forbids all writing below `dir`, as a read-only mount does.
fn forbid_writing(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            forbid_writing(&path);
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        }
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o500)).unwrap();
}

fn allow_writing(dir: &Path) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            allow_writing(&path);
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

#[test]
fn a_copied_directory_is_checked_without_a_write() {
    for kind in ON_DISK {
        let mut disk = closed(kind);
        let copy = disk.settings.dir.with_file_name("backup");
        copy_dir(&disk.settings.dir, &copy);
        fs::remove_file(copy.join("lock")).unwrap();
        disk.settings.dir = copy;
        forbid_writing(&disk.settings.dir);
        let found = checked(&disk).unwrap_or_else(|fault| panic!("{}: {fault}", kind.name()));
        assert!(found.rebuild.is_none() && found.snapshots == 1, "{found:?}");
        assert!(!disk.settings.dir.join("lock").exists());
        allow_writing(&disk.settings.dir);
        damage_first(&disk, 1);
        let fault = checked(&disk).unwrap_err().to_string();
        assert!(fault.ends_with("user_by_id: 1 with another value"), "{fault}");
    }
}

#[test]
fn a_snapshot_is_checked_by_itself() {
    let disk = closed(EngineKind::Redb);
    let path = fs::read_dir(disk.settings.dir.join("snapshots")).unwrap().next().unwrap().unwrap().path();
    let mut pairs = 0;
    let summary = check_snapshot(
        &path,
        &disk.settings,
        &disk.environment,
        scope(|_, view| {
            pairs = view.scan(&ByteScan::all(1_000)).unwrap().len();
            Ok(())
        }),
    );
    let summary = summary.unwrap();
    assert!(pairs > 10 && summary.exact > Lsn(40), "{pairs} {summary:?}");
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x08;
        fs::write(&path, damaged).unwrap();
        let fault = check_snapshot(&path, &disk.settings, &disk.environment, scope(|_, _| Ok(()))).unwrap_err();
        assert!(matches!(fault, CheckFault::Snapshot(_)), "byte {at}: {fault}");
    }
}

#[test]
fn a_newer_snapshot_of_a_tree_that_was_changed_is_found() {
    for kind in ON_DISK {
        let disk = closed(kind);
        alter(&disk, |_| {
            let mut batch = put(77, "smuggled in");
            checksum::append_all(&mut batch);
            batch
        });
        let mut base = disk.open().unwrap();
        disk.commit(&mut base, &[vec![put(78, "later")]]);
        let exact = base.upkeep().take().unwrap().exact;
        base.close_clean().unwrap();
        match checked(&disk).unwrap_err() {
            CheckFault::Differs { what, differences, .. } => {
                assert_eq!(what, format!("snapshots/{:020}.snap", exact.0));
                assert_eq!(differences.to_string(), "user_by_id: 1 that should not be there");
            }
            other => panic!("another fault: {other}"),
        }
    }
}
