//! Sealed snapshots: readable under their key ring alone, and each block only at its place in its file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use majordomo::{
    persistence::{
        keyring::Keyring,
        settings::{StoreEnvironment, StoreSettings},
        snapshot::{
            SnapshotDisk, SnapshotError, SnapshotForm, file_name, read,
            restore::{RestoredSessions, restore},
        },
    },
    types::Clock as _,
};

use crate::{
    test_disk::{TestDisk, contents, put},
    tools::{Hand, Seeded},
};

/// The offsets of the blocks of a snapshot, and its length.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut found) = (16 + number(8), Vec::new());
    while at < bytes.len() {
        found.push(at);
        at += 9 + number(at + 1);
    }
    found.push(at);
    found
}

/// A file of these pieces whose checksums are right, as one without the key ring can make it.
fn forged(opening: &[u8], blocks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = opening.to_vec();
    let mut crc = crc32c::crc32c(opening);
    for block in blocks {
        crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, &block[..1]), &block[9..]);
        bytes.extend_from_slice(&block[..5]);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&block[9..]);
    }
    bytes
}

fn pieces(bytes: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let at = blocks(bytes);
    (&bytes[..at[0]], at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect())
}

fn taken(disk: &TestDisk, name: &str, keys: std::ops::Range<u64>) -> (PathBuf, Vec<u8>) {
    let mut base = disk.open().unwrap();
    for key in keys {
        disk.commit(&mut base, &[vec![put(key, &"wide ".repeat(10_000))]]);
    }
    let file = PathBuf::from("/simulated").join(name);
    base.upkeep().take_to(&file, SnapshotForm::Sealed).unwrap();
    base.close_clean().unwrap();
    let bytes = disk.sim.files()[&file].clone();
    (file, bytes)
}

fn verified(disk: &TestDisk, file: &Path) -> Result<(), SnapshotError> {
    read::verify(SnapshotDisk::of(&disk.environment), file).map(|_| ())
}

#[test]
fn blocks_that_are_changed_moved_left_out_or_of_another_file_are_found_although_the_checksums_are_right() {
    let disk = TestDisk::simulated();
    let (file, bytes) = taken(&disk, "one.snap", 0..100);
    let (_, other) = taken(&disk, "other.snap", 0..100);
    let ((opening, whole), (other_opening, others)) = (pieces(&bytes), pieces(&other));
    assert!(whole.len() >= 5, "{} blocks", whole.len());
    let last = whole.len() - 1;
    let mut changed = whole[1].to_vec();
    changed[40] ^= 1;
    let mut renamed = whole[1].to_vec();
    renamed[0] = 3;
    let with = |at: usize, block: &[u8]| {
        let mut blocks: Vec<Vec<u8>> = whole.iter().map(|block| block.to_vec()).collect();
        blocks[at] = block.to_vec();
        blocks
    };
    let mut swapped = with(1, whole[2]);
    swapped[2] = whole[1].to_vec();
    let mut dropped = with(0, whole[0]);
    dropped.remove(2);
    let forgeries = [
        ("one byte is changed", opening, with(1, &changed)),
        ("the kind of a block is changed", opening, with(1, &renamed)),
        ("two blocks are swapped", opening, swapped),
        ("a block is left out", opening, dropped),
        ("a block is that of another file", opening, with(1, others[1])),
        ("the end is that of another file", opening, with(last, others[others.len() - 1])),
        ("the head is that of another file", other_opening, with(0, whole[0])),
    ];
    for (what, opening, blocks) in forgeries {
        let blocks: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
        let forged = forged(opening, &blocks);
        disk.sim.damage(&file, |bytes| bytes.clone_from(&forged)).unwrap();
        let found = verified(&disk, &file).unwrap_err().to_string();
        assert!(found.contains("the seal is broken"), "{what}: {found}");
    }
    let again = forged(opening, &whole);
    assert!(again == bytes, "the test forges as the program writes");
    disk.sim.damage(&file, |bytes| bytes.clone_from(&again)).unwrap();
    verified(&disk, &file).unwrap();
}

#[test]
fn a_snapshot_shows_nothing_of_its_content_and_needs_its_key_ring() {
    let disk = TestDisk::simulated();
    let (file, bytes) = taken(&disk, "one.snap", 0..3);
    assert!(!bytes.windows(10).any(|part| part == b"wide wide "));
    let other = Keyring::generate(&Seeded::of(77), Hand::new().now());
    let fingerprint = other.fingerprint();
    for (ring, words) in [(None, "the key ring is missing"), (Some(Arc::new(other)), fingerprint.as_str())] {
        let environment = StoreEnvironment { ring, ..disk.environment.clone() };
        let error = read::verify(SnapshotDisk::of(&environment), &file).unwrap_err();
        assert!(matches!(error, SnapshotError::NoKey { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        let error = restore(&file, &disk.settings, &environment, RestoredSessions::End).unwrap_err();
        assert!(matches!(error, SnapshotError::NoKey { .. }), "{error}");
    }
}

#[test]
fn a_snapshot_under_an_older_key_is_readable_until_the_key_leaves_the_ring() {
    let disk = TestDisk::simulated();
    let (file, _) = taken(&disk, "one.snap", 0..3);
    let mut ring = Keyring::generate(&Seeded::default(), Hand::new().now());
    ring.rotate(&Seeded::of(5), disk.clock.now());
    let both = StoreEnvironment { ring: Some(Arc::new(ring)), ..disk.environment.clone() };
    read::verify(SnapshotDisk::of(&both), &file).unwrap();
    let mut ring = Keyring::generate(&Seeded::default(), Hand::new().now());
    ring.rotate(&Seeded::of(5), disk.clock.now());
    ring.prune();
    let pruned = StoreEnvironment { ring: Some(Arc::new(ring)), ..disk.environment.clone() };
    let error = read::verify(SnapshotDisk::of(&pruned), &file).unwrap_err();
    assert!(matches!(error, SnapshotError::NoKey { .. }), "{error}");
}

#[test]
fn a_plain_snapshot_is_restored_as_a_sealed_one_and_trusted_nowhere_else() {
    let disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &[vec![put(1, "visible")]]);
    let file = PathBuf::from("/simulated/plain.snap");
    let summary = base.upkeep().take_to(&file, SnapshotForm::Plain).unwrap();
    assert_eq!(summary.form, SnapshotForm::Plain);
    let bytes = disk.sim.files()[&file].clone();
    assert!(bytes.windows(7).any(|part| part == b"visible"));
    let refused = verified(&disk, &file).unwrap_err();
    assert!(matches!(refused, SnapshotError::Plain { .. }), "{refused}");
    let settings = StoreSettings { dir: PathBuf::from("/simulated/restored"), ..disk.settings.clone() };
    assert_eq!(restore(&file, &settings, &disk.environment, RestoredSessions::End).unwrap().form, SnapshotForm::Plain);
    let kept = settings.dir.join("snapshots").join(file_name(summary.exact));
    assert!(!disk.sim.files()[&kept].windows(7).any(|part| part == b"visible"));
    verified(&disk, &kept).unwrap();
    let restored = TestDisk {
        settings,
        environment: disk.environment.clone(),
        clock: disk.clock.clone(),
        ..TestDisk::simulated()
    };
    let opened = restored.open().unwrap();
    assert_eq!(contents(&**opened.engine()), contents(&**base.engine()));
}

#[test]
fn snapshots_of_a_lost_ring_are_replaced_at_once_and_cover_no_segment_before() {
    let mut disk = TestDisk::simulated();
    let mut base = disk.open().unwrap();
    for key in 0..30 {
        disk.commit(&mut base, &[vec![put(key, &"x".repeat(600))]]);
    }
    let lost = base.upkeep().take().unwrap();
    base.close_clean().unwrap();
    let ring = Keyring::generate(&Seeded::of(9), disk.clock.now());
    disk.environment.ring = Some(Arc::new(ring));
    disk.settings.tuning.retention_bytes = 0;
    let base = disk.open().unwrap();
    let segments = disk.sim.files().keys().filter(|path| path.starts_with(disk.journal())).count();
    assert!(base.upkeep().reclaim().is_err(), "the only snapshot is not readable");
    assert_eq!(disk.sim.files().keys().filter(|path| path.starts_with(disk.journal())).count(), segments);
    let done = base.upkeep().run().unwrap();
    assert_eq!(done.snapshot.map(|taken| taken.exact), Some(lost.exact));
    verified(&disk, &disk.settings.dir.join("snapshots").join(file_name(lost.exact))).unwrap();
}
