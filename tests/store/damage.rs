//! Journals with torn ends, missing parts and wrong bytes: what is cut, and what is refused with its place.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use majordomo::{
    persistence::{
        Batch, Lsn, Operation,
        base::{Base, OpenError},
        journal::{
            JournalProblem, SegmentName,
            frame::{self, Frame, FrameTime},
            reader::{FrameFound, Proof, SegmentReader},
            segment::HEADER,
        },
    },
    types::Timestamp,
};
use proptest::prelude::*;

use crate::test_disk::{Dice, History, TestDisk, contents, put};

/// A journal of one segment without a checkpoint, whose last group is four commits; the process has ended.
fn one_segment(groups: usize) -> (TestDisk, History) {
    let mut disk = TestDisk::simulated();
    disk.settings.tuning.segment_bytes = 1 << 20;
    let mut history = History::new(5, groups);
    let last: Vec<Batch> = (0..4).map(|key| put(key, "the last group")).collect();
    for batch in &last {
        let mut state = history.last().clone();
        crate::test_disk::apply(&mut state, batch);
        history.states.push(state);
    }
    history.groups.push(last);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups);
    drop(base);
    disk.sim.end_process();
    (disk, history)
}

/// A journal of many segments, with a checkpoint shortly before its last commit.
fn many_segments() -> (TestDisk, History) {
    let disk = TestDisk::simulated();
    let history = History::new(6, 60);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups[..57]);
    checkpoint(&disk, &mut base);
    disk.commit(&mut base, &history.groups[57..]);
    drop(base);
    disk.sim.end_process();
    (disk, history)
}

fn checkpoint(disk: &TestDisk, base: &mut Base) {
    disk.clock.advance(Duration::from_secs(2));
    assert!(base.checkpoint_if_due().unwrap());
}

fn segments(disk: &TestDisk) -> Vec<SegmentName> {
    majordomo::persistence::journal::segment::list(&*disk.environment.fs, &disk.journal()).unwrap()
}

/// The frames of a segment: their first byte and the one after their last.
fn frames(disk: &TestDisk, name: SegmentName) -> Vec<(usize, usize)> {
    let mut reader = SegmentReader::open(&*disk.environment.fs, &disk.journal(), name).unwrap();
    let mut found = Vec::new();
    let mut at = HEADER as u64;
    while let FrameFound::Frame(_, next) = reader.frame_at(at).unwrap() {
        found.push((at as usize, next as usize));
        at = next;
    }
    found
}

fn damage(disk: &TestDisk, name: SegmentName, change: impl FnOnce(&mut Vec<u8>)) {
    disk.sim.damage(&name.path(&disk.journal()), change).unwrap();
}

/// All files except the lock, which holds the number of the last process.
fn files(disk: &TestDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = disk.sim.files();
    files.retain(|path, _| !path.ends_with("lock"));
    files
}

fn refusal(disk: &TestDisk) -> JournalProblem {
    let before = files(disk);
    let problem = match disk.open() {
        Ok(base) => panic!("it opened: {:?}", base.opening()),
        Err(OpenError::Journal(problem)) => problem,
        Err(other) => panic!("another error: {other}"),
    };
    assert_eq!(files(disk), before, "a refused opening changes nothing");
    problem
}

#[test]
fn if_a_part_of_the_last_group_is_lost_the_commits_before_the_first_loss_stay() {
    for mask in 0..16usize {
        for torn in [false, true] {
            let (disk, history) = one_segment(10);
            let name = segments(&disk)[0];
            let places = frames(&disk, name);
            let group = places[places.len() - 4..].to_vec();
            for (_, (start, end)) in group.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0) {
                let from = if torn { (start + end) / 2 } else { *start };
                damage(&disk, name, |bytes| bytes[from..*end].fill(0));
            }
            let kept = (0..4).take_while(|at| mask & (1 << at) == 0).count();
            let last = Lsn(history.lsn_after(10).0 + kept as u64);
            let base = disk.open().unwrap();
            assert_eq!(base.opening().last, last, "subset {mask:04b}, torn {torn}");
            let remains = torn || (kept + 1..4).any(|at| mask & (1 << at) == 0);
            assert_eq!(base.opening().cut.is_some(), mask != 0 && remains, "subset {mask:04b}, torn {torn}");
            assert_eq!(contents(&**base.engine()), history.states[last.0 as usize]);
        }
    }
}

#[test]
fn any_wrong_byte_before_the_last_group_is_refused_with_its_place() {
    let (disk, _) = one_segment(8);
    let name = segments(&disk)[0];
    let places = frames(&disk, name);
    let synced = &places[..places.len() - 4];
    let whole = disk.sim.files()[&name.path(&disk.journal())].clone();
    for at in (HEADER..synced.last().unwrap().1).step_by(7) {
        damage(&disk, name, |bytes| bytes[at] ^= 0x10);
        let (start, number) = synced
            .iter()
            .enumerate()
            .find(|(_, (_, end))| at < *end)
            .map(|(index, (start, _))| (*start, index as u64 + 1))
            .unwrap();
        match refusal(&disk) {
            JournalProblem::Damaged { place, lsn, proof, .. } => {
                assert_eq!((place.segment, place.offset, lsn), (name, start as u64, Lsn(number)), "byte {at}");
                assert!(matches!(proof, Proof::LaterFrame(_)), "byte {at}: {proof}");
            }
            other => panic!("byte {at}: {other}"),
        }
        damage(&disk, name, |bytes| bytes.clone_from(&whole));
    }
    disk.open().unwrap();
}

#[test]
fn a_journal_cut_below_its_checkpoint_is_refused_and_above_it_is_opened() {
    let mut disk = TestDisk::simulated();
    disk.settings.tuning.segment_bytes = 1 << 20;
    let history = History::new(8, 20);
    let mut base = disk.open().unwrap();
    disk.commit(&mut base, &history.groups[..15]);
    checkpoint(&disk, &mut base);
    disk.commit(&mut base, &history.groups[15..]);
    drop(base);
    disk.sim.end_process();
    let name = segments(&disk)[0];
    let places = frames(&disk, name);
    let covered = history.lsn_after(15).0 as usize;
    for length in (HEADER..places.last().unwrap().1).step_by(5) {
        let (copy, whole) = (&disk, places.iter().filter(|(_, end)| *end <= length).count());
        let before = copy.sim.files()[&name.path(&disk.journal())].clone();
        damage(copy, name, |bytes| bytes.truncate(length));
        if whole < covered {
            let problem = refusal(copy);
            assert!(
                matches!(problem, JournalProblem::Damaged { proof: Proof::Checkpoint(_), .. }),
                "length {length}: {problem}"
            );
            damage(copy, name, |bytes| bytes.clone_from(&before));
        } else {
            let base = copy.open().unwrap();
            assert_eq!(base.opening().last, Lsn(whole as u64), "length {length}");
            return;
        }
    }
    panic!("the journal did not become long enough");
}

#[test]
fn a_cleanly_closed_journal_that_lost_its_end_is_refused() {
    let (disk, _) = one_segment(3);
    disk.open().unwrap().close_clean().unwrap();
    let name = *segments(&disk).last().unwrap();
    let last = *frames(&disk, name).last().unwrap();
    damage(&disk, name, |bytes| bytes[last.0..].fill(0));
    assert!(matches!(refusal(&disk), JournalProblem::Damaged { proof: Proof::Checkpoint(_), .. }));
}

#[test]
fn damage_in_a_segment_that_another_follows_is_refused() {
    let (disk, _) = many_segments();
    let names = segments(&disk);
    // The segment before the last is read only after the checkpoint; without a checkpoint all segments are read.
    let checkpoint = disk.settings.dir.join("checkpoint");
    disk.environment.fs.remove(&checkpoint).unwrap();
    for name in &names[..names.len() - 1] {
        let last = *frames(&disk, *name).last().unwrap();
        let whole = disk.sim.files()[&name.path(&disk.journal())].clone();
        damage(&disk, *name, |bytes| bytes.truncate(last.0));
        let problem = refusal(&disk);
        match problem {
            JournalProblem::Damaged { place, proof: Proof::LaterSegment(_), .. } => {
                assert_eq!((place.segment, place.offset), (*name, last.0 as u64));
            }
            other => panic!("{name}: {other}"),
        }
        damage(&disk, *name, |bytes| bytes.clone_from(&whole));
    }
}

#[test]
fn a_missing_segment_is_refused() {
    let (disk, _) = many_segments();
    let names = segments(&disk);
    disk.environment.fs.remove(&disk.settings.dir.join("checkpoint")).unwrap();
    disk.environment.fs.remove(&names[names.len() / 2].path(&disk.journal())).unwrap();
    assert!(matches!(refusal(&disk), JournalProblem::Damaged { proof: Proof::LaterSegment(_), .. }));
}

#[test]
fn a_journal_without_its_last_segments_is_refused() {
    let (disk, _) = many_segments();
    for name in &segments(&disk)[3..] {
        disk.environment.fs.remove(&name.path(&disk.journal())).unwrap();
    }
    let problem = refusal(&disk);
    assert!(matches!(problem, JournalProblem::Damaged { proof: Proof::Checkpoint(_), .. }), "{problem}");
}

#[test]
fn a_damaged_head_of_a_segment_is_refused() {
    let (disk, _) = many_segments();
    let last = *segments(&disk).last().unwrap();
    for at in 0..28 {
        damage(&disk, last, |bytes| bytes[at] ^= 1);
        let problem = refusal(&disk);
        // Two bytes are reserved, and covered by the checksum like the others.
        assert!(matches!(problem, JournalProblem::Head(name) if name == last), "byte {at}: {problem}");
        damage(&disk, last, |bytes| bytes[at] ^= 1);
    }
    disk.open().unwrap();
}

#[test]
fn a_stored_value_cannot_pass_for_a_frame() {
    let (disk, history) = one_segment(2);
    let last = history.lsn_after(3);
    let mut base = disk.open().unwrap();
    // The value that an attacker would store if the checksum could be guessed: a frame that records everything as
    // synced.
    let later = Frame {
        epoch: 9,
        lsn: Lsn(last.0 + 9),
        synced: Lsn(last.0 + 8),
        time: Timestamp::ZERO,
        step: FrameTime::Onward,
        batch: put(1, "x"),
    };
    let mut bytes = Vec::new();
    frame::encode(later.head(), &later.batch, 0, &mut bytes).unwrap();
    let bait = Batch(vec![Operation::Put { key: vec![1, 9], value: bytes }]);
    disk.commit(&mut base, &[vec![bait]]);
    drop(base);
    disk.sim.end_process();
    let name = *segments(&disk).last().unwrap();
    let place = *frames(&disk, name).last().unwrap();
    damage(&disk, name, |bytes| bytes[place.0 + 4] ^= 1);
    let base = disk.open().unwrap();
    assert_eq!(base.opening().last, last);
    assert!(base.opening().cut.is_some());
}

#[test]
fn any_changed_journal_is_refused_or_opened_at_one_of_its_commits() {
    let mut dice = Dice(11);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..300 {
        let (disk, history) = if dice.below(2) == 0 { one_segment(4) } else { many_segments() };
        let names = segments(&disk);
        for _ in 0..1 + dice.below(3) {
            let name = names[dice.below(names.len() as u64) as usize];
            damage(&disk, name, |bytes| maul(&mut dice, bytes));
        }
        match disk.open() {
            Ok(base) => {
                opened += 1;
                let last = base.opening().last;
                assert_eq!(contents(&**base.engine()), history.states[last.0 as usize]);
            }
            Err(OpenError::Journal(_)) => refused += 1,
            Err(other) => panic!("another error: {other}"),
        }
    }
    assert!(opened > 10 && refused > 10, "{opened} opened, {refused} refused");
}

fn maul(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len() as u64) as usize;
    let end = (at + dice.below(200) as usize).min(bytes.len());
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at..end].fill(0),
        2 => bytes.truncate(at),
        3 => bytes.extend(dice.bytes(100)),
        _ => {
            let noise = dice.bytes(200);
            bytes.splice(at..end, noise);
        }
    }
}

#[test]
fn arbitrary_bytes_behind_a_head_are_no_commits() {
    let mut dice = Dice(12);
    for _ in 0..400 {
        let disk = TestDisk::simulated();
        disk.open().unwrap();
        disk.sim.end_process();
        let name = segments(&disk)[0];
        damage(&disk, name, |bytes| {
            for _ in 0..dice.below(6) {
                if dice.below(2) == 0 {
                    bytes.extend_from_slice(&frame::MAGIC);
                    bytes.extend_from_slice(&(dice.below(300) as u32).to_le_bytes());
                }
                bytes.extend(dice.bytes(300));
            }
        });
        let base = disk.open().unwrap();
        assert_eq!(base.opening().last, Lsn::ZERO);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), salt in any::<u64>()) {
        let _ = frame::decode(&bytes, salt);
        let _ = frame::decode_body(&bytes);
    }

    #[test]
    fn a_decoded_frame_equals_the_encoded_one(
        numbers in (any::<u64>(), any::<u64>(), any::<u64>(), any::<i64>(), any::<u64>()),
        puts in prop::collection::vec((prop::collection::vec(1u8.., 1..40), prop::option::of(any::<Vec<u8>>())), 0..9),
    ) {
        let (epoch, lsn, synced, time, salt) = numbers;
        let step = if salt.is_multiple_of(2) { FrameTime::Onward } else { FrameTime::Accepted };
        let operations = puts.into_iter().map(|(key, value)| match value {
            Some(value) => Operation::Put { key, value },
            None => Operation::Delete { key },
        });
        let batch = Batch(operations.collect());
        let time = Timestamp::from_micros(time);
        let frame = Frame { epoch, lsn: Lsn(lsn), synced: Lsn(synced), time, step, batch };
        let mut bytes = Vec::new();
        frame::encode(frame.head(), &frame.batch, salt, &mut bytes).unwrap();
        prop_assert_eq!(frame::decode(&bytes, salt).unwrap(), frame);
        prop_assert!(frame::decode(&bytes, salt ^ 1).is_err());
    }
}
